/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one walker for hierarchical paging structures: it maps, protects, unmaps, walks and counts
 * the host's page tables and EPT alike, and reads a guest's. What differs between them is in a
 * `struct pt_format`. SDM vol. 3A, "4-Level Paging and 5-Level Paging"; vol. 3C, "The Extended
 * Page-Table Mechanism (EPT)".
 *
 *   level 4   PML4E ──► level 3   PDPTE ──► level 2   PDE ──► level 1   PTE ──► page
 *   512 GiB a entry     1 GiB, may be a leaf  2 MiB, may be a leaf   4 KiB, always a leaf
 */
#ifndef KERNEL_PAGETABLE_H
#define KERNEL_PAGETABLE_H

#include "kernel/status.h"
#include "kernel/types.h"

#define PT_ENTRIES 512

struct pt_format {
    unsigned levels;       /* 4 or 5: the level of the root table */
    unsigned largest_leaf; /* the highest level at which an entry may map a page: 1, 2 or 3 */
    bool canonical;        /* addresses are sign-extended (linear ones), not zero-extended (EPT) */
    uint64_t present;      /* an entry is present if any of these bits is set */
    uint64_t table;        /* the bits of an entry that refers to a table */
    uint64_t leaf;         /* the bits that mark a leaf above level 1 (bit 7), and only there */
    uint64_t address;      /* mask of the address in an entry: bits width-1..12 */
};

/* Where the tables live. `at` may be given any address found in an entry. */
struct pt_memory {
    hpa_t (*take)(struct pt_memory *memory); /* a table, not cleared; value 0: there is none */
    void (*give)(struct pt_memory *memory, hpa_t table);
    uint64_t *(*at)(struct pt_memory *memory, hpa_t table); /* NULL: not readable */
};

struct page_table {
    const struct pt_format *format;
    struct pt_memory *memory;
    hpa_t root;      /* the root table; made by pt_init() */
    uint64_t tables; /* tables in use, the root included */
};

/* The lowest bit of an address that selects an entry at `level`: 9 bits a level, from bit 12 on. */
static inline unsigned pt_shift(unsigned level)
{
    return PAGE_SHIFT - 9 + 9 * level;
}

/* The bytes that one entry at `level` spans: 4 KiB at 1, 2 MiB at 2, 1 GiB at 3, 512 GiB at 4. */
static inline uint64_t pt_span(unsigned level)
{
    return BIT(pt_shift(level));
}

/* What an entry is. Only what stands in the format is looked at: reserved bits are not judged. */
enum pt_kind { PT_ABSENT, PT_TABLE, PT_LEAF };

static inline enum pt_kind pt_kind(const struct pt_format *format, unsigned level, uint64_t entry)
{
    if ((entry & format->present) == 0) {
        return PT_ABSENT;
    }
    if (level == 1 || (level <= format->largest_leaf && (entry & format->leaf) != 0)) {
        return PT_LEAF;
    }
    return PT_TABLE;
}

/* Which entry of a table at `level` translates `address`. */
static inline unsigned pt_index(unsigned level, uint64_t address)
{
    return (unsigned)(address >> pt_shift(level)) % PT_ENTRIES;
}

/* The bits of a leaf at `level` that are its address. The lower ones that a larger leaf leaves over
 * are attributes or reserved, such as PAT in bit 12 of a host's. */
static inline uint64_t pt_leaf_address(const struct pt_format *format, unsigned level)
{
    return format->address & ~(pt_span(level) - 1);
}

/* What marks a leaf at `level`: at level 1 nothing, there the same bit may be an attribute. */
static inline uint64_t pt_leaf_mark(const struct pt_format *format, unsigned level)
{
    return level > 1 ? format->leaf : 0;
}

/* Makes an empty root table. STATUS_NO_MEMORY. */
enum status pt_init(struct page_table *pt, const struct pt_format *format,
                    struct pt_memory *memory) NODISCARD;

/*
 * Maps `length` bytes at `address` (in the space that the tables translate) to host-physical
 * `target` with the leaf bits `attributes` (rights, memory type; neither address nor format->leaf),
 * with the largest pages that alignment and format allow. What was mapped there before is replaced;
 * a larger page that is only partly replaced is split, its rest keeps its attributes. All three
 * must be multiples of PAGE_SIZE and within the space, a canonical one in one of its halves: else,
 * or if the attributes do not make an entry present, STATUS_INVALID. STATUS_NO_MEMORY leaves what
 * was mapped so far. Length 0 changes nothing. The caller invalidates TLBs.
 */
enum status pt_map(struct page_table *pt, uint64_t address, hpa_t target, uint64_t length,
                   uint64_t attributes) NODISCARD;

/*
 * Removes what is mapped in the range, splitting larger pages at its edges; tables that become
 * empty are given back. A range or parts of it that are not mapped are no error. STATUS_INVALID as
 * for pt_map(); STATUS_NO_MEMORY, from a split, leaves what was not removed so far.
 */
enum status pt_unmap(struct page_table *pt, uint64_t address, uint64_t length) NODISCARD;

/* Gives back every table, the root included; nothing after a failed pt_init(). Leaves' pages are
 * not touched. */
void pt_destroy(struct page_table *pt);

/* What a walk of one address found. */
struct pt_walk {
    unsigned level;    /* of the last entry read: the leaf's, or where the walk ended */
    bool present;      /* the last entry maps a page */
    bool readable;     /* false: the table at `level` could not be read */
    uint64_t entry[6]; /* by level, entry[format->levels] first; valid from there down to `level` */
    hpa_t table[6];    /* by level: the table that holds entry[level] */
    hpa_t target;      /* where present: the address itself translated, offset included */
    uint64_t attributes; /* where present: the leaf, less its address and format->leaf bits */
};

/*
 * Walks `address` from the table at `root`, reading only. Reserved bits are not judged: the entries
 * are there to be looked at. Any table content ends the walk after format->levels steps at most.
 * Bits of `address` above the space select nothing: whether it is canonical, the caller asks.
 */
struct pt_walk pt_walk(const struct pt_format *format, struct pt_memory *memory, hpa_t root,
                       uint64_t address);

#endif
