/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the machine's page allocator. */
#include "kernel/memory.h"

#include "kernel/image.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/string.h"

static struct pages machine_pages;
static struct lock pages_lock; /* over it, once there is more than one processor */

/* Where the loader put things that are read later: only its modules; all else has been copied. */
static unsigned module_holes(const struct machine *machine, struct page_hole *holes)
{
    unsigned count = 0;

    for (unsigned i = 0; i < machine->module_count; i++) {
        holes[count++] = (struct page_hole){machine->modules[i].base, machine->modules[i].length};
    }
    return count;
}

static uint64_t usable_kib(const struct machine *machine)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < machine->range_count; i++) {
        if (machine->ranges[i].type == MEMORY_USABLE) {
            bytes += machine->ranges[i].length;
        }
    }
    return bytes / KIB;
}

/* The old image counts as a hole only here: the two places must not overlap. */
static enum status relocate(const struct machine *machine, struct page_hole *holes,
                            unsigned hole_count)
{
    hpa_t from = image_physical();
    hpa_t place;

    holes[hole_count++] = (struct page_hole){from, image_length()};
    if (image_place(machine, holes, hole_count, image_length(), &place) != STATUS_OK) {
        log_line("memory", "no usable memory below 4 GiB for the image need=%lu-KiB usable=%lu-KiB",
                 image_length() / KIB, usable_kib(machine));
        return STATUS_NO_MEMORY;
    }
    image_relocate(place);
    log_line("memory", "image moved from=0x%lx to=0x%lx size=%lu-KiB va=0x%lx", from.value,
             place.value, image_length() / KIB, (uint64_t)image_start);
    return STATUS_OK;
}

enum status memory_init(const struct machine *machine)
{
    struct page_hole holes[MACHINE_MAX_MODULES + 1];
    unsigned hole_count = module_holes(machine, holes);

    if (relocate(machine, holes, hole_count) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    holes[hole_count++] = (struct page_hole){image_physical(), image_length()};
    if (pages_init(&machine_pages, machine->ranges, machine->range_count, holes, hole_count,
                   pointer_to) != STATUS_OK) {
        log_line("memory",
                 "too little memory: no range can hold the allocator's bookkeeping "
                 "usable=%lu-KiB",
                 usable_kib(machine));
        return STATUS_NO_MEMORY;
    }
    log_line("memory", "usable=%lu-KiB ranges=%u zones=%u free-pages=%lu bookkeeping-pages=%lu",
             usable_kib(machine), machine->range_count, machine_pages.zone_count,
             machine_pages.free, machine_pages.bookkeeping);
    if (machine_pages.dropped != 0) {
        log_line("memory", "more ranges than zones: the smallest are left unused dropped-pages=%lu",
                 machine_pages.dropped);
    }
    return STATUS_OK;
}

enum status page_take(uint64_t count, uint64_t alignment, enum page_limit limit, hpa_t *base)
{
    bool taken = lock_take(&pages_lock);
    enum status status = pages_take(&machine_pages, count, alignment, limit, base);

    lock_give(&pages_lock, taken);
    this_cpu()->pages_held += status == STATUS_OK ? count : 0;
    return status;
}

enum status page_take_cleared(void **page)
{
    hpa_t base;
    enum status status = page_take(1, PAGE_SIZE, PAGES_ANYWHERE, &base);

    if (status == STATUS_OK) {
        *page = memset(pointer_to(base), 0, PAGE_SIZE);
    }
    return status;
}

void page_give(hpa_t base, uint64_t count)
{
    bool taken = lock_take(&pages_lock);
    enum status status = pages_give(&machine_pages, base, count);

    lock_give(&pages_lock, taken);
    this_cpu()->pages_held -= count;
    if (status != STATUS_OK) {
        panic("pages given back that are not taken, %s base=0x%lx count=%lu", status_text(status),
              base.value, count);
    }
}

uint64_t pages_free(void)
{
    return machine_pages.free;
}

uint64_t pages_held(void)
{
    return this_cpu()->pages_held;
}
