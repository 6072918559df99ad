/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the walker share: pageedit.c goes down over a range, pagejoin.c comes up from
 * one, pagechange.c keeps account of what they change; pagewalk.c and pagerun.c read. All others
 * include kernel/pagetable.h.
 */
#ifndef KERNEL_PAGEEDIT_H
#define KERNEL_PAGEEDIT_H

#include "kernel/image.h"
#include "kernel/pagetable.h"

enum pt_aim { PT_UNMAP, PT_MAP, PT_PROTECT, PT_SPLIT };

/* What is to be brought about in a range. */
struct pt_edit {
    enum pt_aim aim;
    uint64_t distance;   /* PT_MAP: host-physical target less address, modulo 2^64 */
    uint64_t attributes; /* PT_MAP: of every leaf */
    uint64_t clear, set; /* PT_PROTECT: of every leaf */
    unsigned level;      /* PT_SPLIT: the highest that leaves may keep */
};

/* Brings it about in first..last. Addresses are in tables' terms: bits that select nothing are 0.
 */
enum status pt_edit(struct page_table *pt, const struct pt_edit *edit, uint64_t first,
                    uint64_t last) NODISCARD;

/* Joins what can be joined in first..last. STATUS_INVALID: a table cannot be read. */
enum status pt_join_tables(struct page_table *pt, uint64_t first, uint64_t last) NODISCARD;

/* Notes that the entry of `level` which translates `address` was `old`, a present one, and now is
 * `value`. */
void pt_note(struct page_table *pt, unsigned level, uint64_t address, uint64_t old, uint64_t value);

/* The table is in use no longer; no entry refers to it, as a pt_note() has said. */
void pt_retire(struct page_table *pt, hpa_t table);

/* The same for the table that `entry` of `level` referred to, and all below it. */
void pt_retire_tree(struct page_table *pt, unsigned level, uint64_t entry);

/* Gives back the tables that are retired, the one that was retired last first. */
void pt_give_retired(struct page_table *pt);

static inline uint64_t *pt_memory_at(struct pt_memory *memory, hpa_t table)
{
    return memory->direct ? pointer_to(table) : memory->at(memory, table);
}

static inline uint64_t *pt_entries(const struct page_table *pt, hpa_t table)
{
    return pt_memory_at(pt->memory, table);
}

static inline hpa_t pt_table(const struct pt_format *format, uint64_t entry)
{
    return HPA(entry & format->address);
}

/* The bits of an address that the tables translate, the offset in the page included. */
static inline uint64_t pt_space_mask(const struct pt_format *format)
{
    return pt_span(format->levels + 1) - 1;
}

/* An address in tables' terms as the processor has it. */
static inline uint64_t pt_full_address(const struct pt_format *format, uint64_t address)
{
    uint64_t half = ~(pt_space_mask(format) >> 1);

    return format->canonical && (address & half) != 0 ? address | half : address;
}

/* One store, after all that the entry refers to; gives the entry as it was. By an exchange: until
 * it, the processor may set accessed and dirty bits, and they count. */
static inline uint64_t pt_set(struct page_table *pt, uint64_t *entry, unsigned level,
                              uint64_t address, uint64_t value)
{
    uint64_t old = __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);

    if ((old & pt->format->present) != 0) {
        pt_note(pt, level, address, old, value);
    }
    return old;
}

/* The same, unless the entry is not `old` any more; then nothing. */
static inline bool pt_set_if(struct page_table *pt, uint64_t *entry, unsigned level,
                             uint64_t address, uint64_t old, uint64_t value)
{
    if (!__atomic_compare_exchange_n(entry, &old, value, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        return false;
    }
    if ((old & pt->format->present) != 0) {
        pt_note(pt, level, address, old, value);
    }
    return true;
}

/* Whether first..last, of whole pages, lies in the space; a canonical one in one of its halves. */
bool pt_range_in_space(const struct pt_format *format, uint64_t first, uint64_t last);

#endif
