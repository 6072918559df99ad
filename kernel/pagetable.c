/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The changing half of the one walker: edit() goes down over a range and is all that ever changes a
 * table. Mapping, splitting, unmapping, and giving back a whole tree are the same descent with a
 * different aim. The reading half is pagewalk.c; what an entry means stands once, in the header.
 *
 * Invariants, for tables that only this file has written:
 * - an entry is 0, a leaf, or refers to a table that no other entry refers to;
 * - no table but the root is empty once a call has returned, a failed call included;
 * - pt->tables counts the tables that are reachable from the root, the root included;
 * - a table is complete before an entry refers to it, and is given back only after no entry does:
 *   a processor that walks meanwhile sees the old or the new, never a half. (It may hold a table in
 *   its paging-structure caches until the caller has invalidated them: SDM vol. 3A, "Caching
 *   Translation Information". Where that matters, pt_memory's give() delays the reuse.)
 *
 * Recursion is at most one edit() a level.
 */
#include "kernel/pagetable.h"

#include "kernel/string.h"

/* What edit() has to bring about in a range. */
struct edit {
    bool map;            /* false: remove */
    uint64_t distance;   /* map: host-physical target less address, modulo 2^64 */
    uint64_t attributes; /* map: of every leaf */
};

/* One store, after all that the entry refers to. */
static void set_entry(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static uint64_t *entries_of(const struct page_table *pt, hpa_t table)
{
    return pt->memory->at(pt->memory, table);
}

static hpa_t table_of(const struct page_table *pt, uint64_t entry)
{
    return HPA(entry & pt->format->address);
}

static enum status take_table(struct page_table *pt, hpa_t *table, uint64_t **entries)
{
    *table = pt->memory->take(pt->memory);
    if (table->value == 0) {
        return STATUS_NO_MEMORY;
    }
    *entries = entries_of(pt, *table);
    if (*entries == NULL) {
        pt->memory->give(pt->memory, *table);
        return STATUS_INVALID;
    }
    pt->tables++;
    return STATUS_OK;
}

static void give_table(struct page_table *pt, hpa_t table)
{
    pt->tables--;
    pt->memory->give(pt->memory, table);
}

/* Lets `entry`, absent or a leaf at `level`, refer to a table that translates just as it did. */
static enum status expand(struct page_table *pt, uint64_t *entry, unsigned level)
{
    const struct pt_format *format = pt->format;
    hpa_t table;
    uint64_t *entries;
    enum status status = take_table(pt, &table, &entries);

    if (status != STATUS_OK) {
        return status;
    }
    if (pt_kind(format, level, *entry) == PT_LEAF) {
        uint64_t part = (*entry & pt_leaf_address(format, level)) |
                        (*entry & ~(format->address | format->leaf)) |
                        pt_leaf_mark(format, level - 1);

        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            entries[i] = part + i * pt_span(level - 1);
        }
    } else {
        memset(entries, 0, PAGE_SIZE);
    }
    set_entry(entry, table.value | format->table);
    return STATUS_OK;
}

static bool table_is_empty(const struct page_table *pt, hpa_t table)
{
    const uint64_t *entries = entries_of(pt, table);

    for (unsigned i = 0; entries != NULL && i < PT_ENTRIES; i++) {
        if ((entries[i] & pt->format->present) != 0) {
            return false;
        }
    }
    return entries != NULL;
}

static enum status edit(struct page_table *pt, hpa_t table, unsigned level,
                        const struct edit *change, uint64_t first, uint64_t last);

/* Gives back the table that `entry` of `level` referred to, and all below it. */
static void give_tree(struct page_table *pt, unsigned level, uint64_t entry)
{
    static const struct edit remove_all = {.map = false};
    hpa_t table = table_of(pt, entry);

    /* Removing whole entries takes no table, so this fails for an unreadable table alone. */
    (void)!edit(pt, table, level - 1, &remove_all, 0, pt_span(level) - 1);
    give_table(pt, table);
}

static uint64_t leaf_for(const struct page_table *pt, unsigned level, const struct edit *change,
                         uint64_t first)
{
    return (first + change->distance) | change->attributes | pt_leaf_mark(pt->format, level);
}

/* Whether the change of first..last, within one entry of `level`, is made in that entry itself. */
static bool settles_here(const struct page_table *pt, unsigned level, const struct edit *change,
                         uint64_t first, uint64_t last)
{
    uint64_t span = pt_span(level);

    if (last - first != span - 1) {
        return false;
    }
    return !change->map || level == 1 ||
           (level <= pt->format->largest_leaf && IS_ALIGNED(first + change->distance, span));
}

/* Brings `change` about in first..last, all within what `entry` of `level` spans. */
static enum status edit_entry(struct page_table *pt, uint64_t *entry, unsigned level,
                              const struct edit *change, uint64_t first, uint64_t last)
{
    uint64_t old = *entry;
    enum pt_kind kind = pt_kind(pt->format, level, old);
    enum status status = STATUS_OK;

    if (kind == PT_ABSENT && !change->map) {
        return STATUS_OK;
    }
    if (settles_here(pt, level, change, first, last)) {
        set_entry(entry, change->map ? leaf_for(pt, level, change, first) : 0);
        if (kind == PT_TABLE) {
            give_tree(pt, level, old);
        }
        return STATUS_OK;
    }
    if (kind != PT_TABLE) {
        status = expand(pt, entry, level);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = edit(pt, table_of(pt, *entry), level - 1, change, first, last);
    /* Only a removal, or a mapping that failed before its first leaf, can leave an empty table. */
    if ((!change->map || status != STATUS_OK) && table_is_empty(pt, table_of(pt, *entry))) {
        hpa_t empty = table_of(pt, *entry);

        set_entry(entry, 0);
        give_table(pt, empty);
    }
    return status;
}

/* Brings `change` about in first..last, all within what the table of `level` translates. */
static enum status edit(struct page_table *pt, hpa_t table, unsigned level,
                        const struct edit *change, uint64_t first, uint64_t last)
{
    uint64_t *entries = entries_of(pt, table);
    enum status status = entries == NULL ? STATUS_INVALID : STATUS_OK;

    for (bool done = false; status == STATUS_OK && !done;) {
        uint64_t part_last = MIN(last, first | (pt_span(level) - 1));

        status = edit_entry(pt, &entries[pt_index(level, first)], level, change, first, part_last);
        done = part_last == last;
        first = part_last + 1;
    }
    return status;
}

/* The bits of an address that the tables translate, the offset in the page included. */
static uint64_t space_mask(const struct pt_format *format)
{
    return pt_span(format->levels + 1) - 1;
}

/* Whether `address` is one that the tables translate: the bits that select nothing are 0, or in the
 * upper half of a canonical space, all 1 as is the highest that selects. */
static bool in_space(const struct pt_format *format, uint64_t address)
{
    uint64_t half = ~(space_mask(format) >> 1);

    if (format->canonical) {
        return (address & half) == 0 || (address & half) == half;
    }
    return (address & ~space_mask(format)) == 0;
}

/* Whether first..last, of whole pages, lies in the space; a canonical one in one of its halves. */
static bool range_in_space(const struct pt_format *format, uint64_t first, uint64_t last)
{
    return IS_ALIGNED(first, PAGE_SIZE) && IS_ALIGNED(last + 1, PAGE_SIZE) && first <= last &&
           in_space(format, first) && in_space(format, last) &&
           ((first ^ last) & ~space_mask(format)) == 0;
}

/* Addresses in tables' terms: a canonical one's upper bits select nothing. */
static enum status edit_range(struct page_table *pt, const struct edit *change, uint64_t first,
                              uint64_t last)
{
    uint64_t mask = space_mask(pt->format);

    return edit(pt, pt->root, pt->format->levels, change, first & mask, last & mask);
}

enum status pt_init(struct page_table *pt, const struct pt_format *format, struct pt_memory *memory)
{
    uint64_t *entries;
    enum status status;

    *pt = (struct page_table){.format = format, .memory = memory};
    status = take_table(pt, &pt->root, &entries);
    if (status == STATUS_OK) {
        memset(entries, 0, PAGE_SIZE);
    }
    return status;
}

enum status pt_map(struct page_table *pt, uint64_t address, hpa_t target, uint64_t length,
                   uint64_t attributes)
{
    const struct pt_format *format = pt->format;
    uint64_t target_last = target.value + length - 1;
    struct edit change = {
        .map = true,
        .distance = target.value - (address & space_mask(format)),
        .attributes = attributes,
    };

    if (length == 0 && IS_ALIGNED(address | target.value, PAGE_SIZE)) {
        return STATUS_OK;
    }
    /* Both spaces are far below 2^64: with the range in its own, the target cannot wrap. */
    if (!range_in_space(format, address, address + length - 1) ||
        (target.value & ~format->address) != 0 ||
        (target_last & ~(format->address | (PAGE_SIZE - 1))) != 0 ||
        (attributes & (format->address | format->leaf)) != 0 ||
        (attributes & format->present) == 0) {
        return STATUS_INVALID;
    }
    return edit_range(pt, &change, address, address + length - 1);
}

enum status pt_unmap(struct page_table *pt, uint64_t address, uint64_t length)
{
    struct edit change = {.map = false};

    if (length == 0 && IS_ALIGNED(address, PAGE_SIZE)) {
        return STATUS_OK;
    }
    if (!range_in_space(pt->format, address, address + length - 1)) {
        return STATUS_INVALID;
    }
    return edit_range(pt, &change, address, address + length - 1);
}

void pt_destroy(struct page_table *pt)
{
    if (pt->root.value == 0) {
        return;
    }
    give_tree(pt, pt->format->levels + 1, pt->root.value);
    pt->root = HPA(0);
}
