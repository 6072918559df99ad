/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a virtual CPU until its VM ends. */
#ifndef VMX_RUN_H
#define VMX_RUN_H

#include "vmx/vm.h"
#include "vmx/vmcs.h"

/* In entry.asm. The result speaks of the entry; after VMX_SUCCEED the guest has run and exited. */
enum vmx_result vmx_enter(struct vcpu_frame *frame, bool launched);
extern const char vmx_exit_entry[];

/* Runs until vcpu->vm->end.ended. */
void vcpu_loop(struct vcpu *vcpu);

#endif
