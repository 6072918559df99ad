/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the capability report share: which MSRs there are, and how a record is put
 * together. Pure. */
#ifndef VMX_CAPS_RECORD_H
#define VMX_CAPS_RECORD_H

#include "vmx/caps_report.h"

struct report {
    const struct caps_facts *facts;
    caps_sink sink;
    void *context;
};

/* What RDMSR gave: false, and 0, where the MSR cannot be read. */
bool caps_read(const struct caps_facts *facts, uint32_t msr, uint64_t *value);

/* The same of an MSR that the processor announces: some hypervisors let others be read as 0. */
bool caps_present(const struct caps_facts *facts, uint32_t msr, uint64_t *value);

/* A record "NAME=VALUE", `source` (" msr=…" or " cpuid=…") and the bits of it that hold the value.
 */
void caps_tell_bits(const struct report *report, const char *name, const char *value,
                    const char *source, unsigned high, unsigned low);

/* A record "GROUP.WHAT=0xMASK" and `source`; "absent" unless `there_is` such a register. */
void caps_tell_mask(const struct report *report, const char *group, const char *what, bool there_is,
                    uint64_t mask, const char *source);

/* The records of one group of controls, and those of CR0 and CR4 (caps_fixed.c). */
void caps_tell_controls(const struct report *report, enum control_group group);
void caps_tell_registers(const struct report *report);

#endif
