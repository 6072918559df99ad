/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits one by one, for who looks at them himself; loop.c is the way for all others. */
#include "vmx/advance.h"
#include "vmx/decode.h"
#include "vmx/run.h"

enum vmx_result vcpu_enter_once(struct vcpu *vcpu, bool *failed)
{
    enum vmx_result result = vmx_enter(&vcpu->frame, vcpu->launched);

    *failed = false;
    if (result == VMX_SUCCEED) {
        unsigned row = exit_decode(vcpu, vcpu->exit);

        *failed = row == EXIT_REASONS && vcpu->exit->entry_failed;
        vcpu->launched |= !*failed; /* an entry that fails launches nothing */
    }
    return result;
}

void vcpu_advance(struct vcpu *vcpu)
{
    advance(vcpu->exit);
}
