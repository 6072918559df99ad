/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of emulators in the checks of VM entry, each with what the SDM says and what the emulator
 * does: expected where machine= names that emulator and version, and only there. An error predicts
 * the wrong answer exactly: the right one is then as unexpected as any other, so that an error that
 * disappears is noticed too. docs/emulators.md tells of them. Pure.
 */
#ifndef SELFTEST_KNOWN_ERRORS_H
#define SELFTEST_KNOWN_ERRORS_H

#include "vmx/audit_agree.h"

struct known_error {
    const char *machine; /* as machine= has it: "bochs-3.0" */
    const char *rule;    /* the one that the emulator gets wrong */
    /* Where the error shows; NULL: wherever the rule is broken. */
    bool (*shows)(const struct audit *audit);
    enum entry_answer answer; /* what the emulator answers there: ANSWER_ENTERED: it does not check
                                 the rule */
    const char *says;         /* the SDM */
    const char *does;         /* the emulator */
};

/* The table, row by row; NULL beyond its end. */
const struct known_error *known_errors_at(unsigned index);

/* What an answer is, beside what the SDM and the known errors let expect. */
enum trial_verdict {
    TRIAL_AGREES,      /* as the SDM says */
    TRIAL_KNOWN,       /* as known errors of the emulator predict, against the SDM */
    TRIAL_UNEXPECTED,  /* neither */
    TRIAL_DISAPPEARED, /* as the SDM says, but a known error predicts otherwise */
};

/* Which errors a trial has to do with. */
struct known_errors_shown {
    const struct known_error *first; /* one that predicts something, or NULL */
    uint64_t rows; /* of TRIAL_KNOWN, a bit a row of the table: those that the answer proves */
};

/* Judges a trial of the state `audit` on `machine`. */
enum trial_verdict known_errors_judge(const char *machine, const struct audit *audit,
                                      const struct audit_trial *trial,
                                      struct known_errors_shown *shown);

/* The rows of `machine`, a bit each. */
uint64_t known_errors_rows(const char *machine);

/* Whether `machine` has a known error about `rule`: what the rule refuses it may accept. */
bool known_errors_doubt(const char *machine, const struct audit_rule *rule);

/* Whether `machine` would not outlive a VM entry with that state: it must not be tried. */
bool known_errors_deadly(const char *machine, const struct audit *audit);

#endif
