/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX controls: their bits and names, and how what is wanted becomes what this processor can do.
 * SDM vol. 3D, appendix "VMX Capability Reporting Facility". Pure.
 */
#ifndef VMX_CONTROLS_H
#define VMX_CONTROLS_H

#include "kernel/status.h"
#include "kernel/types.h"

enum control_group {
    CONTROL_PIN,
    CONTROL_PRIMARY,
    CONTROL_SECONDARY,
    CONTROL_EXIT,
    CONTROL_ENTRY,
    CONTROL_TERTIARY, /* these two have 64 bits, of which the SDM defines low ones only; their */
    CONTROL_EXIT2,    /* capability MSRs tell only what may be 1 */
    CONTROL_GROUPS,
};

#define NOTE(text)
#define CONTROL(group, symbol, bit, name, title) group##_##symbol = UINT32_C(1) << (bit),
enum control {
#include "vmx/controls.def"
};
#undef CONTROL
#undef NOTE

/* What a capability MSR allows for one group. */
struct control_range {
    uint32_t must_be_1; /* its low half: bits that must be 1 */
    uint32_t may_be_1;  /* its high half: bits that may be 1 */
    const char *msr;    /* its name */
};

/* One value a group. */
struct controls {
    uint32_t bits[CONTROL_GROUPS];
};

/* A capability MSR's value taken apart. A processor without the MSR: value 0, all must be 0. */
struct control_range control_range_decode(uint64_t value, const char *msr);

/* The same of the MSRs whose 64 bits are controls that may be 1: the low 32. */
struct control_range control_range_decode_64(uint64_t value, const char *msr);

/* The value nearest to `wanted` that the processor accepts. */
uint32_t control_round(struct control_range range, uint32_t wanted);

/* The short name, such as "primary.hlt", and the SDM's; NULL for a bit that is not in the table. */
const char *control_name(enum control_group group, unsigned bit);
const char *control_title(enum control_group group, unsigned bit);

/* What stands before the point in short names: "primary". */
const char *control_group_name(enum control_group group);

/* The group and the bit of the control with that short name. */
bool control_find(const char *name, enum control_group *group, unsigned *bit);

#endif
