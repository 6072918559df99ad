/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a virtual CPU until its VM ends. */
#ifndef VMX_RUN_H
#define VMX_RUN_H

#include "vmx/vm.h"
#include "vmx/vmcs.h"

/* In entry.asm. The result speaks of the entry; after VMX_SUCCEED the guest has run and exited. */
enum vmx_result vmx_enter(struct vcpu_frame *frame, bool launched);
extern const char vmx_exit_entry[];

/*
 * Enters the guest of `vcpu`, whose VMCS is current, and decodes the exit into vcpu->exit. Only
 * after VMX_SUCCEED is there one.
 */
enum vmx_result vmx_run(struct vcpu *vcpu) NODISCARD;

/* Runs until vcpu->vm->end.ended. */
void vcpu_loop(struct vcpu *vcpu);

/* Fills in vcpu->exit from the VMCS: what the exit table flags for the reason. */
void exit_decode(struct vcpu *vcpu);

/* The way past the instruction that exited: RIP, interruptibility, pending single-step. */
void vcpu_advance(struct vcpu *vcpu);

#endif
