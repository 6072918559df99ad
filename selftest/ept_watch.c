/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of watches and of hidden breakpoints. */
#include "kernel/string.h"
#include "selftest/rig_watch.h"

extern const char code_ept_watch[], code_ept_watch_end[];
extern const char code_ept_breakpoint[], code_ept_breakpoint_end[];

static void watch(struct rig *rig)
{
    gpa_t b = RIG_PAGE_B;

    if (!rig_has_trap(rig)) {
        return;
    }
    rig_want(rig, "the watch", watch_add(rig->vcpu, b, 8, WATCH_READ | WATCH_WRITE), STATUS_OK);
    rig_run_to_vmcall(rig);
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, b, 0, 0x11);
    rig_want_report(rig, WATCH_READ, WATCH_REPORT, b, 0x11, 0x11);
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, b, 0x11,
                    0x12); /* the SDM leaves open whether as a read too */
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, b, 0x12, 0x77);
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, GPA(b.value + 1), 0, 0x77);
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, b, 0x7777, 0x88888888);
    rig_want_report(rig, WATCH_READ, WATCH_REPORT, b, 0x88888888, 0x88888888);
    rig_want_no_report(rig);
    rig_want(rig, "what the guest reads", rig_gpr(rig, RBX), 0x88888888);
    rig_want(rig, "what lies on the page before", *(uint8_t *)rig_memory(rig, RIG_PAGE_A), 0);
}

static void breakpoint(struct rig *rig)
{
    /* mov al, 55H; ret */
    static const uint8_t code[] = {0xB0, 0x55, 0xC3};
    uint8_t *page = rig_memory(rig, RIG_CODE_B);
    uint64_t before = 0xC355B0;

    if (!rig_has_trap(rig)) {
        return;
    }
    memcpy(page, code, sizeof(code));
    rig_want(rig, "the breakpoint", watch_break(rig->vcpu, RIG_CODE_B), STATUS_OK);
    rig_run_to_vmcall(rig);
    rig_want(rig, "what the guest reads of its code", rig_gpr(rig, RDX), 0xB0);
    rig_want_report(rig, WATCH_BREAKPOINT, WATCH_REPORT, RIG_CODE_B, before, before);
    rig_want_report(rig, WATCH_BREAKPOINT, WATCH_REPORT, RIG_CODE_B, before, before);
    rig_want_report(rig, WATCH_BREAKPOINT, WATCH_REPORT, RIG_CODE_B, 0xC399B0, 0xC399B0);
    rig_want_no_report(rig);
    rig_want(rig, "what the rewritten code computes", rig_gpr(rig, RAX) & 0xFF, 0x99);
    rig_want(rig, "the guest's own page", page[0], 0xB0);
}

static const struct scenario scenarios[] = {
    {"ept.watch", SCENARIO_CODE(ept_watch), .run = watch},
    {"ept.breakpoint", SCENARIO_CODE(ept_breakpoint), .run = breakpoint,
     .needs_ept = EPT_CAP_EXECUTE_ONLY},
};

SCENARIO_SUITE(selftest_ept_watch, scenarios);
