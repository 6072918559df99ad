/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading half of the one walker, as code to be put in place: pt_walk() is this with tables
 * that are reached through a pointer to a function. Who walks often names the function, and saves
 * the calls, a quarter of the walk.
 *
 * Invariant: a table is read only through at(), and at most one a level, whatever the tables hold.
 */
#ifndef KERNEL_PAGEWALK_H
#define KERNEL_PAGEWALK_H

#include "kernel/pagetable.h"

typedef uint64_t *(*pt_at)(struct pt_memory *memory, hpa_t table);

/* As pt_walk(). What is not valid in the answer is not written: that costs as much as a level. */
static inline __attribute__((always_inline)) struct pt_walk
pt_walk_with(const struct pt_format *format, struct pt_memory *memory, pt_at at, hpa_t root,
             uint64_t address)
{
    struct pt_walk walk;
    unsigned level = format->levels;
    hpa_t table = root;
    uint64_t entry = 0;
    enum pt_kind kind = PT_ABSENT;

    walk.readable = true;
    for (;; level--) {
        const uint64_t *entries = at(memory, table);

        walk.table[level] = table;
        if (__builtin_expect(entries == NULL, 0)) {
            walk.readable = false;
            break;
        }
        entry = entries[pt_index(level, address)];
        walk.entry[level] = entry;
        kind = pt_kind(format, level, entry);
        if (kind != PT_TABLE) {
            break;
        }
        table = HPA(entry & format->address);
    }
    walk.level = level;
    walk.present = walk.readable && kind == PT_LEAF;
    walk.target = HPA(0);
    walk.attributes = 0;
    if (walk.present) {
        uint64_t mask = pt_leaf_address(format, level);

        walk.target = HPA((entry & mask) | (address & (pt_span(level) - 1)));
        walk.attributes = entry & ~mask & ~pt_leaf_mark(format, level);
    }
    return walk;
}

#endif
