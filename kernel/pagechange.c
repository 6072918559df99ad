/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a changed entry leaves to be done: which changes a processor must be told of, and when a
 * table that was in use may be used for something else.
 *
 * A processor caches what it has read from present entries: translations (of leaves) and pointers
 * to tables (of the others). SDM vol. 3A, "Caching Translation Information"; vol. 3C, "Caching
 * Translation Information" of EPT and "Guidelines for Use of the INVEPT Instruction", whose list
 * this follows for EPT, and vol. 3A, "Recommended Invalidation", for the host's tables:
 *
 *   an entry was      and is now        forget?  since
 *   absent            anything          no       nothing is cached of an absent entry
 *   present           absent            yes      rights are taken away
 *   a table           a leaf (join)     yes      bit 7 changes. Table pointers that are cached lead
 *   a leaf            a table (split)   yes      to a table that is retired; a large translation
 *                                                would survive a later change of one of its parts,
 *                                                for which nobody would know to look
 *   a table or leaf   at another place  yes      the old page, or table, would still be used
 *   a leaf            of another type   yes      the old type would still be used
 *   anything          less one right    yes      the old right would still be granted
 *   anything          plus one right    no       at worst one EPT violation, or page fault, which
 *                                                the entry does not explain: the fault makes the
 *                                                processor forget, and the next try succeeds
 *   anything          less accessed     yes      a cached entry is used without being marked again:
 *   a leaf            less dirty        yes      uses, and writes, would be missed
 *   anything          plus accessed,    no       the processor would have come to it by itself
 *                     plus dirty
 *
 * A table that was in use may be in processors' caches until they are flushed, so its content stays
 * as it is and it is not given back before.
 */
#include "kernel/pageedit.h"

/* By the table above; `old` is present. */
static bool must_forget(const struct pt_format *format, unsigned level, uint64_t old,
                        uint64_t value)
{
    enum pt_kind kind = pt_kind(format, level, old);
    uint64_t fixed =
        kind == PT_LEAF ? pt_leaf_address(format, level) | format->types : format->address;
    uint64_t kept = format->grants | format->accessed | (kind == PT_LEAF ? format->dirty : 0);

    return kind != pt_kind(format, level, value) || ((old ^ value) & fixed) != 0 ||
           (old & ~value & kept) != 0 || (~old & value & format->denies) != 0;
}

void pt_note(struct page_table *pt, unsigned level, uint64_t address, uint64_t old, uint64_t value)
{
    struct pt_changes *changes = &pt->changes;
    uint64_t first, last;

    if (!must_forget(pt->format, level, old, value)) {
        return;
    }
    first = pt_full_address(pt->format, ALIGN_DOWN(address, pt_span(level)));
    last = first + pt_span(level) - 1;
    changes->first = changes->needs_flush ? MIN(changes->first, first) : first;
    changes->last = changes->needs_flush ? MAX(changes->last, last) : last;
    changes->needs_flush = true;
}

void pt_give_retired(struct page_table *pt)
{
    while (pt->changes.retired != 0) {
        pt->memory->give(pt->memory, pt->changes.table[--pt->changes.retired]);
    }
}

void pt_settle(struct page_table *pt)
{
    if (pt->changes.needs_flush && pt->flusher != NULL) {
        pt->flusher->flush(pt->flusher, &pt->changes);
    }
    pt_give_retired(pt);
    pt->changes.needs_flush = false;
}

void pt_retire(struct page_table *pt, hpa_t table)
{
    pt->tables--;
    if (pt->changes.retired == PT_RETIRED && pt->flusher != NULL) {
        pt_settle(pt);
    } else if (pt->changes.retired == PT_RETIRED) {
        pt_give_retired(pt);
    }
    pt->changes.table[pt->changes.retired++] = table;
}

void pt_retire_tree(struct page_table *pt, unsigned level, uint64_t entry)
{
    hpa_t table = pt_table(pt->format, entry);
    const uint64_t *entries = pt_entries(pt, table);

    for (unsigned i = 0; level > 2 && entries != NULL && i < PT_ENTRIES; i++) {
        if (pt_kind(pt->format, level - 1, entries[i]) == PT_TABLE) {
            pt_retire_tree(pt, level - 1, entries[i]);
        }
    }
    pt_retire(pt, table);
}
