/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/request.h"

#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/processors.h"
#include "kernel/time.h"
#include "vmx/invept.h"
#include "vmx/wait_for_sipi.h"

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

/* Takes what is asked among `bits`; who asked waits until served() too. */
static uint32_t take(struct vcpu *vcpu, uint32_t bits)
{
    __atomic_store_n(&vcpu->mail.serves, true, __ATOMIC_SEQ_CST);
    return __atomic_fetch_and(&vcpu->mail.asked, ~bits, __ATOMIC_SEQ_CST) & bits;
}

static void served(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->mail.serves, false, __ATOMIC_SEQ_CST);
}

/* That alone, where the guest's state is not to be changed: while this one itself waits. */
static void serve_invept(struct vcpu *vcpu)
{
    if (asked_of(vcpu) & REQUEST_INVEPT) {
        if (take(vcpu, REQUEST_INVEPT) != 0) {
            invept_here(vcpu);
        }
        served(vcpu);
    }
}

void request_serve(struct vcpu *vcpu)
{
    uint32_t asked = take(vcpu, UINT32_MAX);

    if (asked & REQUEST_INVEPT) {
        invept_here(vcpu);
    }
    if (asked & REQUEST_INIT) {
        wait_for_sipi(vcpu);
    }
    if (asked & REQUEST_SIPI && vcpu->sipi_waits) {
        start_by_sipi(vcpu, __atomic_load_n(&vcpu->mail.sipi, __ATOMIC_RELAXED));
    }
    vcpu->nmi_pending |= (asked & REQUEST_NMI) != 0 && !vcpu->sipi_waits;
    served(vcpu);
}

static bool is_other(const struct vcpu *vcpu)
{
    return vcpu != NULL && vcpu->processor != this_cpu()->number;
}

static void ask(struct vcpu *vcpu, uint32_t request)
{
    __atomic_fetch_or(&vcpu->mail.asked, request, __ATOMIC_SEQ_CST);
    if (!is_other(vcpu)) {
        vcpu->attention |= ATTENTION_ASKED;
    } else if (may_run(vcpu)) {
        processor_send_nmi(vcpu->processor);
    }
}

static bool is_unserved(const struct vcpu *vcpu, uint32_t request)
{
    return asked_of(vcpu) & request || __atomic_load_n(&vcpu->mail.serves, __ATOMIC_SEQ_CST);
}

/* Two that ask each other at once serve each other while they wait. */
static void await(const struct vcpu *vcpu, uint32_t request)
{
    uint64_t again = time_khz() * AGAIN_US / 1000;
    uint64_t next = rdtsc() + again;
    struct vcpu *self = this_cpu()->tenant;

    while (is_unserved(vcpu, request) && may_run(vcpu)) {
        if (self != NULL) {
            serve_invept(self);
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

/* Sent again, as long as it is not heard: but two that signal each other must not wait for ever. */
void request_signal(struct vcpu *vcpu, uint32_t request, uint8_t vector)
{
    uint64_t until = rdtsc() + time_khz();
    uint64_t again = rdtsc() + time_khz() * AGAIN_US / 1000;

    __atomic_store_n(&vcpu->mail.sipi, vector, __ATOMIC_RELAXED);
    ask(vcpu, request);
    while (is_other(vcpu) && asked_of(vcpu) & request && may_run(vcpu) && rdtsc() < until) {
        if (rdtsc() > again) {
            processor_send_nmi(vcpu->processor);
            again = rdtsc() + time_khz() * AGAIN_US / 1000;
        }
        cpu_pause();
    }
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

void request_lock(struct vcpu *vcpu)
{
    while (!lock_try(&vcpu->vm->lock)) {
        serve_invept(vcpu);
        cpu_pause();
    }
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
