/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the memory map to the page allocator's zones: pages_init(). What is handed out and given
 * back afterwards is pages.c.
 *
 * The map is swept from its first page to its last, from one boundary to the next, by looking
 * through all of it at each: no sorted copy, no recursion, no memory of its own. The cost grows
 * with the number of ranges alone; no bitmap is written.
 *
 * Invariants: zones ascend, are disjoint, not empty, and none lies on both sides of 1 MiB or 4 GiB;
 * a page in a zone lies wholly in usable ranges and touches no other range and no hole.
 */
#include "kernel/pages.h"

#include "kernel/string.h"

#define PAGE_OF(address) ((address) >> PAGE_SHIFT)

/* No x86 processor has more: SDM vol. 3A, "Physical Address Space", and MAXPHYADDR. */
#define PHYSICAL_END BIT(52)

struct memory_map {
    const struct memory_range *ranges;
    unsigned range_count;
    const struct page_hole *holes;
    unsigned hole_count;
};

/* What is known of a run of pages while the sweep looks through the map. */
struct sweep {
    uint64_t page;  /* its first page */
    uint64_t until; /* its end: up to here nothing changes */
    bool usable, blocked;
};

/* Takes one range of the map into account: outwards to whole pages where it blocks, else inwards.
 */
static void sweep_range(struct sweep *sweep, uint64_t base, uint64_t length, bool blocks)
{
    uint64_t end = length > PHYSICAL_END - base ? PHYSICAL_END : base + length;
    uint64_t first_page, end_page;

    if (base >= PHYSICAL_END || length == 0) {
        return;
    }
    first_page = blocks ? PAGE_OF(base) : PAGE_OF(base + PAGE_SIZE - 1);
    end_page = blocks ? PAGE_OF(end + PAGE_SIZE - 1) : PAGE_OF(end);
    if (end_page <= sweep->page || first_page >= end_page) {
        return;
    }
    if (sweep->page < first_page) {
        sweep->until = MIN(sweep->until, first_page);
        return;
    }
    sweep->until = MIN(sweep->until, end_page);
    sweep->blocked |= blocks;
    sweep->usable |= !blocks;
}

/* Whether `page` can be managed, and up to which page the answer is the same. */
static bool usable_at(const struct memory_map *map, uint64_t page, uint64_t *until)
{
    struct sweep sweep = {.page = page, .until = PAGE_OF(PHYSICAL_END)};

    for (unsigned i = 0; i < map->range_count; i++) {
        const struct memory_range *range = &map->ranges[i];

        sweep_range(&sweep, range->base.value, range->length, range->type != MEMORY_USABLE);
    }
    for (unsigned i = 0; i < map->hole_count; i++) {
        sweep_range(&sweep, map->holes[i].base.value, map->holes[i].length, true);
    }
    *until = sweep.until;
    return sweep.usable && !sweep.blocked;
}

/* Makes place for a zone of `count` pages by giving up the smallest, if that is a smaller one. */
static bool drop_smallest(struct pages *pages, uint64_t count)
{
    struct page_zone *smallest = &pages->zones[0];
    unsigned after;

    for (unsigned i = 1; i < pages->zone_count; i++) {
        if (pages->zones[i].count < smallest->count) {
            smallest = &pages->zones[i];
        }
    }
    if (smallest->count >= count) {
        pages->dropped += count;
        return false;
    }
    pages->dropped += smallest->count;
    after = pages->zone_count - 1 - (unsigned)(smallest - pages->zones);
    memmove(smallest, smallest + 1, after * sizeof(*smallest));
    pages->zone_count--;
    return true;
}

static void add_zone(struct pages *pages, uint64_t first, uint64_t end)
{
    if (pages->zone_count == PAGES_MAX_ZONES && !drop_smallest(pages, end - first)) {
        return;
    }
    pages->zones[pages->zone_count++] = (struct page_zone){.first = first, .count = end - first};
}

/* Adds every zone between the pages `from` and `end`. */
static void add_zones(struct pages *pages, const struct memory_map *map, uint64_t from,
                      uint64_t end)
{
    uint64_t run = from; /* where the run of usable pages that ends at `page` began */
    uint64_t page = from;

    while (page < end) {
        uint64_t until;
        bool usable = usable_at(map, page, &until);

        if (!usable && run < page) {
            add_zone(pages, run, page);
        }
        page = MIN(until, end);
        if (!usable) {
            run = page;
        }
    }
    if (run < end) {
        add_zone(pages, run, end);
    }
}

static unsigned zones_below(const struct pages *pages, uint64_t address)
{
    unsigned count = 0;

    while (count < pages->zone_count && pages->zones[count].first < PAGE_OF(address)) {
        count++;
    }
    return count;
}

/* The highest zone among those numbered from..end-1 that has `count` pages and one to spare. */
static struct page_zone *highest_with(struct pages *pages, unsigned from, unsigned end,
                                      uint64_t count)
{
    for (unsigned i = end; i > from; i--) {
        if (pages->zones[i - 1].count > count) {
            return &pages->zones[i - 1];
        }
    }
    return NULL;
}

static uint64_t bitmap_words(const struct page_zone *zone)
{
    return (zone->count + 63) / 64;
}

/* Cuts the bitmaps, one behind the other, off the top end of a zone. */
static enum status place_bitmaps(struct pages *pages, void *(*pointer)(hpa_t))
{
    struct page_zone *host;
    uint64_t words = 0;
    uint64_t *taken;

    for (unsigned i = 0; i < pages->zone_count; i++) {
        words += bitmap_words(&pages->zones[i]);
    }
    pages->bookkeeping = PAGE_OF(words * sizeof(*taken) + PAGE_SIZE - 1);
    host = highest_with(pages, pages->zones_below_1m, pages->zones_below_4g, pages->bookkeeping);
    if (host == NULL) {
        host = highest_with(pages, pages->zones_below_4g, pages->zone_count, pages->bookkeeping);
    }
    if (host == NULL) {
        return STATUS_NO_MEMORY;
    }
    host->count -= pages->bookkeeping;
    taken = pointer(HPA((host->first + host->count) << PAGE_SHIFT));
    for (unsigned i = 0; i < pages->zone_count; i++) {
        pages->zones[i].taken = taken;
        taken += bitmap_words(&pages->zones[i]);
    }
    return STATUS_OK;
}

enum status pages_init(struct pages *pages, const struct memory_range *ranges, unsigned range_count,
                       const struct page_hole *holes, unsigned hole_count, void *(*pointer)(hpa_t))
{
    const struct memory_map map = {ranges, range_count, holes, hole_count};
    enum status status;

    pages->zone_count = 0;
    pages->total = 0;
    pages->dropped = 0;
    add_zones(pages, &map, 1, PAGE_OF(MIB));
    add_zones(pages, &map, PAGE_OF(MIB), PAGE_OF(4 * GIB));
    add_zones(pages, &map, PAGE_OF(4 * GIB), PAGE_OF(PHYSICAL_END));
    pages->zones_below_1m = zones_below(pages, MIB);
    pages->zones_below_4g = zones_below(pages, 4 * GIB);
    status = place_bitmaps(pages, pointer);
    if (status != STATUS_OK) {
        pages->zone_count = pages->zones_below_1m = pages->zones_below_4g = 0;
    }
    for (unsigned i = 0; i < pages->zone_count; i++) {
        struct page_zone *zone = &pages->zones[i];

        zone->free = zone->count;
        zone->frontier = zone->count;
        pages->total += zone->count;
    }
    pages->free = pages->total;
    return status;
}
