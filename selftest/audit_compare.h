/* SPDX-License-Identifier: BSD-2-Clause */
/* The auditor's word and the processor's, and whether they agree. Pure. */
#ifndef SELFTEST_AUDIT_COMPARE_H
#define SELFTEST_AUDIT_COMPARE_H

#include "vmx/audit.h"

#define TRIAL_FINDINGS 24

/* What the processor did. */
enum entry_answer {
    ANSWER_CONTROLS, /* VM-instruction error 7 */
    ANSWER_HOST,     /* VM-instruction error 8 */
    ANSWER_GUEST,    /* failed entry, reason 33 */
    ANSWER_MSR_LOAD, /* failed entry, reason 34 */
    ANSWER_ENTERED,  /* the guest ran */
    ANSWER_OTHER,    /* anything else */
};

/* One try. */
struct audit_trial {
    struct audit_finding findings[TRIAL_FINDINGS];
    unsigned count; /* of findings, in all */
    enum entry_answer answer;
    uint64_t detail; /* VM-instruction error, exit qualification, or exit reason */
};

/*
 * Which answers agree with the findings, as bits: by the first stage that has one; the processor
 * may check controls and host state in any order. A rule that it may check or not alone makes two.
 */
unsigned audit_expected(const struct audit_trial *trial);

/* Whether the answer is one of them; of a failed MSR load, whether the entry is the one named. */
bool audit_agrees(const struct audit_trial *trial);

/* The same of other answers than the findings let expect. */
bool audit_agrees_with(const struct audit_trial *trial, unsigned answers);

/* "controls", "host", "guest", "msr-load", "entered", "other". */
const char *entry_answer_name(enum entry_answer answer);

/* The names of the expected answers, with "|" between. */
void audit_expected_text(const struct audit_trial *trial, char *text, size_t size);

#endif
