/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the rules. */
#include "vmx/audit.h"

#include "vmx/audit_rule.h"

/* In the order of the SDM's text. */
const struct audit_section *const audit_sections[AUDIT_SECTIONS] = {
    &audit_execution,       &audit_execution_bitmaps, &audit_execution_tpr, &audit_execution_nmi,
    &audit_execution_apic,  &audit_execution_vpid,    &audit_execution_ept, &audit_execution_tsc,
    &audit_execution_late,  &audit_execution_ipi,     &audit_exit,          &audit_entry,
    &audit_event,           &audit_host_registers,    &audit_host_segments, &audit_address_space,
    &audit_guest_registers, &audit_guest_segments,    &audit_guest_rights,  &audit_guest_tables,
    &audit_guest_rip,       &audit_guest_state,       &audit_guest_link,    &audit_guest_pdptes,
    &audit_msr_load,
};

/* A group that is not activated acts as if all its controls were 0. */
static void find_controls(struct audit *audit)
{
    uint32_t *control = audit->control;

    control[CONTROL_PIN] = (uint32_t)V(PIN_CONTROLS);
    control[CONTROL_PRIMARY] = (uint32_t)V(PRIMARY_CONTROLS);
    control[CONTROL_SECONDARY] =
        ACTS(PRIMARY, PRIMARY_SECONDARY) ? (uint32_t)V(SECONDARY_CONTROLS) : 0;
    control[CONTROL_TERTIARY] =
        ACTS(PRIMARY, PRIMARY_TERTIARY) ? (uint32_t)V(TERTIARY_CONTROLS) : 0;
    control[CONTROL_EXIT] = (uint32_t)V(EXIT_CONTROLS);
    control[CONTROL_EXIT2] = ACTS(EXIT, EXIT_SECONDARY) ? (uint32_t)V(SECONDARY_EXIT_CONTROLS) : 0;
    control[CONTROL_ENTRY] = (uint32_t)V(ENTRY_CONTROLS);
}

/* CPUID has a byte for each, and rules shift by them: no byte may lead beyond what can be. */
static void find_widths(struct audit *audit)
{
    bool narrow = audit->can->basic & VMX_BASIC_32BIT;

    audit->physical_width = MIN(MAX(audit->can->physical_width, 32U), 52U);
    audit->linear_width = MIN(MAX(audit->can->linear_width, 32U), 57U);
    audit->address_reserved = ~UINT64_C(0) << (narrow ? 32 : audit->physical_width);
}

void audit_prepare(struct audit *audit)
{
    uint32_t event = (uint32_t)V(ENTRY_INTERRUPTION_INFO);

    find_controls(audit);
    find_widths(audit);
    audit->ia32e_guest = ACTS(ENTRY, ENTRY_IA32E_GUEST);
    audit->v86 = V(GUEST_RFLAGS) & RFLAGS_VM;
    audit->unrestricted = ACTS(SECONDARY, SECONDARY_UNRESTRICTED);
    audit->injects = event & INTERRUPTION_VALID;
    audit->event_type = (uint32_t)FIELD_GET(INTERRUPTION_TYPE, event);
    audit->event_vector = (uint32_t)FIELD_GET(INTERRUPTION_VECTOR, event);
}

bool audit_keeps(const struct audit *audit, const struct audit_rule *rule,
                 struct audit_answer *answer)
{
    if ((audit->control[rule->when_group] & rule->when) != rule->when) {
        return true;
    }
    for (unsigned i = 0; i < AUDIT_RULE_FIELDS && rule->fields[i] != AUDIT_NO_FIELD; i++) {
        if (!audit->present[rule->fields[i]]) {
            return true;
        }
    }
    answer->field = rule->fields[0];
    answer->entry = 0;
    return rule->check(audit, rule, answer);
}

unsigned audit_run(const struct audit *audit, struct audit_finding *findings, unsigned most)
{
    unsigned count = 0;

    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        const struct audit_section *section = audit_sections[i];
        for (unsigned j = 0; j < section->count; j++) {
            const struct audit_rule *rule = &section->rules[j];
            struct audit_answer answer;
            if (audit_keeps(audit, rule, &answer)) {
                continue;
            }
            if (count < most) {
                findings[count] =
                    (struct audit_finding){rule, section, answer, audit->value[answer.field]};
            }
            count++;
        }
    }
    return count;
}

unsigned audit_rule_count(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        count += audit_sections[i]->count;
    }
    return count;
}
