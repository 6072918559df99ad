/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages were touched: the accessed and dirty flags of the leaves, read and cleared. SDM vol.
 * 3C, "Accessed and Dirty Flags for EPT".
 */
#ifndef EPT_HARVEST_H
#define EPT_HARVEST_H

#include "ept/ept.h"

/* A page whose accessed or dirty flag was set. */
struct ept_touched {
    gpa_t gpa;
    uint64_t length; /* of the page: 4 KiB, 2 MiB or 1 GiB */
    bool dirty;      /* written, not only read */
};

typedef void ept_touched_sink(void *context, const struct ept_touched *page);

/*
 * Tells of every page that was touched since the last time, in ascending order, and clears its
 * flags. The processor sets them again only for translations that it does not have cached: the
 * caller invalidates before the guest runs on. `sink` may be NULL, to clear alone.
 */
void ept_harvest(struct ept *ept, ept_touched_sink *sink, void *context);

#endif
