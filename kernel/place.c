/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the image its place. Pure, for the unit tests: see image.h. */
#include "kernel/image.h"

#define STEP (2 * MIB)
#define OFFSET                                                                                     \
    (1 * MIB) /* the boot page tables map the image in one 2 MiB page, at this offset              \
               */

/* Whether the two ranges, both within 64 bits, share a byte. */
static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a_length != 0 && b_length != 0 && (a >= b ? a - b < b_length : b - a < a_length);
}

static bool is_free(const struct machine *machine, const struct page_hole *holes,
                    unsigned hole_count, uint64_t base, uint64_t length)
{
    for (unsigned i = 0; i < machine->range_count; i++) {
        const struct memory_range *range = &machine->ranges[i];
        if (range->type != MEMORY_USABLE &&
            overlap(base, length, range->base.value, range->length)) {
            return false;
        }
    }
    for (unsigned i = 0; i < hole_count; i++) {
        if (overlap(base, length, holes[i].base.value, holes[i].length)) {
            return false;
        }
    }
    return true;
}

/* The highest free place in one usable range, or 0. */
static uint64_t place_in(const struct machine *machine, const struct page_hole *holes,
                         unsigned hole_count, const struct memory_range *range, uint64_t length)
{
    uint64_t start = range->base.value;
    uint64_t end = range->length < 4 * GIB - MIN(start, 4 * GIB) ? start + range->length : 4 * GIB;

    if (start >= 4 * GIB || end - start < length || end < OFFSET + length) {
        return 0;
    }
    for (uint64_t base = ALIGN_DOWN(end - length - OFFSET, STEP) + OFFSET; base >= start;
         base -= STEP) {
        if (is_free(machine, holes, hole_count, base, length)) {
            return base;
        }
        if (base < STEP) {
            return 0;
        }
    }
    return 0;
}

enum status image_place(const struct machine *machine, const struct page_hole *holes,
                        unsigned hole_count, uint64_t length, hpa_t *place)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < machine->range_count; i++) {
        if (machine->ranges[i].type == MEMORY_USABLE) {
            uint64_t base = place_in(machine, holes, hole_count, &machine->ranges[i], length);
            best = MAX(best, base);
        }
    }
    *place = HPA(best);
    return best != 0 ? STATUS_OK : STATUS_NO_MEMORY;
}
