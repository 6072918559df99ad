/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints docs/audit.md: every rule of the auditor, from the tables that the auditor runs. A program
 * of the host; `make docs` writes the page by it, `make check-docs` compares.
 */
#include <stdio.h>
#include <string.h>

#include "selftest/known_errors.h"
#include "vmx/audit.h"
#include "vmx/audit_mutation.h"
#include "vmx/audit_text.h"
#include "vmx/vmcs_index.h"

static const char introduction[] =
    "# The auditor\n"
    "\n"
    "<!-- Written by tools/audit_doc.c from the rules in vmx/audit_*.c: change those, then run "
    "`make docs`. -->\n"
    "\n"
    "VM entry checks the VMCS. Where a check fails, the processor gives one of four numbers and "
    "no field. The auditor makes the same checks beforehand, on a copy of the VMCS, and names each "
    "rule that is broken, the field, what it holds and what it may hold. Its rules are tables, one "
    "or several a section of the SDM, in the order of its text; this page is printed from them.\n"
    "\n"
    "## How a finding reads\n"
    "\n"
    "```\n";

static const char reading[] =
    "```\n"
    "\n"
    "First the sentence: what must hold. `value` is the whole field, `found` the part of it that "
    "the rule looks at, `want` what is allowed there: a value (`0x21`), a number (`11`), or words "
    "(`\"3 or 11\"`, `\"at most 4\"`, `\"bits 63:47 alike\"`). `entry` is the number of an entry "
    "in "
    "an area of MSRs, from 1. What does not fit one record continues in the next, which repeats "
    "the rule's name or carries its sentence. [log.md](log.md) has the keys.\n"
    "\n"
    "`stage` says by what the processor answers, and in which order it looks:\n"
    "\n"
    "| stage | rules | the processor's answer |\n"
    "|---|---:|---|\n";

static const char marks[] =
    "\n"
    "A rule *applies* only where all controls in its second column are 1, and where this processor "
    "has all fields in its third; else it is kept. Further conditions stand in its sentence. "
    "*Model-specific*: a processor may check it or not. *7 or 8*: a rule of the host stage that "
    "looks at controls too, of which a processor may say either.\n"
    "\n"
    "What no rule knows: MSR values that only WRMSR on this processor refuses (failed entry 34 "
    "then has no finding), memory that cannot be read, and the fields of FRED, which no VMCS of "
    "Lintel's has.\n"
    "\n"
    "## Options\n"
    "\n"
    "- `audit=on` (default) audits before each launch, logs what is broken and launches all the "
    "same, then puts the processor's word beside its own; `audit=strict` ends the VM instead of "
    "launching it where a rule is broken; `audit=off` audits only after the processor has "
    "refused.\n"
    "- `break=FIELD` breaks a rule that stands on that field, by the first of its proofs that this "
    "processor allows; `break=FIELD:VALUE` writes the value, whatever it breaks, into the "
    "host-state area only where a rule rejects it. Fields have the names of the tables below; "
    "several are separated by commas.\n"
    "\n"
    "[options.md](options.md) has the details.\n"
    "\n"
    "## How the rules are proved\n"
    "\n"
    "Each rule carries small programs that change a VMCS, its proofs: some *break* it, and no "
    "other, or, where that cannot be, others too (*also*); some go to "
    "its edge and *keep* all rules. Where a processor lacks what a proof needs, the proof is left "
    "out. They are tried\n"
    "\n"
    "- on the processor: `mode=selftest select=audit.*` enters a VMCS after each and compares the "
    "answer with the auditor's; `audit.random` does so with many random changes at once;\n"
    "- on the host, under sanitizers: `make test-unit` on recorded VMCS contents of three "
    "processors and on made ones, `make test-fuzz` on anything.\n";

/* How many mutations of a kind `proofs` has. */
static unsigned count_kind(const audit_step *proofs, enum audit_op kind)
{
    unsigned count = 0;

    for (const audit_step *start = audit_mutation_find(proofs); start != NULL;
         start = audit_mutation_find(start + 1)) {
        count += audit_mutation_kind(start) == kind;
    }
    return count;
}

/* Rows of the table of stages, or of the totals. */
struct totals {
    unsigned rules, breaking, also, keeping;
};

static void add(struct totals *totals, const struct audit_rule *rule)
{
    totals->rules++;
    totals->breaking += count_kind(rule->proofs, STEP_BREAKS);
    totals->also += count_kind(rule->proofs, STEP_BREAKS_ALSO);
    totals->keeping += count_kind(rule->proofs, STEP_KEEPS);
}

static struct totals total_of(unsigned first, unsigned end)
{
    struct totals totals = {0};

    for (unsigned i = first; i < end; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            add(&totals, &audit_sections[i]->rules[j]);
        }
    }
    return totals;
}

/* A TSS that is not busy. */
static void print_example(void)
{
    struct audit_finding finding = {
        .answer = {.found = 9, .want = BIT(11), .kind = WANT_SET, .field = INDEX_GUEST_TR_AR},
        .value = 0x89,
    };
    struct audit_lines lines;

    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            if (strcmp(audit_sections[i]->rules[j].name, "guest.tr.type") == 0) {
                finding.rule = &audit_sections[i]->rules[j];
                finding.section = audit_sections[i];
            }
        }
    }
    if (finding.rule != NULL) {
        audit_finding_text(&finding, &lines);
        printf("%s\n%s%s", lines.first, lines.second, lines.second[0] != '\0' ? "\n" : "");
    }
}

static void print_stages(void)
{
    static const char *const answers[AUDIT_STAGES] = {
        [AUDIT_CONTROLS] = "VMLAUNCH or VMRESUME fails, VM-instruction error 7",
        [AUDIT_HOST] = "the same, VM-instruction error 8",
        [AUDIT_GUEST] = "VM exit by a failed entry, reason 33",
        [AUDIT_MSR_LOAD] = "VM exit by a failed entry, reason 34",
    };

    for (unsigned stage = 0; stage < AUDIT_STAGES; stage++) {
        unsigned rules = 0;

        for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
            rules += audit_sections[i]->stage == stage ? audit_sections[i]->count : 0;
        }
        printf("| `%s` | %u | %s |\n", audit_stage_name((enum audit_stage)stage), rules,
               answers[stage]);
    }
}

static void print_condition(const struct audit_rule *rule)
{
    const char *before = " ";

    for (unsigned bit = 0; bit < 32; bit++) {
        if (rule->when >> bit & 1) {
            printf("%s%s", before, control_name((enum control_group)rule->when_group, bit));
            before = ", ";
        }
    }
}

static void print_rule(const struct audit_rule *rule)
{
    unsigned also = count_kind(rule->proofs, STEP_BREAKS_ALSO);
    unsigned breaking = count_kind(rule->proofs, STEP_BREAKS);

    printf("| `%s` |", rule->name);
    print_condition(rule);
    printf(" |");
    for (unsigned i = 0; i < AUDIT_RULE_FIELDS && rule->fields[i] != AUDIT_NO_FIELD; i++) {
        printf("%s `%s`", i != 0 ? "," : "", vmcs_field_name(vmcs_field_at(rule->fields[i])));
    }
    printf(" | %s%s%s | ", rule->sentence,
           rule->flags & AUDIT_MODEL_SPECIFIC ? " (*model-specific*)" : "",
           rule->flags & AUDIT_EITHER_ERROR ? " (*7 or 8*)" : "");
    if (breaking != 0 || also == 0) {
        printf("%u%s", breaking, also != 0 ? " + " : "");
    }
    if (also != 0) {
        printf("%u also", also);
    }
    printf(" | %u |\n", count_kind(rule->proofs, STEP_KEEPS));
}

/* The tables from `first` on that are of one section. */
static unsigned end_of_section(unsigned first)
{
    unsigned end = first + 1;

    while (end < AUDIT_SECTIONS && audit_sections[end]->stage == audit_sections[first]->stage &&
           strcmp(audit_sections[end]->title, audit_sections[first]->title) == 0) {
        end++;
    }
    return end;
}

static void print_section(unsigned first, unsigned end)
{
    struct totals totals = total_of(first, end);

    printf("\n### %s\n\nStage `%s`, %u rules.\n\n", audit_sections[first]->title,
           audit_stage_name(audit_sections[first]->stage), totals.rules);
    printf("| rule | applies with | fields | what must hold | break | keep |\n"
           "|---|---|---|---|---:|---:|\n");
    for (unsigned i = first; i < end; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            print_rule(&audit_sections[i]->rules[j]);
        }
    }
}

static const char known_introduction[] =
    "\n"
    "## Known errors of emulators\n"
    "\n"
    "Where an emulator does not do what the SDM says, the auditor stays with the SDM. The "
    "selftest expects exactly these answers, on the emulator and version that `machine=` names "
    "(`tools/run` passes it), counts them as known (`not ok … # TODO`), and fails where one "
    "appears or disappears. `make run ARGS=\"mode=selftest select=audit.RULE\"` shows one.\n"
    "\n"
    "| emulator | rule | the SDM | the emulator |\n"
    "|---|---|---|---|\n";

static void print_known_errors(void)
{
    const struct known_error *before = NULL;
    const struct known_error *error;

    fputs(known_introduction, stdout);
    for (unsigned i = 0; (error = known_errors_at(i)) != NULL; before = error, i++) {
        if (before != NULL && strcmp(before->rule, error->rule) == 0 &&
            strcmp(before->does, error->does) == 0) {
            continue; /* the same error, seen from its other side */
        }
        printf("| %s | `%s` | %s | %s |\n", error->machine, error->rule, error->says, error->does);
    }
}

int main(void)
{
    struct totals totals = total_of(0, AUDIT_SECTIONS);

    fputs(introduction, stdout);
    print_example();
    fputs(reading, stdout);
    print_stages();
    fputs(marks, stdout);
    printf("\n"
           "In all: %u rules; %u mutations break one rule alone, %u break others too, %u keep all: "
           "%u.\n"
           "\n"
           "## The rules\n"
           "\n"
           "By the titles of SDM vol. 3C, chapter \"VM Entries\".\n",
           totals.rules, totals.breaking, totals.also, totals.keeping,
           totals.breaking + totals.also + totals.keeping);
    for (unsigned first = 0; first < AUDIT_SECTIONS; first = end_of_section(first)) {
        print_section(first, end_of_section(first));
    }
    print_known_errors();
    return ferror(stdout) != 0;
}
