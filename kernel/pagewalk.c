/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading half of the one walker: follows one address down through tables of any format and any
 * content, our own or a guest's, and writes nothing but its answer.
 *
 * Invariant: a table is read only where pt_memory has it, and at most one a level, whatever the
 * tables hold.
 */
#include "kernel/pagetable.h"

#include "kernel/pageedit.h"

/* The levels that were not reached are not written: they would cost more than the walk. */
struct pt_walk pt_walk(const struct pt_format *format, struct pt_memory *memory, hpa_t root,
                       uint64_t address)
{
    struct pt_walk walk;
    unsigned level = format->levels;
    hpa_t table = root;

    walk.present = false;
    walk.readable = true;
    walk.target = HPA(0);
    walk.attributes = 0;
    for (;; level--) {
        const uint64_t *entries = pt_memory_at(memory, table);
        enum pt_kind kind;
        uint64_t entry;

        walk.level = level;
        walk.table[level] = table;
        if (entries == NULL) {
            walk.readable = false;
            return walk;
        }
        entry = entries[pt_index(level, address)];
        walk.entry[level] = entry;
        kind = pt_kind(format, level, entry);
        if (kind == PT_LEAF) {
            uint64_t mask = pt_leaf_address(format, level);

            walk.present = true;
            walk.target = HPA((entry & mask) | (address & (pt_span(level) - 1)));
            walk.attributes = entry & ~mask & ~pt_leaf_mark(format, level);
        }
        if (kind != PT_TABLE) {
            return walk;
        }
        table = pt_table(format, entry);
    }
}
