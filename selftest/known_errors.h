/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of emulators in the checks of VM entry, each with what the SDM says and what the emulator
 * does: expected where machine= names that emulator and version, and only there. docs/emulators.md
 * tells of them.
 */
#ifndef SELFTEST_KNOWN_ERRORS_H
#define SELFTEST_KNOWN_ERRORS_H

#include "selftest/audit_compare.h"

struct known_error {
    const char *machine; /* as machine= has it: "bochs-3.0" */
    const char *rule;
    const char *says; /* the SDM */
    const char *does; /* the emulator */
};

/* The known error of `machine` about `rule`; NULL: none. */
const struct known_error *known_error_of(const char *machine, const struct audit_rule *rule);

/* Whether known errors of `machine` explain that the trial's answer is not the expected one. */
bool known_error_explains(const char *machine, const struct audit *audit,
                          const struct audit_trial *trial);

#endif
