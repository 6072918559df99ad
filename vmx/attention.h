/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow work behind a virtual CPU's attention word. */
#ifndef VMX_ATTENTION_H
#define VMX_ATTENTION_H

#include "vmx/vm.h"

/* Does what the attention word asks for, between two entries, where printing is allowed. Answers
 * whether the VM has ended. */
bool attention_serve(struct vcpu *vcpu);

/* Whether memory appears at `gpa` when it is touched, and has not yet. */
bool is_lazy(const struct vm *vm, gpa_t gpa);

/* Asks for memory at `gpa`; answers ACTION_RESUME for handlers to pass on: the access is tried
 * again. */
enum action vcpu_populate(struct vcpu *vcpu, gpa_t gpa);

/* Appends a byte of the guest's text; a newline or a full line asks for attention. */
void guest_text_byte(struct vcpu *vcpu, char byte);

/* Logs what the guest printed since its last newline, if anything. */
void guest_text_flush(struct vcpu *vcpu);

#endif
