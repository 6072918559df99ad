/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the rig: what is done around a scenario. */
#ifndef SELFTEST_RIG_BUILD_H
#define SELFTEST_RIG_BUILD_H

#include "selftest/rig.h"

/* Adds the controls that make tertiary controls and secondary VM-exit controls count. */
void rig_activate(struct controls *controls);

/* Switches off what the scenario needs; false: it needs nothing that could be off. */
bool rig_leave_out_controls(struct rig *rig);

void rig_give_host_pages(struct rig *rig);

/* The guest's descriptors and IDTs, once it is built and before its VMCS is filled. */
void rig_fill_guest(struct rig *rig);

/* After that: the registers that point to them. */
void rig_point_guest(const struct rig *rig);

/* Whether the last exit is an event that the guest's IDT was given, and which one. */
bool rig_is_event(const struct rig *rig, unsigned *vector);

/* Enters the guest and wants that exit; `event`: the VMCALL of an event's handler, and no other. */
bool rig_expect_exit(struct rig *rig, enum exit_reason reason, bool event);
/* Where the scenario wants it, lets Lintel's own handler deal with the last exit. True: the guest
 * is to be entered again. */
bool rig_handle(struct rig *rig);

#endif
