/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the list of processors, and what each is asked to do. */
#include "kernel/processors.h"

#include "kernel/cpu.h"
#include "kernel/descriptors.h"
#include "kernel/fault.h"
#include "kernel/local_apic.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/processor_start.h"
#include "kernel/time.h"

#define HALT_WAIT_MS 100
#define HALT_POLL_US 1000
#define NAP_US       100

#define WAKE_VECTOR 0xF1 /* above what HIGHEST_PRIORITY of power.c holds back */

struct processors processors;

unsigned processors_numbered(void)
{
    return processors.count;
}

static enum processor_state state_of(const struct processor *processor)
{
    return (enum processor_state)__atomic_load_n(&processor->state, __ATOMIC_ACQUIRE);
}

static void set_state(struct processor *processor, enum processor_state state)
{
    __atomic_store_n(&processor->state, state, __ATOMIC_RELEASE);
}

bool processor_is_there(unsigned number)
{
    return number < MAX(processors.count, 1U) &&
           (number == 0 || (state_of(&processors.list[number]) != PROCESSOR_AWAITED &&
                            state_of(&processors.list[number]) != PROCESSOR_LEFT));
}

unsigned processors_there(void)
{
    unsigned there = 0;

    for (unsigned i = 0; i < MAX(processors.count, 1U); i++) {
        there += processor_is_there(i);
    }
    return there;
}

unsigned processor_number(unsigned index)
{
    unsigned number = 0;

    for (unsigned left = index; left != 0 || !processor_is_there(number); number++) {
        left -= processor_is_there(number);
    }
    return number;
}

uint32_t processor_apic_id(unsigned number)
{
    return processors.list != NULL ? processors.list[number].apic_id : local_apic_id();
}

static void wake(unsigned number)
{
    local_apic_send(processors.list[number].apic_id,
                    APIC_ICR_FIXED | APIC_ICR_ASSERT | WAKE_VECTOR);
}

bool processor_claim(struct processor *processor, enum processor_state state)
{
    uint32_t awaited = PROCESSOR_AWAITED;

    return __atomic_compare_exchange_n(&processor->state, &awaited, state, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static void do_work(struct processor *self)
{
    this_cpu()->takes_interrupts = false;
    (void)local_apic_take_interrupts(); /* the one that told of it */
    set_state(self, PROCESSOR_WORKS);
    self->work(self->context);
    set_state(self, PROCESSOR_DONE);
    wake(self->asker);
    set_state(self, PROCESSOR_IDLE);
    this_cpu()->takes_interrupts = true;
}

/*
 * Waits halted until the state is `wanted`. Who sets it sends an interrupt just before, and says so
 * by `announced`: from then on there is no sleeping, and afterwards nothing more comes; what has
 * come and was not needed goes, as a guest would meet it. STI holds an interrupt back until HLT is
 * executed. Work that the waiting processor itself is given it does meanwhile.
 */
static void sleep_until(const struct processor *processor, enum processor_state wanted,
                        enum processor_state announced)
{
    struct processor *self = &processors.list[this_cpu()->number];
    enum processor_state state = state_of(processor);

    this_cpu()->takes_interrupts = true;
    while (state != wanted) {
        enum processor_state own = state_of(self);

        if (processor != self && own == PROCESSOR_ASKED) {
            do_work(self);
        } else if (state != announced && (processor == self || own != PROCESSOR_CALLED)) {
            __asm__ volatile("sti; hlt; cli" : : : "memory");
        }
        state = state_of(processor);
    }
    (void)local_apic_take_interrupts();
}

/* Called by processor_start.asm, on the processor's own stack. */
__attribute__((noreturn)) void processor_main(struct processor *self);

/* A function of its own: the compiler may take this_cpu() for constant within one. */
__attribute__((noinline, noreturn)) static void take_work(struct processor *self)
{
    processors.prepare();
    (void)local_apic_enable();
    if (!processor_claim(self, PROCESSOR_IDLE)) {
        cpu_halt(); /* too late */
    }
    for (;;) {
        sleep_until(self, PROCESSOR_ASKED, PROCESSOR_CALLED);
        do_work(self);
    }
}

void processor_main(struct processor *self)
{
    percpu_install(self->cpu, self->number);
    descriptors_load(self->cpu);
    take_work(self);
}

void processor_begin(unsigned number, processor_work *work, void *context)
{
    struct processor *processor;

    if (number == this_cpu()->number) {
        work(context);
        return;
    }
    processor = &processors.list[number];
    processor->work = work;
    processor->context = context;
    processor->asker = this_cpu()->number;
    set_state(processor, PROCESSOR_CALLED);
    wake(number);
    set_state(processor, PROCESSOR_ASKED);
}

void processor_finish(unsigned number)
{
    if (number != this_cpu()->number) {
        sleep_until(&processors.list[number], PROCESSOR_IDLE, PROCESSOR_DONE);
    }
}

void processor_do(unsigned number, processor_work *work, void *context)
{
    processor_begin(number, work, context);
    processor_finish(number);
}

void processors_do_all(processor_work *work, void *context)
{
    unsigned self = this_cpu()->number;

    for (unsigned i = 0; i < processors.count; i++) {
        if (i != self && processor_is_there(i)) {
            processor_begin(i, work, context);
        }
    }
    work(context);
    for (unsigned i = 0; i < processors.count; i++) {
        if (i != self && processor_is_there(i)) {
            processor_finish(i);
        }
    }
}

void processors_set_nmi(void (*hook)(void))
{
    processors.nmi = hook;
}

void processors_set_leave(void (*leave)(void))
{
    processors.leave = leave;
}

void processor_send_nmi(unsigned number)
{
    __atomic_fetch_add(&processors.list[number].nmis_sent, 1, __ATOMIC_RELAXED);
    local_apic_send(processors.list[number].apic_id, APIC_ICR_NMI | APIC_ICR_ASSERT);
}

void processor_send_startup(unsigned number)
{
    local_apic_send(processors.list[number].apic_id, APIC_ICR_STARTUP | APIC_ICR_ASSERT);
}

bool processor_is_idle(unsigned number)
{
    return state_of(&processors.list[number]) == PROCESSOR_IDLE;
}

void processor_nap(void)
{
    time_wait(NAP_US);
}

/* Of two that were sent at once, one may come. */
static bool is_expected(struct processor *self)
{
    uint32_t sent = __atomic_load_n(&self->nmis_sent, __ATOMIC_RELAXED);
    bool expected = self->nmis_taken != sent;

    self->nmis_taken += expected;
    return expected;
}

bool processors_take_nmi(void)
{
    const struct percpu *cpu = this_cpu();

    if (__atomic_load_n(&processors.halt, __ATOMIC_ACQUIRE) && cpu->number != processors.halter) {
        if (processors.leave != NULL) {
            processors.leave();
        }
        set_state(&processors.list[cpu->number], PROCESSOR_HALTED);
        cpu_halt();
    }
    if (processors.nmi != NULL) {
        processors.nmi();
    }
    return processors.count > 1 && is_expected(&processors.list[cpu->number]);
}

void processors_halt_others(void)
{
    unsigned self = this_cpu()->number;
    uint64_t until = rdtsc() + time_khz() * HALT_WAIT_MS;
    unsigned waiting;

    processors.halter = self;
    __atomic_store_n(&processors.halt, true, __ATOMIC_RELEASE);
    do {
        waiting = 0;
        for (unsigned i = 0; i < processors.count; i++) {
            if (i != self && processor_is_there(i) &&
                state_of(&processors.list[i]) != PROCESSOR_HALTED) {
                processor_send_startup(i);
                processor_send_nmi(i);
                waiting++;
            }
        }
        if (waiting == 0) {
            locks_break();
            return;
        }
        time_wait(HALT_POLL_US);
    } while (rdtsc() < until);
    locks_break();
    log_line("cpu", "processors did not stop when they were told to count=%u", waiting);
}

uint64_t processors_stray_nmis(void)
{
    uint64_t strays = 0;

    for (unsigned i = 0; i < processors.count; i++) {
        strays += processor_is_there(i) ? processors.list[i].cpu->nmi_count : 0;
    }
    return processors.count != 0 ? strays : this_cpu()->nmi_count;
}
