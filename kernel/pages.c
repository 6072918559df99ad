/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking pages and giving them back, in zones that pagezones.c made.
 *
 * A zone's pages above its frontier are described by the bitmap; those below are free, and the bits
 * that describe them are whatever the memory held. The frontier moves down only as far as an
 * allocation needs, and up again when the lowest taken page is given back. So no bit is cleared
 * before it is needed, a page is most often found without a search, and no free run ever lies on
 * both sides of a frontier.
 *
 * Invariants, for each zone, before and after each call:
 * - page `frontier` is taken, or frontier = count;
 * - every word that holds the bit of a page at or above the frontier is valid; bits of pages below
 *   the frontier that share a word with it are clear;
 * - free = frontier + the clear bits from the frontier on;
 * - if free > frontier, no page from `top` on is free.
 */
#include "kernel/pages.h"

#include "kernel/string.h"

#define WORD_BITS 64

/* Masks of the bits from `page`'s on in its word, and up to `page`'s. */
static uint64_t bits_from(uint64_t page)
{
    return ~UINT64_C(0) << (page % WORD_BITS);
}

static uint64_t bits_to(uint64_t page)
{
    return ~UINT64_C(0) >> (WORD_BITS - 1 - page % WORD_BITS);
}

static void mark_word(uint64_t *word, uint64_t mask, bool taken)
{
    *word = taken ? *word | mask : *word & ~mask;
}

/* For at least one page. */
static void mark(struct page_zone *zone, uint64_t from, uint64_t end, bool taken)
{
    uint64_t last = (end - 1) / WORD_BITS;
    uint64_t mask = bits_from(from);

    for (uint64_t word = from / WORD_BITS; word < last; word++) {
        mark_word(&zone->taken[word], mask, taken);
        mask = ~UINT64_C(0);
    }
    mark_word(&zone->taken[last], mask & bits_to(end - 1), taken);
}

/* The lowest taken page among from..end-1; `end` if there is none. */
static uint64_t first_taken(const struct page_zone *zone, uint64_t from, uint64_t end)
{
    uint64_t mask = bits_from(from);

    for (uint64_t word = from / WORD_BITS; word * WORD_BITS < end; word++) {
        uint64_t bits = zone->taken[word] & mask;

        if (bits != 0) {
            return MIN(end, word * WORD_BITS + (uint64_t)__builtin_ctzll(bits));
        }
        mask = ~UINT64_C(0);
    }
    return end;
}

/* One more than the highest free page among from..end-1; `from` if there is none. */
static uint64_t free_end(const struct page_zone *zone, uint64_t from, uint64_t end)
{
    uint64_t mask = bits_to(end - 1);

    while (end > from) {
        uint64_t word = (end - 1) / WORD_BITS;
        uint64_t bits = ~zone->taken[word] & mask;

        if (bits != 0) {
            return MAX(from, (word + 1) * WORD_BITS - (uint64_t)__builtin_clzll(bits));
        }
        end = word * WORD_BITS;
        mask = ~UINT64_C(0);
    }
    return from;
}

/* The highest place for `count` pages that ends at page `end` of the zone, or below. */
static bool fit_below(const struct page_zone *zone, uint64_t end, uint64_t count,
                      uint64_t alignment, uint64_t *start)
{
    uint64_t page;

    if (end < count) {
        return false;
    }
    page = ALIGN_DOWN(zone->first + end - count, alignment);
    *start = page - zone->first;
    return page >= zone->first;
}

/* Looks among the pages that were given back, from the top down. */
static bool find_given(struct page_zone *zone, uint64_t count, uint64_t alignment, uint64_t *start)
{
    uint64_t end = zone->top = free_end(zone, zone->frontier, zone->top);

    while (fit_below(zone, end, count, alignment, start) && *start >= zone->frontier) {
        uint64_t obstacle = first_taken(zone, *start, *start + count);

        if (obstacle == *start + count) {
            return true;
        }
        end = free_end(zone, zone->frontier, obstacle);
    }
    return false;
}

/* Takes note that pages above the frontier, `end` being the end of them, become free. */
static void raise_top(struct page_zone *zone, uint64_t end)
{
    zone->top = zone->free > zone->frontier ? MAX(zone->top, end) : end;
}

/* Moves the frontier down to `start`, which is to be taken with the `count`-1 pages after it. */
static void lower_frontier(struct page_zone *zone, uint64_t start, uint64_t count)
{
    uint64_t first_word = start / WORD_BITS;
    /* Words that hold a bit of the old frontier's or a higher page are valid already. */
    uint64_t end_word = zone->frontier == zone->count ? (zone->count + WORD_BITS - 1) / WORD_BITS
                                                      : zone->frontier / WORD_BITS;

    if (first_word < end_word) {
        memset(&zone->taken[first_word], 0, (end_word - first_word) * sizeof(*zone->taken));
    }
    if (start + count < zone->frontier) {
        raise_top(zone, zone->frontier); /* alignment leaves free pages above */
    }
    zone->frontier = start;
}

/*
 * The common case, without a search: nothing above the frontier is free, and the page below it
 * shares a valid word with it.
 */
static bool take_next_page(struct page_zone *zone, uint64_t *start)
{
    uint64_t page = zone->frontier - 1;

    if (zone->free != zone->frontier || zone->frontier == zone->count ||
        zone->frontier % WORD_BITS == 0) {
        return false;
    }
    zone->taken[page / WORD_BITS] |= BIT(page % WORD_BITS);
    zone->frontier = page;
    zone->free = page;
    *start = page;
    return true;
}

static bool take_in_zone(struct page_zone *zone, uint64_t count, uint64_t alignment,
                         uint64_t *start)
{
    if (count == 1 && alignment == 1 && take_next_page(zone, start)) {
        return true;
    }
    if (zone->free - zone->frontier < count || !find_given(zone, count, alignment, start)) {
        if (!fit_below(zone, zone->frontier, count, alignment, start)) {
            return false;
        }
        lower_frontier(zone, *start, count);
    }
    mark(zone, *start, *start + count, true);
    zone->free -= count;
    return true;
}

enum status pages_take(struct pages *pages, uint64_t count, uint64_t alignment,
                       enum page_limit limit, hpa_t *base)
{
    unsigned from = limit == PAGES_BELOW_1M ? 0 : pages->zones_below_1m;
    unsigned end = limit == PAGES_BELOW_1M   ? pages->zones_below_1m
                   : limit == PAGES_BELOW_4G ? pages->zones_below_4g
                                             : pages->zone_count;

    if (count == 0 || alignment < PAGE_SIZE || (alignment & (alignment - 1)) != 0) {
        return STATUS_INVALID;
    }
    for (unsigned i = end; i > from; i--) {
        struct page_zone *zone = &pages->zones[i - 1];
        uint64_t start;

        if (zone->free >= count && take_in_zone(zone, count, alignment >> PAGE_SHIFT, &start)) {
            pages->free -= count;
            *base = HPA((zone->first + start) << PAGE_SHIFT);
            return STATUS_OK;
        }
    }
    return STATUS_NO_MEMORY;
}

/* The zone that manages `page`, or NULL. */
static struct page_zone *zone_of(struct pages *pages, uint64_t page)
{
    unsigned low = 0;
    unsigned high = pages->zone_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        struct page_zone *zone = &pages->zones[middle];

        if (page < zone->first) {
            high = middle;
        } else if (page - zone->first >= zone->count) {
            low = middle + 1;
        } else {
            return zone;
        }
    }
    return NULL;
}

/* Whether pages first..end-1 may all be given back; they may lie in zones that adjoin. */
static enum status may_give(struct pages *pages, uint64_t first, uint64_t end)
{
    enum status status = STATUS_OK;

    while (first < end) {
        const struct page_zone *zone = zone_of(pages, first);
        uint64_t from, to;

        if (zone == NULL) {
            return STATUS_INVALID;
        }
        from = first - zone->first;
        to = MIN(end - zone->first, zone->count);
        if (from < zone->frontier || free_end(zone, from, to) != from) {
            status = STATUS_NOT_FOUND;
        }
        first = zone->first + to;
    }
    return status;
}

static void give_in_zone(struct page_zone *zone, uint64_t from, uint64_t end)
{
    mark(zone, from, end, false);
    raise_top(zone, end);
    zone->free += end - from;
    if (from == zone->frontier) {
        zone->frontier = first_taken(zone, end, zone->count);
    }
}

enum status pages_give(struct pages *pages, hpa_t base, uint64_t count)
{
    uint64_t first = base.value >> PAGE_SHIFT;
    uint64_t end = first + count;
    enum status status;

    if (!IS_ALIGNED(base.value, PAGE_SIZE) || count == 0 || end < first) {
        return STATUS_INVALID;
    }
    status = may_give(pages, first, end);
    while (status == STATUS_OK && first < end) {
        struct page_zone *zone = zone_of(pages, first);
        uint64_t to = MIN(end - zone->first, zone->count);

        give_in_zone(zone, first - zone->first, to);
        first = zone->first + to;
    }
    if (status == STATUS_OK) {
        pages->free += count;
    }
    return status;
}
