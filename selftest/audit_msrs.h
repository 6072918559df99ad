/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSRs that a failed VM entry may leave with the guest's value, or with what a tried state has
 * in their host field: the processor's own values, kept, and put back. SSP is none of them, as the
 * host runs without shadow stacks.
 */
#ifndef SELFTEST_AUDIT_MSRS_H
#define SELFTEST_AUDIT_MSRS_H

#include "vmx/audit.h"

#define AUDIT_MSRS 8

struct audit_msrs {
    uint64_t value[AUDIT_MSRS];
    bool known[AUDIT_MSRS]; /* could be read */
};

/* Reads those whose guest field is there: the others no entry loads. */
void audit_msrs_read(struct audit_msrs *msrs, const struct audit *audit);

/* Gives the host fields the processor's values. */
void audit_msrs_to_host(const struct audit_msrs *msrs, struct audit *audit);

/* Puts back what the entry of `tried` loads; NULL: all. */
void audit_msrs_restore(const struct audit_msrs *msrs, const struct audit *tried);

/* How many are not as they were read. */
unsigned audit_msrs_compare(const struct audit_msrs *msrs);

#endif
