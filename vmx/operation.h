/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX operation: in and out again. SDM vol. 3C, "Enabling and Entering VMX Operation". */
#ifndef VMX_OPERATION_H
#define VMX_OPERATION_H

#include "ept/mtrr.h"
#include "kernel/status.h"
#include "vmx/capabilities.h"
#include "vmx/offer.h"

struct vmx_operation {
    struct vmx_capabilities capabilities;
    struct mtrrs mtrrs; /* what type memory has, for EPT */
    void *vmxon_region;
    uint64_t cr0, cr4; /* as before */
};

/* What vmx_offer_decide() wants to know of the running processor. */
void vmx_facts_read(struct vmx_facts *facts);

/*
 * Asks whether the running processor offers VT-x, switching it on in IA32_FEATURE_CONTROL where the
 * firmware left that open. Logs the answer as a sentence, and copies it to `why`.
 * STATUS_UNSUPPORTED: no VT-x here.
 */
enum status vmx_probe(char *why, size_t size) NODISCARD;

/*
 * Enters VMX operation on the running processor: CR0 and CR4 fixed bits, CR4.VMXE, a VMXON region,
 * VMXON, each logged (the capabilities and the MTRRs only with `verbose`). STATUS_NO_MEMORY;
 * STATUS_INVALID: the processor refused VMXON; in both cases all is as before.
 */
enum status vmx_enter_operation(struct vmx_operation *operation, bool verbose) NODISCARD;

/* VMXOFF; CR0 and CR4 as before, the region given back. */
void vmx_leave_operation(struct vmx_operation *operation);

#endif
