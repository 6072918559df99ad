/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the hypervisor's own page tables. */
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pagetable.h"
#include "kernel/panic.h"

/* SDM vol. 3A, "Format of an IA-32e Page-Table Entry that Maps a 4-KByte Page". */
#define PTE_P        BIT(0)
#define PTE_RW       BIT(1)
#define PTE_US       BIT(2)
#define PTE_PWT      BIT(3)
#define PTE_PCD      BIT(4)
#define PTE_A        BIT(5)
#define PTE_D        BIT(6)
#define PTE_PS       BIT(7)
#define PTE_XD       BIT(63)
#define PTE_ACCESSED (PTE_A | PTE_D) /* set from the start: the processor need not write them */

#define LOW_MEMORY_END (1 * MIB)

static struct {
    struct pt_format format;
    struct table_memory tables;
    struct page_table table;
    uint64_t no_execute; /* PTE_XD where the processor has it */
} paging;

static void choose_format(void)
{
    uint32_t features = cpuid(0x80000001, 0).edx;
    unsigned width = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xFF : 36;

    paging.no_execute = features & CPUID_80000001_EDX_NX ? PTE_XD : 0;
    paging.tables = table_memory(PAGES_BELOW_4G); /* the boot page tables reach no further */
    paging.format = (struct pt_format){
        .levels = 4,
        .canonical = true,
        .largest_leaf = features & CPUID_80000001_EDX_1G ? 3 : 2,
        .present = PTE_P,
        .table = PTE_P | PTE_RW | PTE_A,
        .leaf = PTE_PS,
        .address = BITS(MIN(width, 52U) - 1, PAGE_SHIFT),
        .accessed = PTE_A,
        .dirty = PTE_D,
        .grants = PTE_P | PTE_RW | PTE_US,
        .denies = PTE_XD,
        .types = PTE_PWT | PTE_PCD,
    };
}

/* Maps whole pages around `length` bytes at `base` to themselves; page 0 stays absent. */
static enum status map_identity(hpa_t base, uint64_t length, uint64_t attributes)
{
    uint64_t space = paging.format.address | (PAGE_SIZE - 1);
    uint64_t start = MAX(ALIGN_DOWN(base.value, PAGE_SIZE), PAGE_SIZE);
    uint64_t last = length - 1 <= space - MIN(base.value, space) ? base.value + length - 1 : space;

    if (length == 0 || base.value > space || last < start) {
        return STATUS_OK;
    }
    return pt_map(&paging.table, start, HPA(start), (last | (PAGE_SIZE - 1)) + 1 - start,
                  attributes);
}

static bool is_memory(const struct memory_range *range)
{
    return range->type == MEMORY_USABLE || range->type == MEMORY_ACPI_RECLAIMABLE ||
           range->type == MEMORY_ACPI_NVS;
}

/* Whether another range of memory reaches up to `range` or over its start: it is mapped with that.
 */
static bool continues_another(const struct machine *machine, const struct memory_range *range)
{
    for (unsigned i = 0; i < machine->range_count; i++) {
        const struct memory_range *other = &machine->ranges[i];
        if (is_memory(other) && other->base.value < range->base.value &&
            range->base.value - other->base.value <= other->length) {
            return true;
        }
    }
    return false;
}

/* The length of the run of memory that starts with `range`, whatever ranges it is made of. */
static uint64_t run_length(const struct machine *machine, const struct memory_range *range)
{
    uint64_t length = range->length;

    for (bool grown = true; grown;) {
        grown = false;
        for (unsigned i = 0; i < machine->range_count; i++) {
            const struct memory_range *other = &machine->ranges[i];
            uint64_t offset = other->base.value - range->base.value;
            if (is_memory(other) && offset <= length && other->length > length - offset) {
                length = offset + other->length;
                grown = true;
            }
        }
    }
    return length;
}

/* Runs, not ranges: where usable memory meets ACPI tables, a large page can still span both. */
static enum status map_memory(const struct machine *machine, uint64_t data)
{
    enum status status = map_identity(HPA(0), LOW_MEMORY_END, data);

    for (unsigned i = 0; i < machine->range_count && status == STATUS_OK; i++) {
        const struct memory_range *range = &machine->ranges[i];
        if (is_memory(range) && !continues_another(machine, range)) {
            status = map_identity(range->base, run_length(machine, range), data);
        }
    }
    for (unsigned i = 0; i < machine->module_count && status == STATUS_OK; i++) {
        status = map_identity(machine->modules[i].base, machine->modules[i].length, data);
    }
    return status;
}

static enum status map_devices(const struct acpi *acpi, uint64_t data)
{
    uint64_t device = data | PTE_PCD | PTE_PWT;
    enum status status = STATUS_OK;

    if (cpuid(1, 0).edx & CPUID_1_EDX_APIC) { /* where it is, not where the MADT says */
        status =
            map_identity(HPA(rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_ADDRESS), PAGE_SIZE, device);
    }
    if (status == STATUS_OK && acpi->reset_supported && acpi->reset.space == 0 &&
        acpi->reset.address != 0) {
        status = map_identity(HPA(acpi->reset.address), 1, device);
    }
    return status;
}

/* A section of the image at its linked address; and, where it is read-only, so its other mapping.
 */
static enum status map_section(const char *start, const char *end, uint64_t attributes)
{
    uint64_t length = (uint64_t)(end - start);
    enum status status = pt_map(&paging.table, (uint64_t)start, hpa_of(start), length, attributes);

    if (status == STATUS_OK && !(attributes & PTE_RW)) {
        status = map_identity(hpa_of(start), length, attributes | paging.no_execute);
    }
    return status;
}

static enum status map_image(uint64_t data)
{
    uint64_t read_only = PTE_P | PTE_ACCESSED;
    enum status status = map_section(text_start, text_end, read_only);

    if (status == STATUS_OK) {
        status = map_section(text_end, rodata_end, read_only | paging.no_execute);
    }
    if (status == STATUS_OK) {
        status = map_section(rodata_end, image_end, data);
    }
    return status;
}

enum status paging_init(const struct machine *machine, const struct acpi *acpi)
{
    uint64_t data;
    enum status status;

    choose_format();
    data = PTE_P | PTE_RW | PTE_ACCESSED | paging.no_execute;
    status = pt_init(&paging.table, &paging.format, &paging.tables.memory);
    if (status == STATUS_OK) {
        status = map_memory(machine, data);
    }
    if (status == STATUS_OK) {
        status = map_devices(acpi, data);
    }
    if (status == STATUS_OK) {
        status = map_image(data);
    }
    if (status != STATUS_OK) {
        log_line("memory", "no page tables of our own: %s tables=%lu", status_text(status),
                 paging.table.tables);
        return status;
    }
    if (paging.no_execute != 0) {
        wrmsr(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_NXE);
    }
    write_cr3(paging.table.root.value);
    log_line("memory", "paging on root=0x%lx tables=%lu largest-page=%s no-execute=%s",
             paging.table.root.value, paging.table.tables,
             paging.format.largest_leaf == 3 ? "1-GiB" : "2-MiB",
             paging.no_execute != 0 ? "yes" : "no");
    return STATUS_OK;
}

enum status page_set_executable(hpa_t page, bool executable)
{
    uint64_t attributes =
        executable ? PTE_P | PTE_ACCESSED : PTE_P | PTE_RW | PTE_ACCESSED | paging.no_execute;
    enum status status = pt_map(&paging.table, page.value, page, PAGE_SIZE, attributes);

    __asm__ volatile("invlpg (%0)" : : "r"(page.value) : "memory");
    return status;
}

enum status stack_take(uint64_t pages, void **top)
{
    hpa_t base;
    enum status status = page_take(pages + 1, PAGE_SIZE, PAGES_ANYWHERE, &base);

    if (status != STATUS_OK) {
        return status;
    }
    status = pt_unmap(&paging.table, base.value, PAGE_SIZE);
    if (status != STATUS_OK) {
        page_give(base, pages + 1);
        return status;
    }
    __asm__ volatile("invlpg (%0)" : : "r"(base.value) : "memory");
    *top = pointer_to(HPA(base.value + (pages + 1) * PAGE_SIZE));
    return STATUS_OK;
}

static bool is_memory_page(hpa_t address)
{
    uint64_t space = paging.format.address | (PAGE_SIZE - 1);
    struct pt_walk walk;

    if (address.value & ~space) {
        return false;
    }
    walk = pt_walk(&paging.format, &paging.tables.memory, paging.table.root, address.value);
    return walk.present && !(walk.attributes & PTE_PCD);
}

bool memory_readable(hpa_t address, uint64_t length)
{
    return length != 0 && length <= PAGE_SIZE && is_memory_page(address) &&
           is_memory_page(HPA(address.value + length - 1));
}
