/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.random: many random states, each audited and tried. Every mutation has a seed of its own:
 * what is printed of a disagreement makes that one again.
 */
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "selftest/audit_mutator.h"
#include "selftest/audit_rig.h"
#include "selftest/known_errors.h"
#include "selftest/selftest.h"

#define DEFAULT_SEED  UINT64_C(1)
#define DEFAULT_COUNT UINT64_C(20000)
#define MOST_PRINTED  20 /* disagreements in full; the others in one line each */

static unsigned count(void)
{
    return 1;
}

static void name(unsigned test, char *text, size_t size)
{
    (void)test;
    string_copy(text, size, "audit.random");
}

/* All changed fields in one line, as many as it has room for. */
static void log_shortly(const struct audit_rig *rig, uint64_t seed, const char *what,
                        const char *expected, const struct audit_trial *trial)
{
    char fields[64] = "";
    size_t at = 0;

    for (unsigned i = 0; i < VMCS_FIELDS && at < sizeof(fields); i++) {
        if (rig->trial.value[i] != rig->base.value[i]) {
            at += format_text(fields + at, sizeof(fields) - at, "%s%s", at != 0 ? "," : "",
                              vmcs_field_name(vmcs_field_at(i)));
        }
    }
    log_line("selftest", "%s expected=%s answer=%s seed=0x%lx fields=%s", what, expected,
             entry_answer_name(trial->answer), seed, fields);
}

static void log_disagreement(const struct audit_rig *rig, uint64_t seed, const char *what,
                             const struct audit_trial *trial)
{
    char expected[48];

    audit_expected_text(trial, expected, sizeof(expected));
    if (rig->total.disagreements >= MOST_PRINTED) {
        log_shortly(rig, seed, what, expected, trial);
        return;
    }
    log_line("selftest", "%s expected=%s answer=%s detail=%lu findings=%u seed=0x%lx", what,
             expected, entry_answer_name(trial->answer), trial->detail, trial->count, seed);
    for (unsigned i = 0; i < MIN(trial->count, 4U); i++) {
        log_line("selftest", "found rule=%s", trial->findings[i].rule->name);
    }
    audit_rig_log_changes(rig);
    log_line("selftest",
             "the same again by options=\"mode=selftest select=audit.random count=1 seed=0x%lx\"",
             seed);
}

/* Gives whether auditor and processor agree, or disagree as is known. */
static bool try_one(struct audit_rig *rig, const char *machine, uint64_t seed,
                    struct audit_trial *trial)
{
    struct random random = {seed};
    struct known_errors_shown shown;
    struct audit tried;
    enum trial_verdict verdict;

    rig->trial = rig->base;
    audit_mutate_randomly(&rig->trial, &rig->sandbox, &random);
    audit_make_harmless(&rig->trial, &rig->base, &rig->sandbox, machine);
    if (known_errors_deadly(machine, &rig->trial)) {
        rig->total.avoided++;
        trial->answer = ANSWER_OTHER;
        return true;
    }
    tried = rig->trial;
    audit_rig_try(rig, trial);
    rig->trial = tried;
    verdict = known_errors_judge(machine, &tried, trial, &shown);
    rig->total.mutations++;
    rig->total.known += verdict == TRIAL_KNOWN;
    rig->total.rows |= shown.rows;
    if (verdict == TRIAL_AGREES || verdict == TRIAL_KNOWN) {
        return true;
    }
    log_disagreement(rig, seed,
                     verdict == TRIAL_DISAPPEARED ? "a known error of the emulator did not show"
                                                  : "auditor and processor disagree",
                     trial);
    return false;
}

static enum ktap_status run(struct selftest *selftest, unsigned test)
{
    const struct selftest_request *request = selftest->request;
    uint64_t seed = request->seed != 0 ? request->seed : DEFAULT_SEED;
    uint64_t wanted = request->count != 0 ? request->count : DEFAULT_COUNT;
    uint64_t answers[ANSWER_OTHER + 1] = {0};
    struct audit_rig *rig = selftest->suite;

    (void)test;
    for (uint64_t n = 0; rig->total.mutations < wanted; n++) {
        struct audit_trial trial;

        rig->total.disagreements += !try_one(rig, request->machine, seed + n, &trial);
        answers[trial.answer]++;
    }
    log_line("selftest",
             "random states mutations=%lu disagreements=%lu known-errors=%lu controls=%lu host=%lu "
             "guest=%lu accepted=%lu avoided=%lu seed=0x%lx",
             rig->total.mutations, rig->total.disagreements, rig->total.known,
             answers[ANSWER_CONTROLS], answers[ANSWER_HOST], answers[ANSWER_GUEST],
             answers[ANSWER_MSR_LOAD] + answers[ANSWER_ENTERED], rig->total.avoided, seed);
    format_text(selftest->note, sizeof(selftest->note),
                "mutations=%lu disagreements=%lu known-errors=%lu", rig->total.mutations,
                rig->total.disagreements, rig->total.known);
    audit_rig_log_known(rig, request->machine);
    return rig->total.disagreements == 0 ? KTAP_OK : KTAP_NOT_OK;
}

const struct selftest_suite selftest_audit_random = {.count = count,
                                                     .name = name,
                                                     .only_with = "audit.random",
                                                     .begin = audit_rig_begin,
                                                     .run = run,
                                                     .end = audit_rig_end};
