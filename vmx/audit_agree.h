/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The auditor's word and the processor's, and whether they agree: judged here alone, for a launch
 * that was refused and for the selftest's tries. Pure.
 */
#ifndef VMX_AUDIT_AGREE_H
#define VMX_AUDIT_AGREE_H

#include "vmx/audit.h"

#define TRIAL_FINDINGS 32

/* What the processor did. */
enum entry_answer {
    ANSWER_CONTROLS, /* VM-instruction error 7 */
    ANSWER_HOST,     /* VM-instruction error 8 */
    ANSWER_GUEST,    /* failed entry, reason 33 */
    ANSWER_MSR_LOAD, /* failed entry, reason 34 */
    ANSWER_ENTERED,  /* the guest ran */
    ANSWER_OTHER,    /* anything else */
};

/* One try of an entry. */
struct audit_trial {
    struct audit_finding findings[TRIAL_FINDINGS];
    unsigned count; /* of findings, in all */
    enum entry_answer answer;
    uint64_t detail; /* VM-instruction error, exit reason or, of a failed entry, qualification */
};

/* What a VM-instruction error, or the exit reason of a failed entry, answers. */
enum entry_answer entry_answer_of_error(uint64_t error);
enum entry_answer entry_answer_of_failure(uint64_t reason);

/*
 * Which answers agree with the findings, as bits: by the first stage that has one; the processor
 * may check controls and host state in any order. A rule that it may check or not alone makes two.
 */
unsigned audit_expected(const struct audit_trial *trial);

/* Whether the answer is one of them; of a failed MSR load, whether the entry is the one named. */
bool audit_agrees(const struct audit_trial *trial);

/* The same of other answers than the findings let expect. */
bool audit_agrees_with(const struct audit_trial *trial, unsigned answers);

/*
 * Whether the answer says nothing about the auditor: of values that an MSR does not take, not all
 * are known to it, so an entry may fail to load before any that it names.
 */
bool audit_cannot_know(const struct audit_trial *trial);

/* The first finding that the answer is about; NULL: there is none. */
const struct audit_finding *audit_explains(const struct audit_trial *trial);

/* "controls", "host", "guest", "msr-load", "entered", "other". */
const char *entry_answer_name(enum entry_answer answer);

/* The names of the expected answers, with "|" between. */
void audit_expected_text(const struct audit_trial *trial, char *text, size_t size);

#endif
