/* SPDX-License-Identifier: BSD-2-Clause */
/* What scenarios of watches share. */
#ifndef SELFTEST_RIG_WATCH_H
#define SELFTEST_RIG_WATCH_H

#include "selftest/rig.h"
#include "vmx/watch.h"

/* Whether the processor has the monitor trap flag; else the scenario is skipped. The flag is
 * switched on for single instructions only, so no scenario needs it as a control. */
bool rig_has_trap(struct rig *rig);

/* Lets the guest run, with its watches served, up to an exit that is none of theirs, or that ends
 * the VM: the answer to that one. */
enum action rig_run_watched(struct rig *rig);

/* The same, up to VMCALL; and beyond it. */
void rig_run_to_vmcall(struct rig *rig);
void rig_skip_vmcall(struct rig *rig);

/* Wants the next report to be of that access, which may be of others too. */
void rig_want_report(struct rig *rig, uint32_t access, enum watch_policy done, gpa_t gpa,
                     uint64_t before, uint64_t after);

/* Wants it to be of a write that was ignored, and would have left `tried`. */
void rig_want_tried(struct rig *rig, gpa_t gpa, uint64_t before, uint64_t tried);

void rig_want_no_report(struct rig *rig);

#endif
