/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/entry_audit.h"

#include "kernel/image.h"
#include "kernel/log.h"
#include "vmx/audit_agree.h"
#include "vmx/audit_log.h"
#include "vmx/audit_read.h"
#include "vmx/dump.h"

/* One wrong field may break many rules: VM of RFLAGS alone some twenty, and the rule on it is one
 * of the last. */
#define MOST_LOGGED TRIAL_FINDINGS

static void take(const struct vcpu *vcpu, struct audit *audit, struct audit_trial *trial)
{
    audit_read(audit, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    trial->count = audit_run(audit, trial->findings, TRIAL_FINDINGS);
}

/* Tells one list of findings from another. */
static uint64_t mark(const struct audit_trial *trial)
{
    uint64_t sum = trial->count;

    for (unsigned i = 0; i < MIN(trial->count, MOST_LOGGED); i++) {
        const struct audit_finding *finding = &trial->findings[i];
        sum = sum * 1000003 + (uint64_t)finding->rule + finding->value;
    }
    return sum;
}

static void log_findings(const struct audit_trial *trial)
{
    for (unsigned i = 0; i < MIN(trial->count, MOST_LOGGED); i++) {
        audit_log_finding(&trial->findings[i]);
    }
    if (trial->count > MOST_LOGGED) {
        log_line("audit", "further rules are broken, not logged more=%u",
                 trial->count - MOST_LOGGED);
    }
}

bool audit_before_launch(struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    struct audit_trial trial = {.answer = ANSWER_ENTERED};
    struct audit audit;
    uint64_t start;

    if (vcpu->audit == AUDIT_OFF) {
        log_line("audit", "switched off on the command line vm=%u vcpu=%u", vm->id, vcpu->id);
        return true;
    }
    start = rdtsc();
    take(vcpu, &audit, &trial);
    start = rdtsc() - start;
    vcpu->broken = trial.count;
    vcpu->broken_mark = mark(&trial);
    log_line("audit", "checked before the launch vm=%u vcpu=%u rules=%u broken=%u ticks=%lu",
             vm->id, vcpu->id, audit_rule_count(), trial.count, start);
    log_findings(&trial);
    if (trial.count == 0) {
        return true;
    }
    if (vcpu->audit == AUDIT_STRICT) {
        vmcs_dump_log(&audit);
        (void)vm_stop(vcpu, true, 0, "audit=strict, broken rules: %u", trial.count);
        return false;
    }
    if (!audit_agrees(&trial)) {
        vcpu->attention |= ATTENTION_AUDIT; /* to be said if the guest is entered */
    }
    return true;
}

/* What to do about it, for a person who has never seen this. */
static void log_disagreement(void)
{
    log_line("audit",
             "Lintel's auditor, the processor or its emulator is wrong here; docs/audit.md "
             "lists the known errors of emulators");
    log_line("audit", "if this one is not listed, send this whole log to Lintel's maintainers, who "
                      "report it to the emulator's or the processor's");
}

/* Whether the two agree on a refusal, and what to do if not. */
static void log_agreement(const struct vcpu *vcpu, const struct audit_trial *trial)
{
    const struct audit_finding *first = audit_explains(trial);
    const char *stage = entry_answer_name(trial->answer);
    unsigned vm = vcpu->vm->id;

    if (trial->answer == ANSWER_OTHER) {
        log_line("audit",
                 "the processor refuses for another reason than what the VMCS holds vm=%u "
                 "vcpu=%u broken=%u",
                 vm, vcpu->id, trial->count);
    } else if (audit_agrees(trial) && first != NULL) {
        log_line("audit",
                 "auditor and processor agree on why it refuses vm=%u vcpu=%u stage=%s broken=%u "
                 "agreed=yes rule=%s field=%s",
                 vm, vcpu->id, stage, trial->count, first->rule->name,
                 vmcs_field_name(vmcs_field_at(first->answer.field)));
    } else if (audit_cannot_know(trial)) {
        log_line("audit",
                 "no rule is broken that would come first: only this processor knows which values "
                 "that MSR takes vm=%u vcpu=%u stage=%s broken=%u agreed=unknown",
                 vm, vcpu->id, stage, trial->count);
    } else {
        log_line("audit", "%s vm=%u vcpu=%u stage=%s broken=%u agreed=no",
                 trial->count == 0
                     ? "the processor refuses, though no rule is broken"
                     : "the processor refuses for another reason than the first broken rule",
                 vm, vcpu->id, stage, trial->count);
        log_disagreement();
    }
}

void audit_after_refusal(struct vcpu *vcpu, enum entry_answer answer, uint64_t detail)
{
    struct audit_trial trial = {.answer = answer, .detail = detail};
    struct audit audit;

    take(vcpu, &audit, &trial);
    if (vcpu->audit == AUDIT_OFF || mark(&trial) != vcpu->broken_mark) {
        log_findings(&trial);
    }
    log_agreement(vcpu, &trial);
    vmcs_dump_log(&audit);
}

void audit_after_entry(const struct vcpu *vcpu)
{
    log_line("audit",
             "the processor entered the guest in spite of the findings vm=%u vcpu=%u broken=%u "
             "agreed=no",
             vcpu->vm->id, vcpu->id, vcpu->broken);
    log_disagreement();
}
