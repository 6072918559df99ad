/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random states to try: a guest of some mode, with one to three fields changed, and made harmless
 * where the processor would take it. Pure.
 */
#ifndef SELFTEST_AUDIT_MUTATOR_H
#define SELFTEST_AUDIT_MUTATOR_H

#include "selftest/random.h"
#include "vmx/audit_mutation.h"

/* Changes `audit`, which is the base, and prepares it again. */
void audit_mutate_randomly(struct audit *audit, const struct audit_sandbox *sandbox,
                           struct random *random);

/*
 * Takes back what must not be tried: where controls and host state would be accepted, host fields
 * that the host would be lost by, addresses that the processor would store to or load MSRs from
 * outside the sandbox, an Intel PT trace, and memory that the auditor cannot read as the processor
 * does. That a rule refuses which `machine` has a known error about is not relied on.
 */
void audit_make_harmless(struct audit *audit, const struct audit *base,
                         const struct audit_sandbox *sandbox, const char *machine);

#endif
