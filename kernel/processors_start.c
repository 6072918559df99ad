/* SPDX-License-Identifier: BSD-2-Clause */
/* How processors are started: listed, equipped, sent INIT and start-up IPIs, waited for. */
#include "kernel/cpu.h"
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
#define POLL_US         10

#define DEAF_APIC_ID 0xFE

/* What processor_start.asm reads. */
struct processor *processor_list;
uint32_t processor_count;

_Static_assert(sizeof(struct processor) == PROCESSOR_BYTES &&
                   offsetof(struct processor, apic_id) == 0 &&
                   offsetof(struct processor, stack) == 8,
               "processor_start.asm has them too");

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
        if (acpi->processors[i].enabled && !local_apic_reaches(acpi->processors[i].apic_id)) {
            log_line("cpu",
                     "a processor has an identifier that the local APIC's mode cannot send "
                     "to, and is left apic-id=0x%x",
                     acpi->processors[i].apic_id);
        } else if (acpi->processors[i].enabled && acpi->processors[i].apic_id != self) {
            processors.list[processors.count] = (struct processor){
                .apic_id = acpi->processors[i].apic_id, .number = processors.count};
            processors.count++;
        }
    }
    return STATUS_OK;
}

enum status processor_take_stacks(struct percpu *cpu, void **stack)
{
    enum status status = STATUS_OK;

    for (unsigned ist = IST_NMI; ist <= IST_MC && status == STATUS_OK; ist++) {
        void *top;

        status = stack_take(IST_PAGES, &top);
        if (status == STATUS_OK) {
            cpu->tss.ist[ist - 1] = (uint64_t)top;
        }
    }
    return status == STATUS_OK ? stack_take(STACK_PAGES, stack) : status;
}

/* Per-processor area and stacks. */
static enum status equip(struct processor *processor)
{
    void *area;
    enum status status = page_take_cleared(&area);

    _Static_assert(sizeof(struct percpu) <= PAGE_SIZE, "one page each");
    if (status == STATUS_OK) {
        processor->cpu = area;
        status = processor_take_stacks(processor->cpu, &processor->stack);
    }
    return status;
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

static void log_processors(uint64_t begun)
{
    uint64_t work = time_work(begun);

    for (unsigned i = 1; i < processors.count; i++) {
        if (!processor_is_there(i)) {
            log_line("cpu",
                     "a processor that the MADT names does not answer, and is left "
                     "number=%u apic-id=0x%x",
                     i, processors.list[i].apic_id);
        }
    }
    log_line("cpu", "processors started named=%u there=%u work=%lu", processors.count,
             processors_there(), work);
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

/* All have executed the page that is given back. */
static void forget_translations(void *context)
{
    (void)context;
    write_cr3(read_cr3());
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
    uint64_t begun = time_work(0);
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
        log_processors(begun);
        if (processors_there() < processors.count) {
            return; /* who comes too late still begins in that page */
        }
        (void)!page_set_executable(page, false);
        processors_do_all(forget_translations, NULL);
    }
    page_give(page, 1);
}
