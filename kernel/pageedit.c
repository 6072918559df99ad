/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The changing half of the one walker: pt_edit() goes down over a range. Mapping, removing,
 * changing attributes and splitting are the same descent with a different aim.
 *
 * Invariants, for tables that only this file and pagejoin.c have written:
 * - an entry is 0, a leaf, or refers to a table that no other entry refers to;
 * - no table but the root is empty once a call has returned, a failed call included;
 * - pt->tables counts the tables that are reachable from the root, the root included;
 * - a table is complete before an entry refers to it, and is retired only after no entry does: a
 *   processor that walks meanwhile sees the old or the new, never a half;
 * - accessed and dirty bits that a processor sets meanwhile are kept, by a leaf as by its parts.
 *
 * Recursion is at most one edit_table() a level.
 */
#include "kernel/pageedit.h"

#include "kernel/string.h"

static enum status take_table(struct page_table *pt, hpa_t *table, uint64_t **entries)
{
    *table = pt->memory->take(pt->memory);
    if (table->value == 0) {
        return STATUS_NO_MEMORY;
    }
    *entries = pt_entries(pt, *table);
    if (*entries == NULL) {
        pt->memory->give(pt->memory, *table);
        return STATUS_INVALID;
    }
    pt->tables++;
    return STATUS_OK;
}

/* Fills a table that translates just as `leaf` of `level` does. */
static void fill_parts(const struct pt_format *format, uint64_t *entries, unsigned level,
                       uint64_t leaf)
{
    uint64_t part = (leaf & pt_leaf_address(format, level)) |
                    (leaf & ~(format->address | format->leaf)) | pt_leaf_mark(format, level - 1);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        entries[i] = part;
        part += pt_span(level - 1);
    }
}

/* Lets `entry`, absent or a leaf at `level`, refer to a table that translates just as it did. What
 * was accessed as a leaf is as a table: then nothing below one that is not has been, either. */
static enum status expand(struct page_table *pt, uint64_t *entry, unsigned level, uint64_t address)
{
    const struct pt_format *format = pt->format;
    uint64_t old = *entry;
    hpa_t table;
    uint64_t *entries;
    enum status status = take_table(pt, &table, &entries);

    if (status != STATUS_OK) {
        return status;
    }
    if (pt_kind(format, level, old) == PT_ABSENT) {
        memset(entries, 0, PAGE_SIZE);
        pt_set(pt, entry, level, address, table.value | format->table);
        return STATUS_OK;
    }
    for (bool done = false; !done;) {
        old = *(volatile uint64_t *)entry;
        fill_parts(format, entries, level, old);
        done = pt_set_if(pt, entry, level, address, old,
                         table.value | format->table | (old & format->accessed));
    }
    return STATUS_OK;
}

static bool table_is_empty(const struct page_table *pt, hpa_t table)
{
    const uint64_t *entries = pt_entries(pt, table);

    for (unsigned i = 0; entries != NULL && i < PT_ENTRIES; i++) {
        if ((entries[i] & pt->format->present) != 0) {
            return false;
        }
    }
    return entries != NULL;
}

static uint64_t protected_leaf(const struct pt_edit *edit, uint64_t leaf)
{
    return (leaf & ~edit->clear) | edit->set;
}

/* Whether `leaf` of `level` is as the edit wants it, whatever part of it is meant. */
static bool is_as_wanted(const struct pt_edit *edit, unsigned level, uint64_t leaf)
{
    return (edit->aim == PT_PROTECT && protected_leaf(edit, leaf) == leaf) ||
           (edit->aim == PT_SPLIT && level <= edit->level);
}

/* Whether the edit would leave of `leaf` an entry that is neither present nor 0. */
static bool is_lost(const struct page_table *pt, const struct pt_edit *edit, uint64_t leaf)
{
    return edit->aim == PT_PROTECT && (protected_leaf(edit, leaf) & pt->format->present) == 0;
}

static void set_and_retire(struct page_table *pt, uint64_t *entry, unsigned level, uint64_t address,
                           uint64_t value)
{
    uint64_t old = pt_set(pt, entry, level, address, value);

    if (old != 0 && pt_kind(pt->format, level, old) == PT_TABLE) {
        pt_retire_tree(pt, level, old);
    }
}

/* The attributes of a leaf, whatever the processor adds to them meanwhile. */
static void protect_leaf(struct page_table *pt, uint64_t *entry, unsigned level,
                         const struct pt_edit *edit, uint64_t address)
{
    uint64_t old;

    do {
        old = *(volatile uint64_t *)entry;
    } while (!pt_set_if(pt, entry, level, address, old, protected_leaf(edit, old)));
}

/* Whether a mapping of a whole entry of `level` is made by a leaf there. */
static bool maps_by_leaves(const struct page_table *pt, unsigned level, const struct pt_edit *edit)
{
    return edit->aim == PT_MAP && IS_ALIGNED(edit->distance, pt_span(level)) &&
           (level == 1 || level <= pt->format->largest_leaf);
}

static uint64_t leaf_for(const struct page_table *pt, unsigned level, const struct pt_edit *edit,
                         uint64_t first)
{
    return (first + edit->distance) | edit->attributes | pt_leaf_mark(pt->format, level);
}

/* Maps by leaves of `level` what whole entries, from `entry` on, can hold of first..last. Gives the
 * first address that is left. */
static uint64_t map_leaves(struct page_table *pt, uint64_t *entry, unsigned level,
                           const struct pt_edit *edit, uint64_t first, uint64_t last)
{
    uint64_t span = pt_span(level), leaf = leaf_for(pt, level, edit, first);

    for (uint64_t count = (last - first + 1) >> pt_shift(level); count != 0; count--) {
        set_and_retire(pt, entry++, level, first, leaf);
        first += span;
        leaf += span;
    }
    return first;
}

static enum status edit_table(struct page_table *pt, uint64_t *entries, unsigned level,
                              const struct pt_edit *edit, uint64_t first, uint64_t last);

/* Brings the edit about in first..last, all within what `entry` of `level` spans. */
static enum status edit_entry(struct page_table *pt, uint64_t *entry, unsigned level,
                              const struct pt_edit *edit, uint64_t first, uint64_t last)
{
    enum pt_kind kind = pt_kind(pt->format, level, *entry);
    enum status status = STATUS_OK;
    hpa_t below;

    if ((kind == PT_ABSENT && edit->aim != PT_MAP) ||
        (kind == PT_LEAF && is_as_wanted(edit, level, *entry))) {
        return STATUS_OK;
    }
    if (kind == PT_LEAF && is_lost(pt, edit, *entry)) {
        return STATUS_INVALID;
    }
    if (last - first == pt_span(level) - 1 && edit->aim == PT_UNMAP) {
        set_and_retire(pt, entry, level, first, 0);
        return STATUS_OK;
    }
    if (last - first == pt_span(level) - 1 && edit->aim == PT_PROTECT && kind == PT_LEAF) {
        protect_leaf(pt, entry, level, edit, first);
        return STATUS_OK;
    }
    if (kind != PT_TABLE) {
        status = expand(pt, entry, level, first);
    }
    if (status != STATUS_OK) {
        return status;
    }
    below = pt_table(pt->format, *entry);
    status = edit_table(pt, pt_entries(pt, below), level - 1, edit, first, last);
    /* Only a removal, or a mapping that failed before its first leaf, can leave an empty table. */
    if ((edit->aim == PT_UNMAP || status != STATUS_OK) && table_is_empty(pt, below)) {
        pt_set(pt, entry, level, first, 0);
        pt_retire(pt, below);
    }
    return status;
}

/* Brings the edit about in first..last, all within what the table of `level` translates.
 * STATUS_INVALID: it could not be read. */
static enum status edit_table(struct page_table *pt, uint64_t *entries, unsigned level,
                              const struct pt_edit *edit, uint64_t first, uint64_t last)
{
    uint64_t inside = pt_span(level) - 1;
    bool leaves = maps_by_leaves(pt, level, edit);
    enum status status = entries == NULL ? STATUS_INVALID : STATUS_OK;

    while (status == STATUS_OK && first <= last) {
        uint64_t *entry = &entries[pt_index(level, first)];

        if (leaves && (first & inside) == 0 && last - first >= inside) {
            first = map_leaves(pt, entry, level, edit, first, last);
        } else {
            status = edit_entry(pt, entry, level, edit, first, MIN(last, first | inside));
            first = (first | inside) + 1;
        }
    }
    return status;
}

/* The lowest table that translates first..last and more, and its level; NULL where one on the way
 * cannot be read. Goes by what entries of ours that refer to tables look like. */
static uint64_t *lowest_table(const struct page_table *pt, uint64_t first, uint64_t last,
                              unsigned *level)
{
    const struct pt_format *format = pt->format;
    uint64_t table = format->table, looked_at = format->table | format->leaf;
    unsigned shift = pt_shift(format->levels);
    uint64_t *entries = pt_entries(pt, pt->root);

    while (entries != NULL && shift > PAGE_SHIFT && (first ^ last) >> shift == 0 &&
           last - first != BIT(shift) - 1) {
        uint64_t entry = entries[(first >> shift) % PT_ENTRIES];

        if ((entry & looked_at) != table) {
            break;
        }
        entries = pt_entries(pt, pt_table(format, entry));
        shift -= 9;
    }
    *level = (shift - PAGE_SHIFT) / 9 + 1;
    return entries;
}

/*
 * Begins at the lowest table that has room for a leaf over all of the range: a page among others
 * costs a look at an entry a level, and its own. What removes begins at the root, to see which
 * tables become empty; all else leaves no table empty that was not.
 */
enum status pt_edit(struct page_table *pt, const struct pt_edit *edit, uint64_t first,
                    uint64_t last)
{
    unsigned level = pt->format->levels;
    uint64_t *entries =
        edit->aim == PT_UNMAP ? pt_entries(pt, pt->root) : lowest_table(pt, first, last, &level);

    return edit_table(pt, entries, level, edit, first, last);
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

void pt_destroy(struct page_table *pt)
{
    if (pt->root.value == 0) {
        return;
    }
    pt->flusher = NULL;
    pt_retire_tree(pt, pt->format->levels + 1, pt->root.value);
    pt_give_retired(pt);
    pt->root = HPA(0);
}
