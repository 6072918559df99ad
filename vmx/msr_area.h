/* SPDX-License-Identifier: BSD-2-Clause */
/* The areas of MSRs that VM entry and VM exit load or store. SDM vol. 3C, "VM-Entry Controls for
 * MSRs", the table of an entry's format. Pure. */
#ifndef VMX_MSR_AREA_H
#define VMX_MSR_AREA_H

#include "kernel/types.h"

struct msr_entry {
    uint32_t index, reserved;
    uint64_t data;
};

_Static_assert(sizeof(struct msr_entry) == 16, "as hardware reads it");

#endif
