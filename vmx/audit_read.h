/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes from the running processor what the auditor looks at. */
#ifndef VMX_AUDIT_READ_H
#define VMX_AUDIT_READ_H

#include "vmx/audit.h"

/* Reads the processor's facts by CPUID and MSRs. */
void audit_facts_read(struct audit_facts *facts);

/* Host-physical memory; what is no memory that the hypervisor has mapped reads as absent. */
extern const struct physical_reader audit_memory;

/*
 * Copies the current VMCS, whose address is `vmcs`, with the fields that a processor of these
 * capabilities has, and prepares it. A field that should be there and cannot be read is logged and
 * counts as absent. `capabilities` and `facts` must outlive `audit`.
 */
void audit_read(struct audit *audit, const struct vmx_capabilities *capabilities,
                const struct audit_facts *facts, hpa_t vmcs);

#endif
