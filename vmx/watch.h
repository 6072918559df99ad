/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches: accesses to ranges of guest-physical memory are reported, with who made them and what
 * stood there before and after. A watched page is closed in EPT; what touches it is let through for
 * one instruction, by the monitor trap flag, and the page is closed again. The same way a hidden
 * breakpoint stands on a copy of a page of code that the guest can fetch and not read. SDM vol. 3C,
 * "Monitor Trap Flag", "EPT Violations".
 */
#ifndef VMX_WATCH_H
#define VMX_WATCH_H

#include "vmx/vm.h"

#define WATCHES       8
#define WATCH_REPORTS 32

enum watch_access { WATCH_READ = 1, WATCH_WRITE = 2, WATCH_FETCH = 4, WATCH_BREAKPOINT = 8 };

struct watch_report {
    uint64_t rip;
    gpa_t gpa;
    uint32_t access;        /* of enum watch_access: what was done */
    uint64_t before, after; /* the 8 bytes there, fewer at the end of the page; of a fetch before */
};

/*
 * Watches `length` bytes of the VM's memory from `from` on for `access` (of enum watch_access).
 * STATUS_UNSUPPORTED: no monitor trap flag, or for reads alone no execute-only pages;
 * STATUS_INVALID: no memory of the guest's there; STATUS_NO_MEMORY. The VM's VMCS is current.
 */
enum status watch_add(struct vcpu *vcpu, gpa_t from, uint64_t length, uint32_t access) NODISCARD;

/*
 * Puts a breakpoint at `at`, where an instruction begins: it is reported each time it is about to
 * be executed. A guest that reads its own code does not see it. STATUS_UNSUPPORTED also: no
 * execute-only pages.
 */
enum status watch_break(struct vcpu *vcpu, gpa_t at) NODISCARD;

/* Takes all watches away and gives back what they took. */
void watch_stop(struct vcpu *vcpu);

/* For the handlers of EPT violations, monitor traps and #BP: whether the exit was a watch's; it has
 * been dealt with then, and the guest goes on where it was. */
bool watch_exit(struct vcpu *vcpu);

/* The next report that nobody has taken; false: there is none. `lost` says how many were lost
 * before it. */
bool watch_take(struct vcpu *vcpu, struct watch_report *report, unsigned *lost);

/* Logs what has been reported. */
void watch_log(struct vcpu *vcpu);

#endif
