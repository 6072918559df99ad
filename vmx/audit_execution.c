/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the VM-execution control fields but those of the virtual APIC and of EPT. Pure. */
#include "vmx/audit_rule.h"

static bool keeps_tertiary(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(TERTIARY_CONTROLS) & ~audit->can->tertiary);
}

static bool keeps_cr3_target_count(const struct audit *audit, const struct audit_rule *rule,
                                   struct audit_answer *answer)
{
    (void)rule;
    return answer_at_most(answer, V(CR3_TARGET_COUNT),
                          FIELD_GET(VMX_MISC_CR3_TARGETS, audit->can->misc));
}

static bool keeps_virtual_nmi(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, ACTS(PIN, PIN_VIRTUAL_NMI) && ACTS_NOT(PIN, PIN_NMI), 0);
}

static bool keeps_nmi_window(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer,
                         ACTS(PRIMARY, PRIMARY_NMI_WINDOW) && ACTS_NOT(PIN, PIN_VIRTUAL_NMI), 0);
}

static const struct audit_rule first_rules[] = {
    {"control.pin.must_be_1",
     "the pin-based controls must have each bit at 1 that the processor requires", check_must_be_1,
     PROOFS(BREAKS, CLEAR_ONE(PIN_CONTROLS, PIN), KEEPS, SET_ONES(PIN_CONTROLS, PIN)),
     FIELDS_1(PIN_CONTROLS), MASK(PIN, 0)},
    {"control.pin.must_be_0",
     "the pin-based controls must have no bit at 1 that the processor does not offer",
     check_must_be_0,
     PROOFS(BREAKS, OR_REFUSED(PIN_CONTROLS, PIN), KEEPS, ON(PIN, PIN_PREEMPTION_TIMER)),
     FIELDS_1(PIN_CONTROLS), MASK(PIN, 0)},
    {"control.primary.must_be_1",
     "the primary controls must have each bit at 1 that the processor requires", check_must_be_1,
     PROOFS(BREAKS, CLEAR_ONE(PRIMARY_CONTROLS, PRIMARY), KEEPS,
            SET_ONES(PRIMARY_CONTROLS, PRIMARY)),
     FIELDS_1(PRIMARY_CONTROLS), MASK(PRIMARY, 0)},
    {"control.primary.must_be_0",
     "the primary controls must have no bit at 1 that the processor does not offer",
     check_must_be_0,
     PROOFS(BREAKS, OR_REFUSED(PRIMARY_CONTROLS, PRIMARY), KEEPS,
            ON(PRIMARY, PRIMARY_MOV_DR | PRIMARY_PAUSE | PRIMARY_RDPMC | PRIMARY_INVLPG)),
     FIELDS_1(PRIMARY_CONTROLS), MASK(PRIMARY, 0)},
    {"control.secondary.must_be_0",
     "the secondary controls must have no bit at 1 that the processor does not offer",
     check_must_be_0,
     PROOFS(BREAKS, ON(PRIMARY, PRIMARY_SECONDARY), OR_REFUSED(SECONDARY_CONTROLS, SECONDARY),
            KEEPS, OFF(PRIMARY, PRIMARY_SECONDARY), SET(SECONDARY_CONTROLS, 0xFFFFFFFF)),
     FIELDS_1(SECONDARY_CONTROLS), WHEN(PRIMARY, PRIMARY_SECONDARY), MASK(SECONDARY, 0)},
    {"control.tertiary.must_be_0",
     "the tertiary controls must have no bit at 1 that the processor does not offer",
     keeps_tertiary,
     PROOFS(BREAKS, ON(PRIMARY, PRIMARY_TERTIARY), RAISE(TERTIARY_CONTROLS, 63), BREAKS,
            ON(PRIMARY, PRIMARY_TERTIARY), OR_REFUSED(TERTIARY_CONTROLS, TERTIARY), KEEPS,
            OFF(PRIMARY, PRIMARY_TERTIARY), SET(TERTIARY_CONTROLS, 0xFFFFFFFF)),
     FIELDS_1(TERTIARY_CONTROLS), WHEN(PRIMARY, PRIMARY_TERTIARY), MASK(TERTIARY, 0)},
    {"control.cr3_target_count", "there must be at most as many CR3-target values as supported",
     keeps_cr3_target_count,
     PROOFS(BREAKS, SYM_PLUS(CR3_TARGET_COUNT, CR3_TARGETS, 1), BREAKS,
            SET(CR3_TARGET_COUNT, 0x80000000), KEEPS, SYM(CR3_TARGET_COUNT, CR3_TARGETS)),
     FIELDS_1(CR3_TARGET_COUNT)},
};

const struct audit_section audit_execution =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, first_rules);

static const struct audit_rule nmi_rules[] = {
    {"control.nmi.virtual", "virtual NMIs need NMI exiting", keeps_virtual_nmi,
     PROOFS(BREAKS, ON(PIN, PIN_VIRTUAL_NMI), OFF(PIN, PIN_NMI), KEEPS,
            ON(PIN, PIN_VIRTUAL_NMI | PIN_NMI)),
     FIELDS_1(PIN_CONTROLS)},
    {"control.nmi.window", "NMI-window exiting needs virtual NMIs", keeps_nmi_window,
     PROOFS(BREAKS, ON(PRIMARY, PRIMARY_NMI_WINDOW), OFF(PIN, PIN_VIRTUAL_NMI), KEEPS,
            ON(PRIMARY, PRIMARY_NMI_WINDOW), ON(PIN, PIN_VIRTUAL_NMI)),
     FIELDS_2(PRIMARY_CONTROLS, PIN_CONTROLS)},
};

const struct audit_section audit_execution_nmi =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, nmi_rules);

static const struct audit_rule vpid_rules[] = {
    {"control.vpid.not_0", "the VPID must not be 0", check_not_zero,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_VPID), SET(VPID, 0), KEEPS,
            ON(SECONDARY, SECONDARY_VPID), SET(VPID, 0xFFFF), KEEPS, OFF(SECONDARY, SECONDARY_VPID),
            SET(VPID, 0)),
     FIELDS_1(VPID), WHEN(SECONDARY, SECONDARY_VPID)},
};

const struct audit_section audit_execution_vpid =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, vpid_rules);

static const struct audit_rule tsc_rules[] = {
    {"control.tsc_multiplier.not_0", "the TSC multiplier must not be 0", check_not_zero,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_TSC_SCALING), SET(TSC_MULTIPLIER, 0), KEEPS,
            ON(SECONDARY, SECONDARY_TSC_SCALING), SET(TSC_MULTIPLIER, 1)),
     FIELDS_1(TSC_MULTIPLIER), WHEN(SECONDARY, SECONDARY_TSC_SCALING)},
};

const struct audit_section audit_execution_tsc =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, tsc_rules);
