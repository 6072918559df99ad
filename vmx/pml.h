/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-modification log: the guest-physical address of each page whose dirty flag the processor
 * sets. SDM vol. 3C, "Page-Modification Logging".
 */
#ifndef VMX_PML_H
#define VMX_PML_H

#include "vmx/vm.h"

#define PML_ENTRIES 512

/* Points the current VMCS, whose "enable PML" control is on, to an empty log. STATUS_NO_MEMORY. */
enum status pml_start(struct vcpu *vcpu) NODISCARD;

/* Gives the log's page back; the guest does not run any more. */
void pml_stop(struct vcpu *vcpu);

typedef void pml_sink(void *context, gpa_t page);

/* Tells of each page in the log, the oldest first, and empties it; gives how many there were. To be
 * called after a VM exit by a full log (62), and whenever one wants to know. */
unsigned pml_drain(const struct vcpu *vcpu, pml_sink *sink, void *context);

#endif
