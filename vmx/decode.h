/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots an exit: what the exit table flags for its reason, and no more. In a header of its own,
 * as it is most of the way of an exit and belongs into the loop.
 */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "vmx/mutant.h"
#include "vmx/vm.h"
#include "vmx/vmcs.h"

/* What few exits have: everything but reason, RIP and instruction length. */
static inline void exit_decode_details(struct vmx_exit *exit, uint8_t has)
{
    if (has & EXIT_HAS_QUALIFICATION) {
        exit->qualification = vmread(VMCS_EXIT_QUALIFICATION);
    }
    if (has & EXIT_HAS_LINEAR && exit_has_linear(exit)) {
        exit->linear = GVA(vmread(VMCS_GUEST_LINEAR_ADDRESS));
    }
    if (has & EXIT_HAS_PHYSICAL) {
        exit->physical = GPA(MUTATE(PHYSICAL, vmread(VMCS_GUEST_PHYSICAL_ADDRESS)));
    }
    if (has & EXIT_HAS_INTERRUPTION) {
        exit->interruption = (uint32_t)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    }
    if (has & EXIT_HAS_VECTORING) {
        exit->vectoring = (uint32_t)vmread(VMCS_IDT_VECTORING_INFO);
        if (exit->vectoring & INTERRUPTION_ERROR_CODE) {
            exit->vectoring_error = (uint32_t)vmread(VMCS_IDT_VECTORING_ERROR_CODE);
        }
    }
}

/*
 * Fills in `exit` from the current VMCS; gives its row in tables by reason: the basic reason, or
 * EXIT_REASONS for a failed entry and for reasons beyond the SDM's table.
 */
static inline unsigned exit_decode(struct vcpu *vcpu, struct vmx_exit *exit)
{
    uint32_t reason = vmread(VMCS_EXIT_REASON) & (EXIT_REASON_BASIC | EXIT_REASON_ENTRY_FAILURE);
    unsigned row = reason;
    uint8_t has;

    exit->n = ++vcpu->exits;
    exit->reason = reason;
    exit->injected = NOTHING_INJECTED;
    if (__builtin_expect(reason < EXIT_REASONS, 1)) {
        has = exit_has_table[reason];
    } else {
        exit->reason = reason & EXIT_REASON_BASIC;
        exit->entry_failed = reason & EXIT_REASON_ENTRY_FAILURE;
        has = exit_has(exit->reason);
        row = EXIT_REASONS;
    }
    exit->rip = vmread(VMCS_GUEST_RIP);
    if (has & EXIT_HAS_LENGTH) {
        exit->length = (uint32_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
    }
    if (has & ~EXIT_HAS_LENGTH) {
        exit_decode_details(exit, has);
    }
    return row;
}

#endif
