/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a virtual CPU's watches. Private to vmx/watch*.c. */
#ifndef VMX_WATCH_STATE_H
#define VMX_WATCH_STATE_H

#include "vmx/watch.h"

#define OPEN_PAGES   4 /* an instruction reaches no more that are watched */
#define OPCODE_INT3  0xCC
#define REPORT_BYTES 8

struct watch {
    gpa_t from;
    uint64_t length;
    uint32_t access; /* 0: this one is free */
    uint8_t *shadow; /* of a breakpoint: the page that is fetched from */
};

struct watch_state {
    struct watch watches[WATCHES];
    gpa_t open[OPEN_PAGES]; /* pages let through for the instruction that is stepped */
    unsigned open_count;
    struct watch_report step[OPEN_PAGES]; /* what it did, finished when it is done */
    unsigned step_count;
    struct watch_report reports[WATCH_REPORTS];
    unsigned written, taken; /* reports, counted from the start */
};

_Static_assert(sizeof(struct watch_state) <= PAGE_SIZE, "it has a page");

static inline gpa_t watch_page(gpa_t gpa)
{
    return GPA(ALIGN_DOWN(gpa.value, PAGE_SIZE));
}

/* Whether the watch is in use and about the page. */
bool watch_covers(const struct watch *watch, gpa_t page);

/* Gives the page the rights, and the memory, that its watches leave it: all of both where there is
 * none any more. */
void watch_close(const struct vcpu *vcpu, gpa_t page);

#endif
