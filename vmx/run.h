/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a virtual CPU until its VM ends. */
#ifndef VMX_RUN_H
#define VMX_RUN_H

#include "vmx/vm.h"
#include "vmx/vmcs.h"

/* In entry.asm: VMLAUNCH or VMRESUME, and where a VM exit arrives. */
extern const char vmx_entry[], vmx_exit_entry[];

/*
 * Enters the guest whose registers are in `frame`, by VMRESUME if it has been launched. The result
 * speaks of the entry; after VMX_SUCCEED the guest has run and exited. The call stands here, as it
 * preserves fewer registers than the ABI asks for: as many as the loop uses.
 */
static inline enum vmx_result vmx_enter(struct vcpu_frame *frame, bool launched)
{
    enum vmx_result result;

    __asm__ volatile("call vmx_entry"
                     : "=a"(result), "+D"(frame), "+S"(launched)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "cc", "memory");
    return result;
}

/*
 * One entry and the exit after it, decoded into vcpu->exit, for who looks at exits himself. Only
 * after VMX_SUCCEED is there an exit; `failed` then tells a failed entry from one.
 */
enum vmx_result vcpu_enter_once(struct vcpu *vcpu, bool *failed) NODISCARD;

/* Skips the instruction that vcpu->exit is about, as a handler's ADVANCE does. */
void vcpu_advance(struct vcpu *vcpu);

/* Runs until vcpu->vm->end.ended. */
void vcpu_loop(struct vcpu *vcpu);

#endif
