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

static inline void walk_in(const struct pt_format *format, struct pt_memory *memory, bool direct,
                           hpa_t table, uint64_t address, struct pt_walk *walk)
{
    unsigned level = format->levels, shift = pt_shift(level);

    for (;; level--, shift -= 9) {
        const uint64_t *entries = direct ? pointer_to(table) : memory->at(memory, table);
        enum pt_kind kind;
        uint64_t entry;

        walk->table[level] = table;
        if (entries == NULL) {
            walk->readable = false;
            break;
        }
        entry = entries[(address >> shift) % PT_ENTRIES];
        walk->entry[level] = entry;
        kind = pt_kind(format, level, entry);
        if (kind == PT_LEAF) {
            uint64_t offset = BIT(shift) - 1, mask = format->address & ~offset;

            walk->present = true;
            walk->target = HPA((entry & mask) | (address & offset));
            walk->attributes = entry & ~mask & ~pt_leaf_mark(format, level);
        }
        if (kind != PT_TABLE) {
            break;
        }
        table = pt_table(format, entry);
    }
    walk->level = level;
}

/* The levels that are not reached are not written: they would cost more than the walk. And there
 * are two walks, so that the one that calls nothing need not keep its registers for a call. */
struct pt_walk pt_walk(const struct pt_format *format, struct pt_memory *memory, hpa_t root,
                       uint64_t address)
{
    struct pt_walk walk;

    walk.present = false;
    walk.readable = true;
    walk.target = HPA(0);
    walk.attributes = 0;
    if (memory->direct) {
        walk_in(format, memory, true, root, address, &walk);
    } else {
        walk_in(format, memory, false, root, address, &walk);
    }
    return walk;
}
