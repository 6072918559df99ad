/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving past an instruction that exited, as the processor does when one completes. In a header of
 * its own, as it belongs into the loop.
 */
#ifndef VMX_ADVANCE_H
#define VMX_ADVANCE_H

#include "kernel/cpu.h"
#include "vmx/mutant.h"
#include "vmx/vm.h"
#include "vmx/vmcs.h"

#define INTERRUPTIBILITY_STI    BIT(0)
#define INTERRUPTIBILITY_MOV_SS BIT(1)
#define INTERRUPTIBILITY_NMI    BIT(3)
#define PENDING_DEBUG_BS        BIT(14)

/* An instruction that completes clears RF, and traps if TF was set. */
static inline void advance_flags(uint64_t rflags)
{
    vmwrite(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
    if (rflags & RFLAGS_TF && !(vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF)) {
        vmwrite(VMCS_GUEST_PENDING_DEBUG, vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
    }
}

/* What the processor does when an instruction completes. SDM vol. 3C, "Saving Non-Register State".
 */
static inline void advance(const struct vmx_exit *exit)
{
    uint64_t rip = exit->rip;
    uint64_t next = rip + exit->length;
    uint64_t blocking = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t rflags = vmread(VMCS_GUEST_RFLAGS);

    if ((next ^ rip) >> 32 != 0 && !(vmread(VMCS_GUEST_CS_AR) & BIT(13))) {
        next &= UINT32_MAX; /* outside 64-bit code, EIP wraps */
    }
    vmwrite(VMCS_GUEST_RIP, next);
    if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) {
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
                blocking & ~MUTATE(BLOCKING, INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
    }
    if (rflags & (RFLAGS_TF | RFLAGS_RF)) {
        advance_flags(rflags);
    }
}

#endif
