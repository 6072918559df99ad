/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one walker for hierarchical paging structures: it maps, protects, unmaps, splits, joins and
 * walks the host's page tables and EPT alike, and reads a guest's. What differs between them is in
 * a `struct pt_format`. SDM vol. 3A, "4-Level Paging and 5-Level Paging"; vol. 3C, "The Extended
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
    unsigned width;        /* of an address that is translated, in bits; 0: what levels select */
    bool canonical;        /* addresses are sign-extended (linear ones), not zero-extended (EPT) */
    uint64_t present;      /* an entry is present if any of these bits is set */
    uint64_t table;        /* the bits of an entry that refers to a table */
    uint64_t leaf;         /* the bits that mark a leaf above level 1 (bit 7), and only there */
    uint64_t address;      /* mask of the address in an entry: bits width-1..12 */
    uint64_t accessed;     /* the bits that the processor sets by itself where an entry is used, */
    uint64_t dirty;        /* and where a leaf is written through; 0 where it does not */
    uint64_t grants;       /* the bits that allow while they are set: rights */
    uint64_t denies;       /* the bits that forbid while they are set: execute-disable */
    uint64_t types;        /* the bits of a leaf that choose how memory is accessed */
};

/* Where the tables live. `at` may be given any address found in an entry. */
struct pt_memory {
    hpa_t (*take)(struct pt_memory *memory); /* a table, not cleared; value 0: there is none */
    void (*give)(struct pt_memory *memory, hpa_t table);
    uint64_t *(*at)(struct pt_memory *memory, hpa_t table); /* NULL: not readable */
    bool direct; /* `at` gives the address itself: it need not be called */
};

#define PT_RETIRED 16

/*
 * What changes of tables leave to be done before they hold everywhere. Absent entries that became
 * present, and rights that were added, leave nothing: pagechange.c has the rules, entry by entry.
 */
struct pt_changes {
    bool needs_flush;     /* a processor may go by what an entry was */
    uint64_t first, last; /* then: all addresses that such an entry translates lie in these */
    unsigned retired;     /* tables that nothing refers to any more, but a processor's caches */
    hpa_t table[PT_RETIRED];
};

/* Makes processors forget what they have cached of tables' entries; returns when all have. */
struct pt_flusher {
    void (*flush)(struct pt_flusher *flusher, const struct pt_changes *changes);
};

struct page_table {
    const struct pt_format *format;
    struct pt_memory *memory;
    hpa_t root;                 /* the root table; made by pt_init() */
    uint64_t tables;            /* tables in use, the root included */
    struct pt_changes changes;  /* since the last pt_settle() */
    struct pt_flusher *flusher; /* NULL, as pt_init() leaves it: pt_settle() says what that means */
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
 * The five that change a range. `address` and `length` must be multiples of PAGE_SIZE, the range
 * within the space, a canonical one in one of its halves: else STATUS_INVALID. Length 0 changes
 * nothing. STATUS_NO_MEMORY leaves the range changed from its start to some page, and from there on
 * as it was. What a processor has to forget afterwards is added to pt->changes: pt_settle().
 *
 * A larger page that a change meets only in part is split. The parts keep its attributes, accessed
 * and dirty included.
 */

/*
 * Maps the range to host-physical `target` with the leaf bits `attributes` (rights, memory type;
 * neither address nor format->leaf), with the largest pages that alignment and format allow. What
 * was mapped there before is replaced. STATUS_INVALID too if `target` is not aligned or the range
 * there beyond format->address, or if the attributes do not make an entry present.
 */
enum status pt_map(struct page_table *pt, uint64_t address, hpa_t target, uint64_t length,
                   uint64_t attributes) NODISCARD;

/* Removes what is mapped in the range; tables that become empty are given back. A range or parts of
 * it that are not mapped are no error. */
enum status pt_unmap(struct page_table *pt, uint64_t address, uint64_t length) NODISCARD;

/*
 * Clears, then sets attributes of every leaf in the range: rights, memory type, accessed and dirty.
 * All others stay, and so do addresses; what is absent stays absent. A leaf that is already as it
 * should be is neither written nor split. STATUS_INVALID too for bits of the address or
 * format->leaf, and at a leaf that would not be present any more: what is before it is changed.
 */
enum status pt_protect(struct page_table *pt, uint64_t address, uint64_t length, uint64_t clear,
                       uint64_t set) NODISCARD;

/* Splits leaves above `level` (1 or 2) that reach into the range, where they do. */
enum status pt_split(struct page_table *pt, uint64_t address, uint64_t length,
                     unsigned level) NODISCARD;

/*
 * Joins what can be joined: a table with entries in the range whose leaves are contiguous, aligned,
 * and alike but for accessed and dirty, becomes one leaf that has the accessed and dirty bits of
 * any of them. Takes no memory.
 *
 * Nothing else joins: it reads whole tables and costs an invalidation, and who logs dirty pages
 * wants them small. Who made pages small calls this when they need it no longer. A processor that
 * sets an accessed or dirty bit of a part just then sets it in vain: let none run in the range.
 */
enum status pt_join(struct page_table *pt, uint64_t address, uint64_t length) NODISCARD;

/*
 * Ends what changes began: calls pt->flusher where pt->changes needs it and only there, gives the
 * retired tables back, and starts new pt->changes. Calls may be many for one pt_settle(), which
 * must come before anyone relies on a change. More than PT_RETIRED tables settle by themselves.
 *
 * Without a flusher, tables are given back as a call returns: the caller sees to it that no
 * processor walks them before it has forgotten the old entries, and looks at pt->changes itself.
 */
void pt_settle(struct page_table *pt);

/* Gives back every table, the root included; nothing after a failed pt_init(). Leaves' pages are
 * not touched. No processor uses the tables any more: nothing is flushed. */
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
