/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/break_choice.h"

#include "kernel/option_values.h"
#include "kernel/string.h"

bool break_parse(const char *word, size_t length, struct break_choice *choice)
{
    size_t name = 0;
    char text[24];
    unsigned index;

    *choice = (struct break_choice){0};
    while (name < length && word[name] != ':') {
        name++;
    }
    index = vmcs_index_by_name(word, name);
    if (index == VMCS_FIELDS) {
        choice->why = "there is no VMCS field of that name: docs/audit.md has those with rules";
        return false;
    }
    choice->field = (uint8_t)index;
    choice->has_value = name < length;
    if (!choice->has_value) {
        return true;
    }
    word += name + 1;
    length -= name + 1;
    if (length >= sizeof(text)) {
        choice->why = "the value is too long: a number, or 0x and up to 16 hexadecimal digits";
        return false;
    }
    memcpy(text, word, length);
    text[length] = '\0';
    if (!option_number(text, &choice->value)) {
        choice->why =
            "after the colon a number of at most 64 bits is expected, such as 131 or 0x83";
        return false;
    }
    return true;
}

/* Whether `field` is among the rule's; `first`: it is the one that the rule blames. */
static bool is_on(const struct audit_rule *rule, uint8_t field, bool first)
{
    for (unsigned i = first ? 0 : 1; i < (first ? 1U : AUDIT_RULE_FIELDS); i++) {
        if (rule->fields[i] == field) {
            return true;
        }
    }
    return false;
}

/* Whether some mutation breaks `rule` by changing the field, or what the rule asks of it. */
static bool try_rule(const struct audit *before, const struct audit_sandbox *sandbox,
                     const struct audit_rule *rule, uint8_t field, struct audit *after)
{
    const audit_step *start = audit_mutation_find(rule->proofs);
    struct audit_answer answer;
    const char *missing;

    for (; start != NULL; start = audit_mutation_find(start + 1)) {
        *after = *before;
        if (audit_mutation_kind(start) == STEP_KEEPS ||
            !audit_mutate(after, start, sandbox, &missing) || audit_keeps(after, rule, &answer)) {
            continue;
        }
        if (after->value[field] != before->value[field] || answer.field == field) {
            return true;
        }
    }
    return false;
}

/* The first rule on the field that a mutation of it breaks; `first` as of is_on(). */
static bool choose_rule(const struct audit *before, const struct audit_sandbox *sandbox,
                        struct break_choice *choice, bool first, struct audit *after)
{
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        const struct audit_section *section = audit_sections[i];
        for (unsigned j = 0; j < section->count; j++) {
            const struct audit_rule *rule = &section->rules[j];
            if (!is_on(rule, choice->field, first)) {
                continue;
            }
            if (try_rule(before, sandbox, rule, choice->field, after)) {
                choice->rule = rule;
                return true;
            }
            choice->why = "this processor cannot break any rule on that field by itself: say "
                          "FIELD:VALUE";
        }
    }
    return false;
}

static bool choose_mutation(const struct audit *before, const struct audit_sandbox *sandbox,
                            struct break_choice *choice, struct audit *after)
{
    choice->why = "no rule stands on that field: say FIELD:VALUE";
    return choose_rule(before, sandbox, choice, true, after) ||
           choose_rule(before, sandbox, choice, false, after);
}

/* The first broken rule that blames the field, else the first that is broken now and was not; NULL:
 * there is none. */
static const struct audit_rule *broken_by(const struct audit *before, const struct audit *after,
                                          uint8_t field)
{
    const struct audit_rule *first = NULL;

    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        const struct audit_section *section = audit_sections[i];
        for (unsigned j = 0; j < section->count; j++) {
            const struct audit_rule *rule = &section->rules[j];
            struct audit_answer answer, was;
            if (audit_keeps(after, rule, &answer)) {
                continue;
            }
            if (answer.field == field) {
                return rule;
            }
            if (first == NULL && audit_keeps(before, rule, &was)) {
                first = rule;
            }
        }
    }
    return first;
}

static bool choose_value(const struct audit *before, struct break_choice *choice,
                         struct audit *after)
{
    struct vmcs_field field = vmcs_field_at(choice->field);

    if (choice->value & ~vmcs_field_mask(field)) {
        choice->why = "the value is wider than the field";
        return false;
    }
    *after = *before;
    after->value[choice->field] = choice->value;
    audit_prepare(after);
    choice->rule = broken_by(before, after, choice->field);
    if (choice->rule == NULL && vmcs_kind(field) == VMCS_HOST) {
        choice->why =
            "no rule rejects that value, so it would be loaded at the next exit, and the host lost";
        return false;
    }
    return true;
}

bool break_choose(const struct audit *before, const struct audit_sandbox *sandbox,
                  struct break_choice *choice, struct audit *after)
{
    if (vmcs_kind(vmcs_field_at(choice->field)) == VMCS_READ_ONLY) {
        choice->why = "the field is read-only";
        return false;
    }
    if (!before->present[choice->field]) {
        choice->why = "this processor does not have that field";
        return false;
    }
    return choice->has_value ? choose_value(before, choice, after)
                             : choose_mutation(before, sandbox, choice, after);
}
