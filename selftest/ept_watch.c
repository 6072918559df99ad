/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of watches and of hidden breakpoints. */
#include "kernel/string.h"
#include "selftest/rig.h"
#include "vmx/watch.h"

extern const char code_ept_watch[], code_ept_watch_end[];
extern const char code_ept_breakpoint[], code_ept_breakpoint_end[];

/* The flag is switched on for single instructions only, so the scenario does not ask for it. */
static bool has_trap(struct rig *rig)
{
    bool has =
        control_offered(&rig->operation->capabilities, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP);

    if (!has) {
        rig_skip(rig, "primary.monitor_trap (IA32_VMX_TRUE_PROCBASED_CTLS bit 27)");
    }
    return has;
}

/* Lets the guest run as far as VMCALL, with its watches served. */
static void run_watched(struct rig *rig)
{
    while (rig_enter(rig) && watch_exit(rig->vcpu)) {
    }
    if (!rig->failed) {
        rig_want(rig, "the exit", rig->exit->reason, EXIT_VMCALL);
    }
}

/* What must be reported next. */
static void want_report(struct rig *rig, uint32_t access, gpa_t gpa, uint64_t before,
                        uint64_t after)
{
    struct watch_report report = {0};
    unsigned lost;

    rig_want(rig, "a report", watch_take(rig->vcpu, &report, &lost), true);
    rig_want(rig, "reports that were lost", lost, 0);
    rig_want(rig, "the access", report.access & access, access);
    rig_want(rig, "the guest-physical address", report.gpa.value, gpa.value);
    rig_want(rig, "what stood there before", report.before, before);
    rig_want(rig, "what stood there after", report.after, after);
}

static void want_no_more(struct rig *rig)
{
    struct watch_report report;
    unsigned lost;

    rig_want(rig, "a further report", watch_take(rig->vcpu, &report, &lost), false);
}

static void watch(struct rig *rig)
{
    gpa_t b = RIG_PAGE_B;

    if (!has_trap(rig)) {
        return;
    }
    rig_want(rig, "the watch", watch_add(rig->vcpu, b, 8, WATCH_READ | WATCH_WRITE), STATUS_OK);
    run_watched(rig);
    want_report(rig, WATCH_WRITE, b, 0, 0x11);
    want_report(rig, WATCH_READ, b, 0x11, 0x11);
    want_report(rig, WATCH_WRITE, b, 0x11, 0x12); /* the SDM leaves open whether as a read too */
    want_report(rig, WATCH_WRITE, b, 0x12, 0x77);
    want_report(rig, WATCH_WRITE, GPA(b.value + 1), 0, 0x77);
    want_report(rig, WATCH_WRITE, b, 0x7777, 0x88888888);
    want_report(rig, WATCH_READ, b, 0x88888888, 0x88888888);
    want_no_more(rig);
    rig_want(rig, "what the guest reads", rig_gpr(rig, RBX), 0x88888888);
    rig_want(rig, "what lies on the page before", *(uint8_t *)rig_memory(rig, RIG_PAGE_A), 0);
}

static void breakpoint(struct rig *rig)
{
    /* mov al, 55H; ret */
    static const uint8_t code[] = {0xB0, 0x55, 0xC3};
    uint8_t *page = rig_memory(rig, RIG_CODE_B);
    uint64_t before = 0xC355B0;

    if (!has_trap(rig)) {
        return;
    }
    memcpy(page, code, sizeof(code));
    rig_want(rig, "the breakpoint", watch_break(rig->vcpu, RIG_CODE_B), STATUS_OK);
    run_watched(rig);
    rig_want(rig, "what the guest reads of its code", rig_gpr(rig, RDX), 0xB0);
    want_report(rig, WATCH_BREAKPOINT, RIG_CODE_B, before, before);
    want_report(rig, WATCH_BREAKPOINT, RIG_CODE_B, before, before);
    want_report(rig, WATCH_BREAKPOINT, RIG_CODE_B, 0xC399B0, 0xC399B0);
    want_no_more(rig);
    rig_want(rig, "what the rewritten code computes", rig_gpr(rig, RAX) & 0xFF, 0x99);
    rig_want(rig, "the guest's own page", page[0], 0xB0);
}

static const struct scenario scenarios[] = {
    {"ept.watch", SCENARIO_CODE(ept_watch), .run = watch},
    {"ept.breakpoint", SCENARIO_CODE(ept_breakpoint), .run = breakpoint,
     .needs_ept = EPT_CAP_EXECUTE_ONLY},
};

SCENARIO_SUITE(selftest_ept_watch, scenarios);
