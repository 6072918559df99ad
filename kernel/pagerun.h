/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables as a list of runs: stretches of contiguous addresses that are mapped to contiguous targets
 * with the same attributes, whatever pages they are made of. Accessed and dirty bits do not part a
 * run. Reads only; costs what there is, not what the space has room for.
 */
#ifndef KERNEL_PAGERUN_H
#define KERNEL_PAGERUN_H

#include "kernel/pagetable.h"

struct pt_run {
    uint64_t first, last; /* the addresses */
    bool present;
    unsigned level;      /* where present: of the first leaf */
    hpa_t target;        /* where present: what `first` is mapped to */
    uint64_t attributes; /* where present: as in struct pt_walk; accessed, dirty: of any leaf */
    uint64_t leaves[4];  /* by level, the leaves that the run is made of, in whole or in part */
};

/* Is told of one run; false ends it. */
typedef bool pt_run_visitor(void *context, const struct pt_run *run);

/*
 * Tells `visitor` of every run in the range, in order of address; of one that reaches over the
 * range's ends, what is within. Absent space is not told of. STATUS_INVALID as for pt_unmap(), and
 * where a table cannot be read.
 */
enum status pt_for_each_run(const struct page_table *pt, uint64_t address, uint64_t length,
                            pt_run_visitor *visitor, void *context) NODISCARD;

/*
 * What stands at `address`, and how far it goes on in the `length` bytes from there: the run that
 * begins with it, or absent space up to the first page. Looks no further. STATUS_INVALID as above,
 * and for length 0.
 */
enum status pt_query(const struct page_table *pt, uint64_t address, uint64_t length,
                     struct pt_run *run) NODISCARD;

#endif
