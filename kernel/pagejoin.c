/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way back from a split: tables whose leaves are all alike become one leaf again, from the
 * lowest level up, so that a gibibyte of 4 KiB pages ends as one entry. Keeps the invariants that
 * pageedit.c names.
 */
#include "kernel/pageedit.h"

/* Whether one leaf of `level` can stand for the table below it; if so, which. */
static bool as_one_leaf(const struct page_table *pt, hpa_t table, unsigned level, uint64_t *leaf)
{
    const struct pt_format *format = pt->format;
    const uint64_t *entries = pt_entries(pt, table);
    uint64_t marks = format->accessed | format->dirty, part, seen = 0;

    if (level < 2 || level > format->largest_leaf || entries == NULL) {
        return false;
    }
    part = entries[0] & ~marks;
    /* In a page of 4 KiB, the bit that marks a larger one is an attribute that a larger one has
     * elsewhere (PAT): no EPT entry of ours, and no host's, has it. */
    if (pt_kind(format, level - 1, part) != PT_LEAF ||
        (part & format->leaf) != pt_leaf_mark(format, level - 1) ||
        !IS_ALIGNED(part & format->address, pt_span(level))) {
        return false;
    }
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if ((entries[i] & ~marks) != part + i * pt_span(level - 1)) {
            return false;
        }
        seen |= entries[i] & marks;
    }
    *leaf = part | seen | pt_leaf_mark(format, level);
    return true;
}

static enum status join_table(struct page_table *pt, hpa_t table, unsigned level, uint64_t first,
                              uint64_t last);

/* Joins what can be joined below `entry` of `level`, in first..last; and then, all of it. */
static enum status join_entry(struct page_table *pt, uint64_t *entry, unsigned level,
                              uint64_t first, uint64_t last)
{
    hpa_t below = pt_table(pt->format, *entry);
    enum status status = STATUS_OK;
    uint64_t leaf;

    if (pt_kind(pt->format, level, *entry) != PT_TABLE) {
        return STATUS_OK;
    }
    if (level > 2) {
        status = join_table(pt, below, level - 1, first, last);
    }
    if (status == STATUS_OK && as_one_leaf(pt, below, level, &leaf)) {
        pt_set(pt, entry, level, first, leaf);
        pt_retire(pt, below);
    }
    return status;
}

static enum status join_table(struct page_table *pt, hpa_t table, unsigned level, uint64_t first,
                              uint64_t last)
{
    uint64_t *entries = pt_entries(pt, table);
    enum status status = entries == NULL ? STATUS_INVALID : STATUS_OK;

    while (status == STATUS_OK && first <= last) {
        uint64_t part_last = MIN(last, first | (pt_span(level) - 1));

        status = join_entry(pt, &entries[pt_index(level, first)], level, first, part_last);
        first = part_last + 1;
    }
    return status;
}

enum status pt_join_tables(struct page_table *pt, uint64_t first, uint64_t last)
{
    return join_table(pt, pt->root, pt->format->levels, first, last);
}
