/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest `spy`: what it must not reach is a page fault to it, so that it can go on and try the
 * next. */
#include "ept/violation.h"
#include "guest/guest.h"
#include "kernel/log.h"
#include "vmx/guest_walk.h"
#include "vmx/inject.h"

static bool refuse(struct vcpu *vcpu, enum action *action)
{
    const struct vmx_exit *exit = vcpu->exit;
    unsigned *violations = vcpu->vm->guest_data;

    if (exit->reason != EXIT_EPT_VIOLATION || !exit_has_linear(exit)) {
        return false;
    }
    ++*violations;
    *action = inject_pf(vcpu, exit->linear.value,
                        exit->qualification & EPT_VIOLATION_WRITE ? PF_WRITE : 0);
    return true;
}

static void finish(struct vcpu *vcpu)
{
    const unsigned *violations = vcpu->vm->guest_data;

    log_line("ept", "EPT violations, each refused vm=%u count=%u", vcpu->vm->id, *violations);
}

const struct vm_hooks guest_spy_hooks = {
    .exit = refuse,
    .finish = finish,
    .hlt = flat_hlt,
    .port_out = flat_port_out,
    .port_in = flat_port_in,
};
