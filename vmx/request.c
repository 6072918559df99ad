/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/request.h"

#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/processors.h"
#include "kernel/time.h"
#include "vmx/inject.h"
#include "vmx/invept.h"

#define AGAIN_US 200

/* On the processor that the NMI came to, in the hypervisor: after the exit, or between two. */
static void take_nmi(void)
{
    struct vcpu *vcpu = this_cpu()->tenant;

    if (vcpu != NULL) {
        vcpu->attention |= ATTENTION_ASKED;
    }
}

void request_prepare(void)
{
    processors_set_nmi(take_nmi);
}

static uint32_t asked_of(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->mail.asked, __ATOMIC_SEQ_CST);
}

/* Whether the guest may be executing: then it must be made to exit. */
static bool may_run(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->mail.running, __ATOMIC_SEQ_CST) &&
           !__atomic_load_n(&vcpu->mail.waits, __ATOMIC_SEQ_CST);
}

void request_serve(struct vcpu *vcpu)
{
    uint32_t asked = asked_of(vcpu);

    if (asked & REQUEST_INVEPT) {
        invept_here(vcpu);
    }
    if (asked & REQUEST_NMI) {
        inject_nmi(vcpu);
    }
    __atomic_fetch_and(&vcpu->mail.asked, ~asked, __ATOMIC_SEQ_CST);
}

static bool is_other(const struct vcpu *vcpu)
{
    return vcpu != NULL && vcpu->processor != this_cpu()->number;
}

static void ask(struct vcpu *vcpu, uint32_t request)
{
    __atomic_fetch_or(&vcpu->mail.asked, request, __ATOMIC_SEQ_CST);
    if (may_run(vcpu)) {
        processor_send_nmi(vcpu->processor);
    }
}

/* Two that ask each other at once serve each other while they wait. */
static void await(const struct vcpu *vcpu, uint32_t request)
{
    uint64_t again = time_khz() * AGAIN_US / 1000;
    uint64_t next = rdtsc() + again;
    struct vcpu *self = this_cpu()->tenant;

    while (asked_of(vcpu) & request && may_run(vcpu)) {
        if (self != NULL && asked_of(self) != 0) {
            request_serve(self);
        }
        if (rdtsc() > next) {
            processor_send_nmi(vcpu->processor);
            next = rdtsc() + again;
        }
        cpu_pause();
    }
}

void request_others(const struct vm *vm, uint32_t request)
{
    for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
        if (is_other(vm->vcpus[i])) {
            ask(vm->vcpus[i], request);
        }
    }
    for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
        if (is_other(vm->vcpus[i])) {
            await(vm->vcpus[i], request);
        }
    }
}

void request_nmi(struct vcpu *vcpu)
{
    ask(vcpu, REQUEST_NMI);
}

void request_end(const struct vm *vm)
{
    for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
        struct vcpu *vcpu = vm->vcpus[i];

        if (is_other(vcpu) && __atomic_load_n(&vcpu->mail.running, __ATOMIC_SEQ_CST)) {
            __atomic_fetch_or(&vcpu->mail.asked, REQUEST_LOOK, __ATOMIC_SEQ_CST);
            processor_send_startup(vcpu->processor);
            processor_send_nmi(vcpu->processor);
        }
    }
}

bool request_lock(struct vcpu *vcpu)
{
    while (!lock_try(&vcpu->vm->lock)) {
        if (asked_of(vcpu) != 0) {
            request_serve(vcpu);
        }
        cpu_pause();
    }
    return true;
}

void request_begin(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->mail.running, true, __ATOMIC_SEQ_CST);
    if (asked_of(vcpu) != 0) {
        vcpu->attention |= ATTENTION_ASKED;
    }
}

void request_end_of(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->mail.running, false, __ATOMIC_SEQ_CST);
}

void request_waits(struct vcpu *vcpu, bool waits)
{
    __atomic_store_n(&vcpu->mail.waits, waits, __ATOMIC_SEQ_CST);
    if (!waits && asked_of(vcpu) != 0) {
        vcpu->attention |= ATTENTION_ASKED;
    }
}
