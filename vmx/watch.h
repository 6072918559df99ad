/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches: accesses to ranges of guest-physical memory are reported, with who made them and what
 * stood there before and after, and dealt with as the range's policy says. A watched page is closed
 * in EPT; what touches it is let through for one instruction, by the monitor trap flag, and the
 * page is closed again. The same way a hidden breakpoint stands on a copy of a page of code that
 * the guest can fetch and not read. SDM vol. 3C, "Monitor Trap Flag", "EPT Violations".
 *
 * The processor says where an access to a page begins, and not how long it is: one that begins
 * before a range, on the same page, and reaches into it is not seen. INS and OUTS, whose accesses
 * Lintel makes, are seen whole.
 */
#ifndef VMX_WATCH_H
#define VMX_WATCH_H

#include "vmx/vm.h"

#define WATCHES       8
#define WATCH_REPORTS 32

enum watch_access { WATCH_READ = 1, WATCH_WRITE = 2, WATCH_FETCH = 4, WATCH_BREAKPOINT = 8 };

/*
 * What becomes of an access. Where several ranges are about one, the last in this order decides.
 * Nothing but WATCH_REPORT lets a write through; all are reported.
 */
enum watch_policy {
    WATCH_REPORT,    /* the instruction is let through */
    WATCH_IGNORE,    /* it completes, and no byte of the range changes */
    WATCH_CALL,      /* the range's handler says which of the others */
    WATCH_INJECT_PF, /* #PF, as if the guest's tables did not allow it; #GP(0) where there is no
                      * linear address, or the guest does not page */
    WATCH_INJECT_GP, /* #GP(0) */
    WATCH_STOP,      /* the VM ends, and says who accessed what */
    WATCH_HANDLED,   /* a handler's answer only: it has injected an event, or stopped the VM */
};

struct watch_report {
    uint64_t rip;
    gpa_t gpa;
    uint32_t access;        /* of enum watch_access: what was done */
    enum watch_policy done; /* what became of it: never WATCH_CALL */
    uint64_t before, after; /* the 8 bytes there, fewer at the end of the page, all ones where there
                             * is no memory; of a fetch before */
    uint64_t tried;         /* after WATCH_IGNORE: what would stand there else */
};

/*
 * Is told of an access to a range with WATCH_CALL: `access` has rip, gpa, access and before. It
 * answers what becomes of it: anything but WATCH_CALL. On the way of an exit: it does not print,
 * allocate, or add or take away watches.
 */
typedef enum watch_policy watch_handler(struct vcpu *vcpu, const struct watch_report *access,
                                        void *context);

struct watch_range {
    gpa_t from;
    uint64_t length; /* bytes */
    uint32_t access; /* of enum watch_access, but WATCH_BREAKPOINT: what it is about */
    enum watch_policy policy;
    bool stop_passes;       /* WATCH_STOP: the VM does not end as failed */
    watch_handler *handler; /* WATCH_CALL: it, and what it is given */
    void *context;
};

/*
 * Watches `range`, guest-physical. Where it has no memory, WATCH_IGNORE lets reads see all ones,
 * and so does a handler that answers WATCH_REPORT. STATUS_UNSUPPORTED: no monitor trap flag;
 * STATUS_INVALID: nothing to watch, or no handler; no memory there, which WATCH_REPORT needs, or
 * memory that comes when it is first touched; beyond the guest-physical space. STATUS_NO_MEMORY:
 * also, all WATCHES are in use. The VM's VMCS is current.
 * SDM vol. 3C, "EPT Violations", "Monitor Trap Flag".
 */
enum status watch_add_range(struct vcpu *vcpu, const struct watch_range *range) NODISCARD;

/* Watches `length` bytes of the VM's memory from `from` on for `access` (of enum watch_access), by
 * WATCH_REPORT: watch_add_range() says what can go wrong. */
enum status watch_add(struct vcpu *vcpu, gpa_t from, uint64_t length, uint32_t access) NODISCARD;

/*
 * Puts a breakpoint at `at`, where an instruction begins: it is reported each time it is about to
 * be executed. A guest that reads its own code does not see it. STATUS_UNSUPPORTED also: no
 * execute-only pages.
 */
enum status watch_break(struct vcpu *vcpu, gpa_t at) NODISCARD;

/* Takes all watches away and gives back what they took, but for tables where there is no memory:
 * these go with the VM. */
void watch_stop(struct vcpu *vcpu);

/*
 * For the handlers of EPT violations, monitor traps and #BP: whether the exit was a watch's. It has
 * been dealt with then, and `*action` is how the guest goes on: ACTION_RESUME, with or without an
 * event to be delivered (vmx/inject.h), or ACTION_STOP.
 */
bool watch_exit(struct vcpu *vcpu, enum action *action);

/*
 * The same for an access that Lintel makes in the guest's stead, as for INS, to `length` bytes at
 * `gpa`, all on one page, which the guest calls `linear`: whether it is a watch's. Then `*place` is
 * where the bytes are to be read or written before watch_reached() is called; or NULL: they are not
 * to be, and `*action` is how the guest goes on.
 */
bool watch_reach(struct vcpu *vcpu, gpa_t gpa, unsigned length, uint32_t access, gva_t linear,
                 void **place, enum action *action);
void watch_reached(struct vcpu *vcpu);

/* Ends the step that is under way if vcpu->exit, whose handler has answered, has done its
 * instruction or ended the VM: no monitor trap comes then. While it is under way, ATTENTION_STEP is
 * set. */
void watch_settle(struct vcpu *vcpu);

/* The next report that nobody has taken; false: there is none. `lost` says how many were lost
 * before it. */
bool watch_take(struct vcpu *vcpu, struct watch_report *report, unsigned *lost);

/* Logs what has been reported; and that the range is watched. */
void watch_log(struct vcpu *vcpu);
void watch_log_range(const struct vcpu *vcpu, const struct watch_range *range);

#endif
