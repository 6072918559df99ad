/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/rig_watch.h"

#include "vmx/run.h"

#define MOST_EXITS 1000 /* a guest that makes more goes in circles */

bool rig_has_trap(struct rig *rig)
{
    bool has =
        control_offered(&rig->operation->capabilities, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP);

    if (!has) {
        rig_skip(rig, "primary.monitor_trap (IA32_VMX_TRUE_PROCBASED_CTLS bit 27)");
    }
    return has;
}

enum action rig_run_watched(struct rig *rig)
{
    enum action action = ACTION_RESUME;
    unsigned exits = 0;

    while (rig_enter(rig) && watch_exit(rig->vcpu, &action) && action == ACTION_RESUME) {
        rig_want(rig, "whether the guest goes in circles", ++exits > MOST_EXITS, false);
    }
    return action;
}

void rig_run_to_vmcall(struct rig *rig)
{
    enum action action = rig_run_watched(rig);

    if (!rig->failed && !rig->skipped) {
        rig_want(rig, "the answer to the last exit", action, ACTION_RESUME);
        rig_want(rig, "the exit", rig->exit->reason, EXIT_VMCALL);
    }
}

void rig_skip_vmcall(struct rig *rig)
{
    if (!rig->failed && !rig->skipped) {
        vcpu_advance(rig->vcpu);
    }
}

static struct watch_report next_report(struct rig *rig, uint32_t access, enum watch_policy done,
                                       gpa_t gpa, uint64_t before)
{
    struct watch_report report = {0};
    unsigned lost;

    rig_want(rig, "a report", watch_take(rig->vcpu, &report, &lost), true);
    rig_want(rig, "reports that were lost", lost, 0);
    rig_want(rig, "the access", report.access & access, access);
    rig_want(rig, "the guest-physical address", report.gpa.value, gpa.value);
    rig_want(rig, "what became of the access", report.done, done);
    rig_want(rig, "what stood there before", report.before, before);
    return report;
}

void rig_want_report(struct rig *rig, uint32_t access, enum watch_policy done, gpa_t gpa,
                     uint64_t before, uint64_t after)
{
    struct watch_report report = next_report(rig, access, done, gpa, before);

    rig_want(rig, "what stood there after", report.after, after);
}

void rig_want_tried(struct rig *rig, gpa_t gpa, uint64_t before, uint64_t tried)
{
    struct watch_report report = next_report(rig, WATCH_WRITE, WATCH_IGNORE, gpa, before);

    rig_want(rig, "what was tried", report.tried, tried);
    rig_want(rig, "what stood there after", report.after, before);
}

void rig_want_no_report(struct rig *rig)
{
    struct watch_report report;
    unsigned lost;

    rig_want(rig, "a further report", watch_take(rig->vcpu, &report, &lost), false);
}
