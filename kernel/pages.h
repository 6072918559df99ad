/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical page allocator. It hands out pages of usable memory, single or contiguous, from the
 * top downwards and never below 1 MiB unless asked to, and takes them back. One bit a page, kept in
 * memory of its own; a bit is only written once its page has been near an allocation, so start-up
 * costs the same whatever the size of the memory. Two callers at once are the callers' concern.
 *
 * Pure: it runs on the host in unit tests; only `pointer` tells how to reach its own bookkeeping.
 */
#ifndef KERNEL_PAGES_H
#define KERNEL_PAGES_H

#include "kernel/machine.h"
#include "kernel/status.h"
#include "kernel/types.h"

#define PAGES_MAX_ZONES 192

/*
 * A run of usable pages that lies wholly on one side of 1 MiB and of 4 GiB. Pages are counted from
 * its first one.
 *
 *   0            frontier                          top               count
 *   │ all free, no   │ taken, and what was given     │ all taken       │
 *   │ bit looked at  │ back; page frontier is taken  │                 │
 */
struct page_zone {
    uint64_t first;    /* page number: host-physical address >> PAGE_SHIFT */
    uint64_t count;    /* pages */
    uint64_t free;     /* pages; more than `frontier`: some are above it */
    uint64_t frontier; /* all pages below it are free, itself is taken; `count`: all are free.
                          What the bits below it hold does not matter: they may never have been
                          written */
    uint64_t top;      /* no page at or above it is free; means something while free > frontier */
    uint64_t *taken;   /* bit i set: page first+i is handed out */
};

struct pages {
    struct page_zone zones[PAGES_MAX_ZONES]; /* ascending, disjoint */
    unsigned zone_count;
    unsigned zones_below_1m; /* the first so many zones lie below 1 MiB, */
    unsigned zones_below_4g; /* so many below 4 GiB, these included */
    uint64_t total;          /* pages under management, bookkeeping not among them */
    uint64_t free;           /* pages that can be handed out */
    uint64_t bookkeeping;    /* pages that the bitmaps take */
    uint64_t dropped;        /* usable pages given up because the map has more ranges than zones */
};

/* What part of memory will do. */
enum page_limit { PAGES_ANYWHERE, PAGES_BELOW_4G, PAGES_BELOW_1M };

/* A range of host-physical memory that must never be handed out. */
struct page_hole {
    hpa_t base;
    uint64_t length; /* bytes */
};

/*
 * Builds the allocator over `ranges`: usable ones, cut to whole pages, less everything that a range
 * of another type or a hole in `holes` touches (ranges may be unsorted and overlap: any other type
 * wins over usable). Page 0 is never under management. `pointer` gives the address at which a
 * host-physical range can be written. The bitmaps come out of the memory itself, above 1 MiB and,
 * where that fits, below 4 GiB. STATUS_NO_MEMORY: no zone can hold the bitmaps.
 */
enum status pages_init(struct pages *pages, const struct memory_range *ranges, unsigned range_count,
                       const struct page_hole *holes, unsigned hole_count,
                       void *(*pointer)(hpa_t)) NODISCARD;

/*
 * Takes `count` contiguous pages whose first address is a multiple of `alignment` bytes (a power of
 * two, at least PAGE_SIZE) and that lie wholly within `limit`. Memory above 4 GiB goes first, then
 * below 4 GiB, and below 1 MiB only for PAGES_BELOW_1M. The contents are undefined.
 * STATUS_INVALID: count 0 or a bad alignment; STATUS_NO_MEMORY: nothing fits. Says nothing itself.
 */
enum status pages_take(struct pages *pages, uint64_t count, uint64_t alignment,
                       enum page_limit limit, hpa_t *base) NODISCARD;

/*
 * Gives back `count` pages at `base`, any part of what was taken. Refuses the whole range, changing
 * nothing, with STATUS_INVALID if the address is not aligned or any of the pages is not under
 * management (or there is none: count 0), and STATUS_NOT_FOUND if any of them is free already.
 */
enum status pages_give(struct pages *pages, hpa_t base, uint64_t count) NODISCARD;

#endif
