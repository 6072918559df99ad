/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading half of the one walker: follows one address down through tables of any format and any
 * content, our own or a guest's, and writes nothing but its answer.
 *
 * Invariant: a table is read only through pt_memory's at(), and at most one a level, whatever the
 * tables hold.
 */
#include "kernel/pagetable.h"

struct pt_walk pt_walk(const struct pt_format *format, struct pt_memory *memory, hpa_t root,
                       uint64_t address)
{
    struct pt_walk walk = {.level = format->levels, .readable = true};
    hpa_t table = root;

    for (;; walk.level--) {
        const uint64_t *entries = memory->at(memory, table);
        uint64_t entry;
        enum pt_kind kind;

        walk.table[walk.level] = table;
        if (entries == NULL) {
            walk.readable = false;
            return walk;
        }
        entry = entries[pt_index(walk.level, address)];
        walk.entry[walk.level] = entry;
        kind = pt_kind(format, walk.level, entry);
        if (kind == PT_LEAF) {
            uint64_t mask = pt_leaf_address(format, walk.level);

            walk.present = true;
            walk.target = HPA((entry & mask) | (address & (pt_span(walk.level) - 1)));
            walk.attributes = entry & ~mask & ~pt_leaf_mark(format, walk.level);
        }
        if (kind != PT_TABLE) {
            return walk;
        }
        table = HPA(entry & format->address);
    }
}
