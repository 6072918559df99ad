/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.RULE: one test a rule of the auditor. Each of the rule's proofs is put into a VMCS,
 * audited, and tried: one that breaks the rule must be found to break it and no other, one at its
 * edge must have no finding, and the processor must agree, the stage included.
 */
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "selftest/audit_rig.h"
#include "selftest/known_errors.h"
#include "selftest/needs.h"
#include "selftest/selftest.h"
#include "vmx/audit_mutation.h"

/* What became of one rule. */
struct progress {
    const struct audit_rule *rule;
    const struct audit_section *section;
    char name[SELFTEST_NAME];
    unsigned mutations, breaking; /* tried */
    unsigned wrong;               /* of the auditor: not exactly the rule is found broken */
    unsigned disagreements;       /* unexplained */
    unsigned known;               /* as a known error of the emulator predicts */
    const struct known_error *error;
    const char *missing; /* a control that a mutation wanted in vain */
};

static unsigned count(void)
{
    return audit_rule_count();
}

static const struct audit_rule *find_rule(unsigned test, const struct audit_section **section)
{
    unsigned i = 0;

    while (test >= audit_sections[i]->count) {
        test -= audit_sections[i++]->count;
    }
    *section = audit_sections[i];
    return &audit_sections[i]->rules[test];
}

static void name(unsigned test, char *text, size_t size)
{
    const struct audit_section *section;

    format_text(text, size, "audit.%s", find_rule(test, &section)->name);
}

/* Whether the findings are what the mutation is meant to cause. The poison is always found, where
 * the rule is not itself about the area that holds it. */
static bool found_as_meant(const struct progress *progress, enum audit_op kind,
                           const struct audit_trial *trial)
{
    bool about_area = progress->section->stage == AUDIT_MSR_LOAD;
    unsigned others = 0;
    bool found = false;

    for (unsigned i = 0; i < MIN(trial->count, (unsigned)TRIAL_FINDINGS); i++) {
        const struct audit_finding *finding = &trial->findings[i];
        if (finding->rule == progress->rule) {
            found = true;
        } else if (about_area || finding->section->stage != AUDIT_MSR_LOAD) {
            others++;
        }
    }
    switch (kind) {
    case STEP_BREAKS:
        return found && others == 0;
    case STEP_BREAKS_ALSO:
        return found;
    default:
        return !found && others == 0;
    }
}

static void report(const struct progress *progress, const char *what,
                   const struct audit_trial *trial)
{
    char expected[48];

    audit_expected_text(trial, expected, sizeof(expected));
    log_line("selftest", "%s test=%s mutation=%u expected=%s answer=%s detail=%lu findings=%u",
             what, progress->name, progress->mutations, expected, entry_answer_name(trial->answer),
             trial->detail, trial->count);
    for (unsigned i = 0; i < MIN(trial->count, 4U); i++) {
        log_line("selftest", "found test=%s rule=%s", progress->name,
                 trial->findings[i].rule->name);
    }
}

static void judge_trial(struct audit_rig *rig, const struct selftest *selftest,
                        const struct audit_trial *trial, struct progress *progress)
{
    struct known_errors_shown shown;

    switch (known_errors_judge(selftest->request->machine, &rig->trial, trial, &shown)) {
    case TRIAL_AGREES:
        return;
    case TRIAL_KNOWN:
        progress->known++;
        progress->error = shown.first;
        rig->total.rows |= shown.rows;
        return;
    case TRIAL_DISAPPEARED:
        report(progress, "a known error of the emulator did not show", trial);
        break;
    case TRIAL_UNEXPECTED:
        report(progress, "auditor and processor disagree", trial);
        break;
    }
    progress->disagreements++;
    audit_rig_log_changes(rig);
}

static void try_mutation(struct audit_rig *rig, const struct selftest *selftest,
                         const audit_step *start, struct progress *progress)
{
    struct audit_trial trial;
    struct audit mutated;
    const char *missing;

    audit_rig_reset(rig);
    if (!audit_mutate(&rig->trial, start, &rig->sandbox, &missing)) {
        progress->missing = missing[0] != '\0' ? missing : progress->missing;
        return;
    }
    mutated = rig->trial;
    audit_rig_try(rig, &trial);
    rig->trial = mutated;
    progress->mutations++;
    progress->breaking += audit_mutation_kind(start) != STEP_KEEPS;
    if (!found_as_meant(progress, audit_mutation_kind(start), &trial)) {
        progress->wrong++;
        report(progress, "the auditor does not find what the mutation is made for", &trial);
        audit_rig_log_changes(rig);
    } else {
        judge_trial(rig, selftest, &trial, progress);
    }
}

/* What the processor lacks: of a control, the capability MSR and the bit that say so. */
static void skip_text(const char *missing, const struct vmx_operation *operation, char *text,
                      size_t size)
{
    enum control_group group;
    char needs[80];
    unsigned bit;

    if (missing == NULL) {
        string_copy(text, size, "this processor lacks the field");
    } else if (control_find(missing, &group, &bit)) {
        needs_text(&operation->capabilities, group, bit, needs, sizeof(needs));
        format_text(text, size, "needs %s", needs);
    } else {
        format_text(text, size, "needs %s", missing);
    }
}

/* Says why; `text` holds the note. */
static enum ktap_status judge(const struct progress *progress, const struct selftest *selftest,
                              char *text, size_t size)
{
    if (progress->wrong != 0 || progress->disagreements != 0) {
        format_text(text, size, "mutations=%u disagreements=%u wrong=%u", progress->mutations,
                    progress->disagreements, progress->wrong);
        return KTAP_NOT_OK;
    }
    if (progress->known != 0) {
        format_text(text, size, "%s, %s: %s", selftest->request->machine, progress->error->rule,
                    progress->error->does);
        return KTAP_TODO;
    }
    if (progress->breaking == 0) {
        skip_text(progress->missing, selftest->operation, text, size);
        return KTAP_SKIP;
    }
    format_text(text, size, "mutations=%u", progress->mutations);
    return KTAP_OK;
}

static enum ktap_status run(struct selftest *selftest, unsigned test)
{
    struct audit_rig *rig = selftest->suite;
    struct progress progress = {0};

    progress.rule = find_rule(test, &progress.section);
    name(test, progress.name, sizeof(progress.name));
    for (const audit_step *start = audit_mutation_find(progress.rule->proofs); start != NULL;
         start = audit_mutation_find(start + 1)) {
        try_mutation(rig, selftest, start, &progress);
    }
    rig->total.rules += progress.breaking != 0;
    rig->total.mutations += progress.mutations;
    rig->total.disagreements += progress.disagreements + progress.wrong;
    rig->total.known += progress.known;
    return judge(&progress, selftest, selftest->note, sizeof(selftest->note));
}

static void end(struct selftest *selftest)
{
    struct audit_rig *rig = selftest->suite;

    log_line("selftest",
             "the auditor was tried against the processor rules=%u tried=%lu mutations=%lu "
             "disagreements=%lu known-errors=%lu",
             audit_rule_count(), rig->total.rules, rig->total.mutations, rig->total.disagreements,
             rig->total.known);
    audit_rig_log_known(rig, selftest->request->machine);
    audit_rig_end(selftest);
}

const struct selftest_suite selftest_audit_rules = {
    .count = count, .name = name, .begin = audit_rig_begin, .run = run, .end = end};
