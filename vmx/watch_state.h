/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a virtual CPU's watches. Private to vmx/watch*.c. */
#ifndef VMX_WATCH_STATE_H
#define VMX_WATCH_STATE_H

#include "vmx/watch.h"

#define OPEN_PAGES   8                /* an instruction reaches no more that are watched */
#define STEP_REPORTS (2 * OPEN_PAGES) /* and some pages twice: to read, then to write */
#define OPCODE_INT3  0xCC
#define REPORT_BYTES 8

struct watch {
    struct watch_range range; /* access 0: this one is free */
    uint8_t *shadow;          /* of a breakpoint: the page that is fetched from */
};

/* A page that the instruction which is stepped reaches. */
struct open_page {
    gpa_t page;
    uint64_t rights;  /* what its accesses so far took */
    uint32_t ignored; /* bit n: bytes of watch n are to stay as they are */
    uint8_t *copy;    /* what it works on; NULL: the guest's own memory */
};

struct watch_state {
    struct watch watches[WATCHES];
    struct open_page open[OPEN_PAGES];
    unsigned open_count;
    struct watch_report step[STEP_REPORTS]; /* what it did, finished when it is done */
    unsigned step_count;
    struct watch_report reports[WATCH_REPORTS];
    unsigned written, taken; /* reports, counted from the start */
    uint8_t *copies;         /* a page for each open one; NULL: no watch needs them */
};

_Static_assert(sizeof(struct watch_state) <= PAGE_SIZE, "it has a page");

static inline gpa_t watch_page(gpa_t gpa)
{
    return GPA(ALIGN_DOWN(gpa.value, PAGE_SIZE));
}

/* Whether accesses to the range may work on a copy: so there must be copies. */
static inline bool watch_copies(const struct watch_range *range)
{
    return range->policy == WATCH_IGNORE || range->policy == WATCH_CALL;
}

/* watch_pages.c: pages in EPT. Each needs an INVEPT afterwards. */

/* Whether the watch is in use and about the page. */
bool watch_covers(const struct watch *watch, gpa_t page);

/* Gives the page the rights, and the memory, that its watches leave it: all of both where there is
 * none any more. A page without memory has a leaf in EPT, but no rights. */
void watch_close(const struct vcpu *vcpu, gpa_t page);

/* The leaf of a page without memory is 0 again. */
void watch_forget(const struct vcpu *vcpu, gpa_t page);

/*
 * Lets `access` (of enum watch_access) reach the page, and what was let before; on a copy where
 * bytes of it are to be kept: those of watches with WATCH_IGNORE, and of `ignored` if that is not
 * NULL. False: too many pages are open.
 */
bool watch_open(const struct vcpu *vcpu, gpa_t page, uint32_t access, const struct watch *ignored);

/* Closes all open pages: what was written to copies is in memory then, but for the bytes to be
 * kept. */
void watch_close_open(const struct vcpu *vcpu);

/* Where the byte at `gpa` is while it is open, and the rest of its page: in memory, or in a copy;
 * NULL: nowhere. */
void *watch_place(const struct vcpu *vcpu, gpa_t gpa);

/* The bytes at `gpa` as a report has them, of `place` or of memory. */
uint64_t watch_bytes(const void *place, gpa_t gpa);
uint64_t watch_bytes_in_memory(const struct vcpu *vcpu, gpa_t gpa);

/* watch_policy.c */

/* The watch that decides on that access to `length` bytes at `gpa`; NULL: none is about it. */
const struct watch *watch_decides(const struct watch_state *state, gpa_t gpa, uint64_t length,
                                  uint32_t access);

/* What its policy, or its handler, makes of the access: never WATCH_CALL. */
enum watch_policy watch_judge(struct vcpu *vcpu, const struct watch *watch,
                              const struct watch_report *access);

/* Brings about what does not let the instruction complete: `done` is one of the policies from
 * WATCH_INJECT_PF on. Nothing is open any more. `linear` is what was accessed; NULL: it has none.
 */
enum action watch_refuse(struct vcpu *vcpu, const struct watch *watch,
                         const struct watch_report *access, const gva_t *linear);

/* watch_log.c: "read-write" and the like. */
const char *watch_access_text(uint32_t access);

#endif
