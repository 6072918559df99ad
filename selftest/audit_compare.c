/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/audit_compare.h"

#include "kernel/format.h"

/* The checks on the address-space size are on controls and on host fields at once. */
static unsigned answers_of(const struct audit_finding *finding)
{
    switch (finding->section->stage) {
    case AUDIT_CONTROLS:
        return 1U << ANSWER_CONTROLS;
    case AUDIT_HOST:
        return 1U << ANSWER_HOST |
               (finding->rule->flags & AUDIT_EITHER_ERROR ? 1U << ANSWER_CONTROLS : 0);
    case AUDIT_GUEST:
        return 1U << ANSWER_GUEST;
    default:
        return 1U << ANSWER_MSR_LOAD;
    }
}

/* Of the findings, those of stages from `from` to `to`; `certain`: one of them is checked by every
 * processor. */
static unsigned answers_between(const struct audit_trial *trial, enum audit_stage from,
                                enum audit_stage to, bool *certain)
{
    unsigned answers = 0;

    for (unsigned i = 0; i < MIN(trial->count, (unsigned)TRIAL_FINDINGS); i++) {
        const struct audit_finding *finding = &trial->findings[i];
        if (finding->section->stage >= from && finding->section->stage <= to) {
            answers |= answers_of(finding);
            *certain |= !(finding->rule->flags & AUDIT_MODEL_SPECIFIC);
        }
    }
    return answers;
}

unsigned audit_expected(const struct audit_trial *trial)
{
    bool certain = false;
    unsigned answers = answers_between(trial, AUDIT_CONTROLS, AUDIT_HOST, &certain);

    if (!certain) {
        answers |= answers_between(trial, AUDIT_GUEST, AUDIT_GUEST, &certain);
    }
    if (!certain) {
        answers |= answers_between(trial, AUDIT_MSR_LOAD, AUDIT_MSR_LOAD, &certain);
    }
    return certain ? answers : answers | 1U << ANSWER_ENTERED;
}

/* The lowest entry that a certain rule names; 0: none. */
static uint64_t named_entry(const struct audit_trial *trial)
{
    uint64_t lowest = 0;

    for (unsigned i = 0; i < MIN(trial->count, (unsigned)TRIAL_FINDINGS); i++) {
        const struct audit_finding *finding = &trial->findings[i];
        uint64_t entry = finding->answer.entry;
        if (finding->section->stage == AUDIT_MSR_LOAD &&
            !(finding->rule->flags & AUDIT_MODEL_SPECIFIC) && (lowest == 0 || entry < lowest)) {
            lowest = entry;
        }
    }
    return lowest;
}

bool audit_agrees_with(const struct audit_trial *trial, unsigned answers)
{
    if (!(answers >> trial->answer & 1)) {
        return false;
    }
    return trial->answer != ANSWER_MSR_LOAD || named_entry(trial) == 0 ||
           trial->detail == named_entry(trial);
}

bool audit_agrees(const struct audit_trial *trial)
{
    return audit_agrees_with(trial, audit_expected(trial));
}

const char *entry_answer_name(enum entry_answer answer)
{
    static const char *const names[] = {
        [ANSWER_CONTROLS] = "controls", [ANSWER_HOST] = "host",       [ANSWER_GUEST] = "guest",
        [ANSWER_MSR_LOAD] = "msr-load", [ANSWER_ENTERED] = "entered", [ANSWER_OTHER] = "other",
    };

    return names[answer];
}

void audit_expected_text(const struct audit_trial *trial, char *text, size_t size)
{
    unsigned answers = audit_expected(trial);
    size_t at = 0;

    text[0] = '\0';
    for (unsigned answer = 0; answer <= ANSWER_OTHER && at < size; answer++) {
        if (answers >> answer & 1) {
            at += format_text(text + at, size - at, "%s%s", at != 0 ? "|" : "",
                              entry_answer_name((enum entry_answer)answer));
        }
    }
}
