/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/invept.h"

#include "vmx/capabilities.h"
#include "vmx/request.h"
#include "vmx/vmcs.h"

/* An INVEPT of a type that the processor has does not fail. */
static void execute(enum ept_invept_type type, uint64_t pointer)
{
    (void)!invept(type == EPT_INVEPT_SINGLE ? INVEPT_SINGLE_CONTEXT : INVEPT_ALL_CONTEXTS, pointer);
}

/* On every processor that runs the VM, and may have cached what changed. */
static void execute_everywhere(const struct ept_invept *types, enum ept_invept_type type,
                               uint64_t pointer)
{
    execute(type, pointer);
    request_others((const struct vm *)((const char *)types - offsetof(struct vm, invept)),
                   REQUEST_INVEPT);
}

void invept_prepare(struct vm *vm, const struct vcpu *vcpu)
{
    uint64_t can = vcpu->capabilities->ept_vpid;

    vm->invept = (struct ept_invept){.single = can & EPT_CAP_INVEPT_SINGLE,
                                     .all = can & EPT_CAP_INVEPT_ALL,
                                     .execute = execute_everywhere};
    /* Refused only where there is no INVEPT, and so nothing that could be executed. */
    (void)!ept_flush_with(&vm->ept, &vm->flusher, &vm->invept, vcpu->ept_pointer, false);
}

/* By the type that is asked for or, where the processor has not that one, by the other. */
static void drop(const struct vcpu *vcpu, enum ept_invept_type asked)
{
    const struct ept_invept *types = &vcpu->vm->invept;

    if (types->single && (asked == EPT_INVEPT_SINGLE || !types->all)) {
        execute(EPT_INVEPT_SINGLE, vcpu->ept_pointer);
    } else if (types->all) {
        execute(EPT_INVEPT_ALL, 0);
    }
}

void invept_here(const struct vcpu *vcpu)
{
    drop(vcpu, EPT_INVEPT_SINGLE);
}

void invept_now(const struct vcpu *vcpu)
{
    drop(vcpu, EPT_INVEPT_SINGLE);
    request_others(vcpu->vm, REQUEST_INVEPT);
}

void invept_everything(const struct vcpu *vcpu)
{
    drop(vcpu, EPT_INVEPT_ALL);
}
