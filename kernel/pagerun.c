/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the merging of leaves into runs: one is open while its neighbours join it, and is told of
 * when the next leaf does not. Recursion is at most one visit_table() a level.
 */
#include "kernel/pagerun.h"

#include "kernel/pageedit.h"

struct merger {
    const struct page_table *pt;
    struct pt_run run; /* open where present; addresses in tables' terms */
    pt_run_visitor *visitor;
    void *context;
    bool ended; /* by the visitor */
};

static void tell(struct merger *merger)
{
    struct pt_run run = merger->run;

    if (run.present && !merger->ended) {
        run.first = pt_full_address(merger->pt->format, run.first);
        run.last = pt_full_address(merger->pt->format, run.last);
        merger->ended = !merger->visitor(merger->context, &run);
    }
    merger->run.present = false;
}

/* first..last, mapped by `entry` of `level`, or a part of what it maps. */
static void add_leaf(struct merger *merger, uint64_t entry, unsigned level, uint64_t first,
                     uint64_t last)
{
    const struct pt_format *format = merger->pt->format;
    struct pt_run *run = &merger->run;
    uint64_t mask = pt_leaf_address(format, level);
    uint64_t target = (entry & mask) | (first & (pt_span(level) - 1));
    uint64_t attributes = entry & ~mask & ~pt_leaf_mark(format, level);
    uint64_t marks = format->accessed | format->dirty;

    if (!run->present || run->last + 1 != first ||
        run->target.value + (first - run->first) != target ||
        ((run->attributes ^ attributes) & ~marks) != 0) {
        tell(merger);
        *run =
            (struct pt_run){.first = first, .present = true, .level = level, .target = HPA(target)};
    }
    run->last = last;
    run->attributes |= attributes;
    run->leaves[level]++;
}

static enum status visit_table(struct merger *merger, hpa_t table, unsigned level, uint64_t first,
                               uint64_t last)
{
    const struct pt_format *format = merger->pt->format;
    const uint64_t *entries = pt_entries(merger->pt, table);
    enum status status = entries == NULL ? STATUS_INVALID : STATUS_OK;

    while (status == STATUS_OK && first <= last && !merger->ended) {
        uint64_t entry = entries[pt_index(level, first)];
        uint64_t part_last = MIN(last, first | (pt_span(level) - 1));
        enum pt_kind kind = pt_kind(format, level, entry);

        if (kind == PT_LEAF) {
            add_leaf(merger, entry, level, first, part_last);
        } else if (kind == PT_TABLE && level > 1) {
            status = visit_table(merger, pt_table(format, entry), level - 1, first, part_last);
        }
        first = part_last + 1;
    }
    return status;
}

enum status pt_for_each_run(const struct page_table *pt, uint64_t address, uint64_t length,
                            pt_run_visitor *visitor, void *context)
{
    struct merger merger = {.pt = pt, .visitor = visitor, .context = context};
    uint64_t mask = pt_space_mask(pt->format);
    enum status status;

    if (length == 0 && IS_ALIGNED(address, PAGE_SIZE)) {
        return STATUS_OK;
    }
    if (!pt_range_in_space(pt->format, address, address + length - 1)) {
        return STATUS_INVALID;
    }
    status = visit_table(&merger, pt->root, pt->format->levels, address & mask,
                         (address + length - 1) & mask);
    if (status == STATUS_OK) {
        tell(&merger);
    }
    return status;
}

static bool keep_first(void *context, const struct pt_run *run)
{
    *(struct pt_run *)context = *run;
    return false;
}

enum status pt_query(const struct page_table *pt, uint64_t address, uint64_t length,
                     struct pt_run *run)
{
    enum status status;

    *run = (struct pt_run){.present = false};
    if (length == 0) {
        return STATUS_INVALID;
    }
    status = pt_for_each_run(pt, address, length, keep_first, run);
    if (status == STATUS_OK && (!run->present || run->first != address)) {
        uint64_t end = run->present ? run->first : address + length;

        *run = (struct pt_run){.first = address, .last = end - 1};
    }
    return status;
}
