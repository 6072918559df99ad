/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the list of processors, and what each is asked to do. */
#include "kernel/processors.h"

#include "kernel/cpu.h"
#include "kernel/descriptors.h"
#include "kernel/fault.h"
#include "kernel/image.h"
#include "kernel/local_apic.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/processor_start.h"
#include "kernel/string.h"
#include "kernel/time.h"

#define STACK_PAGES 4
#define IST_PAGES   2

#define INIT_WAIT_US    10000 /* SDM vol. 3A, "Typical BSP Initialization Sequence" */
#define STARTUP_WAIT_US 200
#define ANSWER_WAIT_MS  500
#define HALT_WAIT_MS    100
#define POLL_US         10
#define NAP_US          100

#define DEAF_APIC_ID 0xFE

#define WAKE_VECTOR 0xF1 /* above what HIGHEST_PRIORITY of power.c holds back */

static struct {
    struct processor *list; /* of pages of their own; [0] is the boot processor */
    unsigned count;
    void (*prepare)(void);
    void (*nmi)(void);
    void (*leave)(void);
    bool halt; /* all but the one that says so */
    unsigned halter;
} processors;

/* What processor_start.asm reads. */
struct processor *processor_list;
uint32_t processor_count;

_Static_assert(sizeof(struct processor) == PROCESSOR_BYTES &&
                   offsetof(struct processor, apic_id) == 0 &&
                   offsetof(struct processor, stack) == 8,
               "processor_start.asm has them too");

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
           (number == 0 || state_of(&processors.list[number]) != PROCESSOR_AWAITED);
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

/* Waits halted until `*state` is `wanted`. The interrupt that says so may come at any time: STI
 * holds it back until HLT is executed. */
static void sleep_until(const struct processor *processor, enum processor_state wanted)
{
    this_cpu()->takes_interrupts = true;
    while (state_of(processor) != wanted) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    this_cpu()->takes_interrupts = false;
}

static void wake(unsigned number)
{
    local_apic_send(processors.list[number].apic_id,
                    APIC_ICR_FIXED | APIC_ICR_ASSERT | WAKE_VECTOR);
}

/* Called by processor_start.asm, on the processor's own stack. */
__attribute__((noreturn)) void processor_main(struct processor *self);

/* A function of its own: the compiler may take this_cpu() for constant within one. */
__attribute__((noinline, noreturn)) static void take_work(struct processor *self)
{
    processors.prepare();
    (void)local_apic_enable();
    set_state(self, PROCESSOR_IDLE);
    for (;;) {
        sleep_until(self, PROCESSOR_ASKED);
        self->work(self->context);
        set_state(self, PROCESSOR_IDLE);
        wake(self->asker);
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
    set_state(processor, PROCESSOR_ASKED);
    wake(number);
}

void processor_finish(unsigned number)
{
    if (number != this_cpu()->number) {
        sleep_until(&processors.list[number], PROCESSOR_IDLE);
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
    for (unsigned i = 0; i < processors.count; i++) {
        if (i != self && processor_is_there(i)) {
            processor_send_startup(i);
            processor_send_nmi(i);
        }
    }
    do {
        waiting = 0;
        for (unsigned i = 0; i < processors.count; i++) {
            waiting += i != self && processor_is_there(i) &&
                       state_of(&processors.list[i]) != PROCESSOR_HALTED;
        }
        if (waiting == 0) {
            return;
        }
        time_wait(POLL_US);
    } while (rdtsc() < until);
    log_line("cpu", "processors did not stop when they were told to count=%u", waiting);
}

/* The boot processor first, then the others in the order of the MADT. */
static enum status list_processors(const struct acpi *acpi)
{
    uint64_t bytes = (acpi->processor_count + 1) * sizeof(struct processor);
    uint32_t self = local_apic_id();
    hpa_t pages;

    if (page_take(ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE, PAGE_SIZE, PAGES_ANYWHERE, &pages) !=
        STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    processors.list = memset(pointer_to(pages), 0, bytes);
    processors.list[0] =
        (struct processor){.apic_id = self, .cpu = this_cpu(), .state = PROCESSOR_IDLE};
    processors.count = 1;
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        if (acpi->processors[i].enabled && acpi->processors[i].apic_id != self) {
            processors.list[processors.count] = (struct processor){
                .apic_id = acpi->processors[i].apic_id, .number = processors.count};
            processors.count++;
        }
    }
    return STATUS_OK;
}

/* Per-processor area and stacks, each stack with a guard page. */
static enum status equip(struct processor *processor)
{
    void *area;
    enum status status = page_take_cleared(&area);

    _Static_assert(sizeof(struct percpu) <= PAGE_SIZE, "one page each");
    processor->cpu = area;
    for (unsigned ist = IST_NMI; ist <= IST_MC && status == STATUS_OK; ist++) {
        void *top;

        status = stack_take(IST_PAGES, &top);
        if (status == STATUS_OK) {
            processor->cpu->tss.ist[ist - 1] = (uint64_t)top;
        }
    }
    return status == STATUS_OK ? stack_take(STACK_PAGES, &processor->stack) : status;
}

/* To all that have not answered. */
static void send_all(uint32_t command)
{
    for (unsigned i = 1; i < processors.count; i++) {
        if (!processor_is_there(i)) {
            local_apic_send(processors.list[i].apic_id, command);
        }
    }
}

static void await_all(void)
{
    uint64_t until = rdtsc() + time_khz() * ANSWER_WAIT_MS;

    while (rdtsc() < until && processors_there() < processors.count) {
        time_wait(POLL_US);
    }
}

static void log_processors(void)
{
    for (unsigned i = 1; i < processors.count; i++) {
        if (!processor_is_there(i)) {
            log_line("cpu",
                     "a processor that the MADT names does not answer, and is left "
                     "number=%u apic-id=0x%x",
                     i, processors.list[i].apic_id);
        }
    }
    log_line("cpu", "processors started named=%u there=%u", processors.count, processors_there());
}

/* The waits that the SDM prescribes run once for all. */
static void start_all(hpa_t page)
{
    uint32_t startup = APIC_ICR_STARTUP | APIC_ICR_ASSERT | (uint32_t)(page.value >> PAGE_SHIFT);

    send_all(APIC_ICR_INIT | APIC_ICR_ASSERT);
    time_wait(INIT_WAIT_US);
    send_all(startup);
    time_wait(STARTUP_WAIT_US);
    if (processors_there() < processors.count) {
        send_all(startup);
        await_all();
    }
}

static enum status equip_all(void)
{
    enum status status = STATUS_OK;

    for (unsigned i = 1; i < processors.count && status == STATUS_OK; i++) {
        status = equip(&processors.list[i]);
    }
    return status;
}

void processors_add_deaf(struct acpi *acpi)
{
    if (acpi->processor_count < ACPI_MAX_PROCESSORS) {
        acpi->processors[acpi->processor_count++] =
            (struct acpi_processor){.apic_id = DEAF_APIC_ID, .enabled = true};
    }
}

void processors_start(const struct acpi *acpi, void (*prepare)(void))
{
    hpa_t page;

    if (list_processors(acpi) != STATUS_OK) {
        log_line("cpu", "no memory for a list of processors: there is one");
        return;
    }
    (void)local_apic_enable();
    if (processors.count == 1) {
        return; /* nobody to start, and nobody to be heard */
    }
    processors.prepare = prepare;
    if (equip_all() != STATUS_OK || page_take(1, PAGE_SIZE, PAGES_BELOW_1M, &page) != STATUS_OK) {
        log_line("cpu", "too little memory for the other processors: they are left named=%u",
                 processors.count);
        processors.count = 1;
        return;
    }
    processor_list = processors.list;
    processor_count = processors.count;
    trampoline_fill(page);
    if (page_set_executable(page, true) == STATUS_OK) {
        start_all(page);
        log_processors();
        (void)!page_set_executable(page, false);
    }
    page_give(page, 1);
}
