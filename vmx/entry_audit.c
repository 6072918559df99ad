/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/entry_audit.h"

#include "kernel/image.h"
#include "kernel/log.h"
#include "vmx/audit_log.h"
#include "vmx/audit_read.h"
#include "vmx/audit_text.h"
#include "vmx/dump.h"

#define MOST_LOGGED 16

struct findings {
    struct audit audit;
    struct audit_finding list[MOST_LOGGED];
    unsigned count;
};

static void take(const struct vcpu *vcpu, struct findings *findings)
{
    audit_read(&findings->audit, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    findings->count = audit_run(&findings->audit, findings->list, MOST_LOGGED);
}

/* Tells one list of findings from another. */
static uint64_t mark(const struct findings *findings)
{
    uint64_t sum = findings->count;

    for (unsigned i = 0; i < MIN(findings->count, MOST_LOGGED); i++) {
        const struct audit_finding *finding = &findings->list[i];
        sum = sum * 1000003 + (uint64_t)finding->rule + finding->value;
    }
    return sum;
}

static void log_findings(const struct findings *findings)
{
    for (unsigned i = 0; i < MIN(findings->count, MOST_LOGGED); i++) {
        audit_log_finding(&findings->list[i]);
    }
    if (findings->count > MOST_LOGGED) {
        log_line("audit", "further rules are broken, not logged more=%u",
                 findings->count - MOST_LOGGED);
    }
}

/* Whether a processor may leave all that is broken unchecked. */
static bool may_be_unchecked(const struct findings *findings)
{
    for (unsigned i = 0; i < MIN(findings->count, MOST_LOGGED); i++) {
        if (!(findings->list[i].rule->flags & AUDIT_MODEL_SPECIFIC)) {
            return false;
        }
    }
    return true;
}

bool audit_before_launch(struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    struct findings findings;
    uint64_t start;

    if (vcpu->audit == AUDIT_OFF) {
        log_line("audit", "switched off on the command line vm=%u vcpu=%u", vm->id, vcpu->id);
        return true;
    }
    start = rdtsc();
    take(vcpu, &findings);
    start = rdtsc() - start;
    vcpu->broken = findings.count;
    vcpu->broken_mark = mark(&findings);
    log_line("audit", "checked before the launch vm=%u vcpu=%u rules=%u broken=%u ticks=%lu",
             vm->id, vcpu->id, audit_rule_count(), findings.count, start);
    log_findings(&findings);
    if (findings.count == 0) {
        return true;
    }
    if (vcpu->audit == AUDIT_STRICT) {
        (void)vm_stop(vcpu, true, 0, "audit=strict, broken rules: %u", findings.count);
        return false;
    }
    if (!may_be_unchecked(&findings)) {
        vcpu->attention |= ATTENTION_AUDIT; /* to be said if the guest is entered */
    }
    return true;
}

static bool same_stage(enum audit_stage a, enum audit_stage b)
{
    return a == b || (a <= AUDIT_HOST && b <= AUDIT_HOST);
}

/* The finding that explains a refusal at `stage`: of that stage, with none before it that every
 * processor checks. NULL: there is none. */
static const struct audit_finding *explains(const struct findings *findings, enum audit_stage stage)
{
    for (unsigned i = 0; i < MIN(findings->count, MOST_LOGGED); i++) {
        const struct audit_finding *finding = &findings->list[i];
        if (same_stage(finding->section->stage, stage)) {
            return finding;
        }
        if (!(finding->rule->flags & AUDIT_MODEL_SPECIFIC)) {
            return NULL;
        }
    }
    return NULL;
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

void audit_after_refusal(struct vcpu *vcpu, enum audit_stage stage)
{
    struct findings findings;
    const struct audit_finding *first;

    take(vcpu, &findings);
    first = explains(&findings, stage);
    if (vcpu->audit == AUDIT_OFF || mark(&findings) != vcpu->broken_mark) {
        log_findings(&findings);
    }
    if (stage == AUDIT_STAGES) {
        log_line("audit",
                 "the processor refuses for another reason than what the VMCS holds vm=%u "
                 "vcpu=%u broken=%u",
                 vcpu->vm->id, vcpu->id, findings.count);
    } else if (first != NULL) {
        log_line("audit",
                 "auditor and processor agree on why it refuses vm=%u vcpu=%u stage=%s broken=%u "
                 "agreed=yes rule=%s field=%s",
                 vcpu->vm->id, vcpu->id, audit_stage_name(stage), findings.count, first->rule->name,
                 vmcs_field_name(vmcs_field_at(first->answer.field)));
    } else if (findings.count == 0 && stage == AUDIT_MSR_LOAD) {
        log_line("audit",
                 "no rule is broken: only this processor knows which values that MSR takes vm=%u "
                 "vcpu=%u "
                 "stage=%s broken=0 agreed=unknown",
                 vcpu->vm->id, vcpu->id, audit_stage_name(stage));
    } else {
        log_line("audit", "%s vm=%u vcpu=%u stage=%s broken=%u agreed=no",
                 findings.count == 0
                     ? "the processor refuses, though no rule is broken"
                     : "the processor refuses at another stage than that of the first broken rule",
                 vcpu->vm->id, vcpu->id, audit_stage_name(stage), findings.count);
        log_disagreement();
    }
    vmcs_dump_log(&findings.audit);
}

void audit_after_entry(const struct vcpu *vcpu)
{
    log_line("audit",
             "the processor entered the guest in spite of the findings vm=%u vcpu=%u broken=%u "
             "agreed=no",
             vcpu->vm->id, vcpu->id, vcpu->broken);
    log_disagreement();
}
