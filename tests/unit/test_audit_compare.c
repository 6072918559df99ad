/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the auditor's findings let expect of the processor, and what the known errors of an emulator
 * make of it: on findings by hand, and on every mutation of every machine.
 */
#include "selftest/audit_compare.h"

#include "selftest/known_errors.h"
#include "tests/unit/audit_fixture.h"

#define BIT_OF(answer) (1U << ANSWER_##answer)
#define BOCHS          "bochs-3.0"

static struct audit_trial trial;

/* --- What is expected ------------------------------------------------------------------------- */

static const struct audit_section stages[AUDIT_STAGES] = {{.stage = AUDIT_CONTROLS},
                                                          {.stage = AUDIT_HOST},
                                                          {.stage = AUDIT_GUEST},
                                                          {.stage = AUDIT_MSR_LOAD}};
static const struct audit_rule certain_rule, model_rule = {.flags = AUDIT_MODEL_SPECIFIC},
                                             either_rule = {.flags = AUDIT_EITHER_ERROR};

static void find(enum audit_stage stage, const struct audit_rule *rule, uint32_t entry)
{
    trial.findings[trial.count++] =
        (struct audit_finding){.rule = rule, .section = &stages[stage], .answer = {.entry = entry}};
}

static void assert_expected(unsigned answers, const char *text)
{
    char words[48];

    assert_int_equal(audit_expected(&trial), answers);
    audit_expected_text(&trial, words, sizeof(words));
    assert_string_equal(words, text);
    for (unsigned answer = 0; answer <= ANSWER_OTHER; answer++) {
        trial.answer = (enum entry_answer)answer;
        assert_int_equal(audit_agrees(&trial), answers >> answer & 1);
    }
    memset(&trial, 0, sizeof(trial));
}

static void the_first_stage_answers(void **state)
{
    (void)state;
    assert_expected(BIT_OF(ENTERED), "entered");
    find(AUDIT_CONTROLS, &certain_rule, 0);
    assert_expected(BIT_OF(CONTROLS), "controls");
    find(AUDIT_HOST, &certain_rule, 0);
    assert_expected(BIT_OF(HOST), "host");
    find(AUDIT_GUEST, &certain_rule, 0);
    assert_expected(BIT_OF(GUEST), "guest");
    find(AUDIT_MSR_LOAD, &certain_rule, 0);
    assert_expected(BIT_OF(MSR_LOAD), "msr-load");
    find(AUDIT_GUEST, &certain_rule, 0);
    find(AUDIT_MSR_LOAD, &certain_rule, 1);
    assert_expected(BIT_OF(GUEST), "guest");
    find(AUDIT_CONTROLS, &certain_rule, 0);
    find(AUDIT_GUEST, &certain_rule, 0);
    assert_expected(BIT_OF(CONTROLS), "controls");
}

static void controls_and_host_are_checked_in_any_order(void **state)
{
    (void)state;
    find(AUDIT_CONTROLS, &certain_rule, 0);
    find(AUDIT_HOST, &certain_rule, 0);
    find(AUDIT_GUEST, &certain_rule, 0);
    assert_expected(BIT_OF(CONTROLS) | BIT_OF(HOST), "controls|host");
    find(AUDIT_HOST, &either_rule, 0); /* alone, and yet either */
    assert_expected(BIT_OF(CONTROLS) | BIT_OF(HOST), "controls|host");
    find(AUDIT_HOST, &certain_rule, 0);
    find(AUDIT_HOST, &either_rule, 0);
    assert_expected(BIT_OF(CONTROLS) | BIT_OF(HOST), "controls|host");
}

static void what_may_be_checked_or_not_makes_two(void **state)
{
    (void)state;
    find(AUDIT_GUEST, &model_rule, 0);
    assert_expected(BIT_OF(GUEST) | BIT_OF(ENTERED), "guest|entered");
    find(AUDIT_MSR_LOAD, &model_rule, 0);
    assert_expected(BIT_OF(MSR_LOAD) | BIT_OF(ENTERED), "msr-load|entered");
    find(AUDIT_GUEST, &model_rule, 0);
    find(AUDIT_MSR_LOAD, &certain_rule, 0);
    assert_expected(BIT_OF(GUEST) | BIT_OF(MSR_LOAD), "guest|msr-load");
    find(AUDIT_GUEST, &model_rule, 0);
    find(AUDIT_GUEST, &certain_rule, 0); /* one of the stage is certain */
    find(AUDIT_MSR_LOAD, &certain_rule, 0);
    assert_expected(BIT_OF(GUEST), "guest");
    find(AUDIT_CONTROLS, &model_rule, 0);
    find(AUDIT_HOST, &model_rule, 0);
    find(AUDIT_GUEST, &model_rule, 0);
    find(AUDIT_MSR_LOAD, &model_rule, 0);
    assert_expected(BIT_OF(CONTROLS) | BIT_OF(HOST) | BIT_OF(GUEST) | BIT_OF(MSR_LOAD) |
                        BIT_OF(ENTERED),
                    "controls|host|guest|msr-load|entered");
    find(AUDIT_CONTROLS, &model_rule, 0);
    find(AUDIT_HOST, &certain_rule, 0);
    assert_expected(BIT_OF(CONTROLS) | BIT_OF(HOST), "controls|host");
}

/* Of many findings the first are kept; the number of all is no limit to look at. */
static void more_findings_than_are_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRIAL_FINDINGS; i++) {
        find(AUDIT_GUEST, &certain_rule, 0);
    }
    trial.count = 300;
    assert_expected(BIT_OF(GUEST), "guest");
}

static bool agrees_at(uint64_t detail)
{
    trial.answer = ANSWER_MSR_LOAD;
    trial.detail = detail;
    return audit_agrees(&trial);
}

static void of_an_msr_load_the_entry_counts(void **state)
{
    (void)state;
    find(AUDIT_MSR_LOAD, &certain_rule, 3);
    assert_true(agrees_at(3));
    assert_false(agrees_at(1));
    assert_false(agrees_at(0));
    find(AUDIT_MSR_LOAD, &certain_rule, 2); /* the lowest, in whatever order they are found */
    find(AUDIT_MSR_LOAD, &certain_rule, 9);
    assert_true(agrees_at(2));
    assert_false(agrees_at(3));
    find(AUDIT_MSR_LOAD, &model_rule, 1); /* not certain, so it does not say which */
    assert_true(agrees_at(2));
    assert_false(agrees_at(1) && !agrees_at(2));

    memset(&trial, 0, sizeof(trial));
    find(AUDIT_MSR_LOAD, &model_rule, 1); /* no certain one: any */
    assert_true(agrees_at(1) && agrees_at(7));

    memset(&trial, 0, sizeof(trial));
    find(AUDIT_GUEST, &certain_rule, 0); /* the detail of other answers is their own */
    trial.answer = ANSWER_GUEST;
    trial.detail = 4;
    assert_true(audit_agrees(&trial));
}

static void answers_have_names(void **state)
{
    static const char *const names[] = {"controls", "host",    "guest",
                                        "msr-load", "entered", "other"};
    char small[12];

    (void)state;
    for (unsigned answer = 0; answer <= ANSWER_OTHER; answer++) {
        assert_string_equal(entry_answer_name((enum entry_answer)answer), names[answer]);
    }
    find(AUDIT_CONTROLS, &certain_rule, 0);
    find(AUDIT_HOST, &certain_rule, 0);
    audit_expected_text(&trial, small, sizeof(small));
    assert_int_equal(strncmp(small, "controls|ho", 9), 0);
    assert_true(strlen(small) < sizeof(small));
}

/* --- Known errors: by hand -------------------------------------------------------------------- */

#define MOST_ROWS 200

static const struct known_error *known;
static bool met[MOST_ROWS]; /* rows that excused something, by any test */

static unsigned row_count(void)
{
    unsigned count = 0;

    while (known_errors_at(count) != NULL) {
        count++;
    }
    assert_in_range(count, 10, MOST_ROWS);
    assert_null(known_errors_at(count + 1));
    return count;
}

/* The first row about `rule` that shows; -1: there is none. */
static int row_of(const struct audit_rule *rule)
{
    for (unsigned i = 0; i + 1 < row_count(); i++) {
        const struct known_error *row = known_errors_at(i);

        if (strcmp(row->rule, rule->name) == 0 && (row->shows == NULL || row->shows(&audit))) {
            return (int)i;
        }
    }
    return -1;
}

/* An answer was excused: the row that is told, and one for each finding that is not taken. */
static void mark_met(void)
{
    for (unsigned i = 0; i < row_count(); i++) {
        met[i] |= known_errors_at(i) == known;
    }
    for (unsigned i = 0; i < trial.count; i++) {
        int row = row_of(trial.findings[i].rule);

        met[MAX(row, 0)] |= row >= 0;
    }
}

/* The trial of the state as it is. */
static enum trial_verdict judge(const char *on, enum entry_answer answer)
{
    enum trial_verdict verdict;

    audit_prepare(&audit);
    trial.count = audit_run(&audit, trial.findings, TRIAL_FINDINGS);
    trial.answer = answer;
    trial.detail = answer == ANSWER_MSR_LOAD ? 1 : 0;
    verdict = known_errors_judge(on, &audit, &trial, &known);
    if (verdict == TRIAL_KNOWN) {
        mark_met();
    }
    return verdict;
}

/* Of all answers, `known_answer` is excused by an error about `rule`, `right` says that the error
 * has disappeared, all others are unexpected. Where both are the same, the answer agrees. */
static void assert_error(const char *rule, enum entry_answer right, enum entry_answer known_answer)
{
    for (unsigned i = 0; i <= ANSWER_OTHER; i++) {
        enum entry_answer answer = (enum entry_answer)i;
        enum trial_verdict verdict = judge(BOCHS, answer);
        enum trial_verdict excused = right == known_answer ? TRIAL_AGREES : TRIAL_KNOWN;
        enum trial_verdict wanted = answer == known_answer ? excused
                                    : answer == right      ? TRIAL_DISAPPEARED
                                                           : TRIAL_UNEXPECTED;

        if (verdict != wanted) {
            fail_msg("%s: %s: verdict %d, not %d", rule, entry_answer_name(answer), (int)verdict,
                     (int)wanted);
        }
        assert_non_null(known);
        assert_string_equal(known->rule, rule);
        assert_string_equal(known->machine, BOCHS);
    }
}

/* `right` is the one answer, and no error says otherwise, on whatever machine. */
static void assert_no_error(const char *on, enum entry_answer right)
{
    for (unsigned i = 0; i <= ANSWER_OTHER; i++) {
        enum entry_answer answer = (enum entry_answer)i;
        enum trial_verdict verdict = judge(on, answer);

        if (verdict != (answer == right ? TRIAL_AGREES : TRIAL_UNEXPECTED) || known != NULL) {
            fail_msg("%s: %s: verdict %d (%s)", on, entry_answer_name(answer), (int)verdict,
                     known != NULL ? known->rule : "no error");
        }
    }
}

static void an_emulator_excuses_its_own_errors_alone(void **state)
{
    static const char *const others[] = {"", "bochs-2.7", "bochs-3.0.1", "Bochs-3.0", "qemu-7.2"};

    (void)state;
    audit.value[INDEX_HOST_CR4] |= CR4_CET;
    audit.value[INDEX_HOST_CR0] &= ~CR0_WP;
    assert_only("host.cr4.cet");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_no_error(others[i], ANSWER_HOST);
    }
    assert_error("host.cr4.cet", ANSWER_HOST, ANSWER_ENTERED);
}

static void a_missed_rule_lets_the_next_stage_answer(void **state)
{
    (void)state;
    arm();
    audit.value[INDEX_HOST_CR4] |= CR4_CET;
    audit.value[INDEX_HOST_CR0] &= ~CR0_WP;
    assert_error("host.cr4.cet", ANSWER_HOST, ANSWER_MSR_LOAD);
    audit.value[INDEX_GUEST_TR_AR] = 0x89;
    assert_error("host.cr4.cet", ANSWER_HOST, ANSWER_GUEST);
    /* Where another rule of the stage is broken, both say the same. */
    audit.value[INDEX_HOST_CS_SELECTOR] = 0;
    assert_int_equal(judge(BOCHS, ANSWER_HOST), TRIAL_AGREES);
    assert_int_equal(judge(BOCHS, ANSWER_GUEST), TRIAL_UNEXPECTED);
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
}

/* The prediction is of the entry too. */
static void a_missed_msr_lets_the_next_be_named(void **state)
{
    const uint32_t smm[4] = {0x9B}, base[4] = {MSR_IA32_GS_BASE};

    (void)state;
    arm();
    memcpy(sandbox.bytes + SANDBOX_MSRS, smm, sizeof(smm));
    assert_error("msr.smm", ANSWER_MSR_LOAD, ANSWER_ENTERED);
    memcpy(sandbox.bytes + SANDBOX_MSRS + 16, base, sizeof(base));
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 2;
    assert_int_equal(judge(BOCHS, ANSWER_MSR_LOAD), TRIAL_DISAPPEARED); /* at entry 1 */
    trial.detail = 2;
    assert_int_equal(known_errors_judge(BOCHS, &audit, &trial, &known), TRIAL_KNOWN);
    trial.detail = 3;
    assert_int_equal(known_errors_judge(BOCHS, &audit, &trial, &known), TRIAL_UNEXPECTED);
    trial.detail = 1;
    assert_int_equal(known_errors_judge("", &audit, &trial, &known), TRIAL_AGREES);
}

static void a_rule_may_be_refused_at_another_stage(void **state)
{
    (void)state;
    audit.value[INDEX_ENTRY_CONTROLS] |= ENTRY_SMM;
    audit.value[INDEX_GUEST_INTERRUPTIBILITY] = BIT(2); /* as an entry to SMM wants it */
    assert_int_equal(judge(BOCHS, ANSWER_GUEST), TRIAL_KNOWN);
    assert_string_equal(known->rule, "control.entry.smm");
    assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_DISAPPEARED);
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
    assert_int_equal(judge(BOCHS, ANSWER_MSR_LOAD), TRIAL_UNEXPECTED);
    /* Controls that are wrong besides are refused before. */
    audit.value[INDEX_VPID] = 0;
    assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_AGREES);
    assert_int_equal(judge(BOCHS, ANSWER_GUEST), TRIAL_UNEXPECTED);
}

/* --- Predicates ------------------------------------------------------------------------------- */

static void a_null_ss_in_64_bit_mode(void **state)
{
    (void)state;
    audit.value[INDEX_GUEST_SS_AR] &= ~BIT(7); /* not present */
    audit.value[INDEX_GUEST_SS_SELECTOR] = 0;
    assert_error("guest.ss.present", ANSWER_GUEST, ANSWER_ENTERED);
    audit.value[INDEX_GUEST_SS_SELECTOR] = 0x10;
    assert_no_error(BOCHS, ANSWER_GUEST);
    audit.value[INDEX_GUEST_SS_SELECTOR] = 4; /* of the LDT: not null */
    audit.value[INDEX_SECONDARY_CONTROLS] |= SECONDARY_UNRESTRICTED;
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
    audit.value[INDEX_GUEST_SS_SELECTOR] = 3; /* null at any RPL */
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_KNOWN);
    audit.value[INDEX_GUEST_CS_AR] = 0xC09B; /* compatibility mode */
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
    audit.value[INDEX_GUEST_CS_AR] = 0xA09B;
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_KNOWN);
    audit.value[INDEX_ENTRY_CONTROLS] &= ~(uint64_t)ENTRY_IA32E_GUEST;
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
}

/* Whatever of it is wrong. */
static void a_null_ss_is_not_looked_at(void **state)
{
    static const struct {
        const char *rule;
        uint64_t base, limit, rights;
    } cases[] = {
        {"guest.ss.base.width", BIT(32), UINT32_MAX, 0xC093},
        {"guest.ss.type", 0, UINT32_MAX, 0xC091},
        {"guest.ss.s", 0, UINT32_MAX, 0xC083},
        {"guest.ss.present", 0, UINT32_MAX, 0xC013},
        {"guest.ss.reserved_11_8", 0, UINT32_MAX, 0xC193},
        {"guest.ss.granularity.bytes", 0, 0xFFFFFFFE, 0xC093},
        {"guest.ss.granularity.pages", 0, UINT32_MAX, 0x4093},
        {"guest.ss.reserved_31_17", 0, UINT32_MAX, 0x2C093},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        audit.value[INDEX_GUEST_SS_BASE] = cases[i].base;
        audit.value[INDEX_GUEST_SS_LIMIT] = cases[i].limit;
        audit.value[INDEX_GUEST_SS_AR] = cases[i].rights;
        audit.value[INDEX_GUEST_SS_SELECTOR] = 0;
        assert_error(cases[i].rule, ANSWER_GUEST, ANSWER_ENTERED);
        audit.value[INDEX_GUEST_SS_SELECTOR] = 0x10;
        assert_no_error(BOCHS, ANSWER_GUEST);
    }
}

/* Posted interrupts, with all that they need but for the page of the virtual APIC. */
static void post(bool shadow)
{
    start_again();
    audit.value[INDEX_PRIMARY_CONTROLS] &= ~(uint64_t)PRIMARY_TPR_SHADOW;
    audit.value[INDEX_PRIMARY_CONTROLS] |= shadow ? PRIMARY_TPR_SHADOW : 0;
    audit.value[INDEX_VIRTUAL_APIC_ADDRESS] = SANDBOX_HPA + SANDBOX_ANY;
    audit.value[INDEX_PIN_CONTROLS] |= PIN_EXTERNAL_INTERRUPT | PIN_POSTED_INTERRUPTS;
    audit.value[INDEX_EXIT_CONTROLS] |= EXIT_ACKNOWLEDGE_INTERRUPT;
    audit.value[INDEX_SECONDARY_CONTROLS] |= shadow ? SECONDARY_VIRTUAL_INTERRUPT : 0;
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] = SANDBOX_HPA + SANDBOX_ANY;
    audit.value[INDEX_POSTED_INTERRUPT_VECTOR] = 0xF2;
}

static void posted_interrupts_without_the_tpr_shadow(void **state)
{
    (void)state;
    be_machine(1); /* sapphire_rapids has them */
    post(true);
    assert_no_finding();
    audit.value[INDEX_POSTED_INTERRUPT_VECTOR] = 0x100;
    assert_no_error(BOCHS, ANSWER_CONTROLS);
    post(false);
    assert_only("control.posted.virtual_interrupt");
    assert_error("control.posted.virtual_interrupt", ANSWER_CONTROLS, ANSWER_ENTERED);
    audit.value[INDEX_POSTED_INTERRUPT_VECTOR] = 0x100;
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] |= BIT(63) | 1;
    audit.value[INDEX_EXIT_CONTROLS] &= ~(uint64_t)EXIT_ACKNOWLEDGE_INTERRUPT;
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_KNOWN);
    assert_int_equal(trial.count, 5);
    assert_string_equal(known->rule, trial.findings[0].rule->name);
    assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_DISAPPEARED);
}

/* What no rule refuses: an error without a finding. */
static void a_descriptor_of_64_bytes(void **state)
{
    (void)state;
    be_machine(1);
    post(true);
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] += 0x40;
    assert_no_finding();
    assert_error("control.posted.aligned", ANSWER_ENTERED, ANSWER_CONTROLS);
    assert_no_error("", ANSWER_ENTERED);
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] += 0xC0; /* a multiple of 256 */
    assert_no_error(BOCHS, ANSWER_ENTERED);
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] += 0x41; /* wrong by the SDM too */
    assert_no_error(BOCHS, ANSWER_CONTROLS);
    /* Host state that is refused as well may be looked at before. */
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] -= 1;
    audit.value[INDEX_HOST_CS_SELECTOR] = 0;
    assert_int_equal(judge(BOCHS, ANSWER_HOST), TRIAL_AGREES);
    assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_KNOWN);
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
}

struct area {
    uint8_t address, count;
    const char *rule;
};

static const struct area areas[] = {
    {INDEX_EXIT_MSR_STORE_ADDRESS, INDEX_EXIT_MSR_STORE_COUNT, "control.exit_msr_store.end"},
    {INDEX_EXIT_MSR_LOAD_ADDRESS, INDEX_EXIT_MSR_LOAD_COUNT, "control.exit_msr_load.end"},
    {INDEX_ENTRY_MSR_LOAD_ADDRESS, INDEX_ENTRY_MSR_LOAD_COUNT, "control.entry_msr_load.end"},
};

static void set_area(const struct area *area, uint64_t address, uint32_t count)
{
    start_again();
    audit.value[area->address] = address;
    audit.value[area->count] = count;
}

static void ends_of_areas_by_32_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        const struct area *area = &areas[i];

        /* One entry by 32 bits, though it is 4 GiB more. */
        set_area(area, BIT(machine.can.physical_width) - 16, 0x10000001);
        assert_error(area->rule, ANSWER_CONTROLS, ANSWER_ENTERED);
        /* Two are beyond the width by any count. */
        set_area(area, BIT(machine.can.physical_width) - 16, 0x10000002);
        assert_no_error(BOCHS, ANSWER_CONTROLS);
        /* 4 GiB are none by 32 bits: the end lies below 0. */
        set_area(area, 0, 0x10000000);
        assert_error(area->rule, ANSWER_ENTERED, ANSWER_CONTROLS);
        set_area(area, 0x1000, 0x10000000);
        assert_no_error(BOCHS, ANSWER_ENTERED);
        set_area(area, 0x1000, 0x0FFFFFFF);
        assert_no_error(BOCHS, ANSWER_ENTERED);
        set_area(area, 0, 0); /* there is no area, and no end */
        assert_no_error(BOCHS, ANSWER_ENTERED);
        set_area(area, BIT(63), 0x10000000); /* the width is checked by itself */
        assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_AGREES);
        assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
    }
}

static void a_shadow_stack_that_is_not_canonical(void **state)
{
    (void)state;
    be_machine(RECORDED_MACHINES + MADE_ALL);
    machine.can.linear_width = 48;
    start_again();
    audit.value[INDEX_GUEST_SSP] = BIT(47);
    assert_no_error(BOCHS, ANSWER_ENTERED);
    audit.value[INDEX_ENTRY_CONTROLS] |= ENTRY_LOAD_CET;
    assert_error("guest.ssp.alike", ANSWER_ENTERED, ANSWER_GUEST);
    audit.value[INDEX_GUEST_SSP] = ~UINT64_C(0) << 47;
    assert_no_error(BOCHS, ANSWER_ENTERED);
    audit.value[INDEX_GUEST_SSP] = BIT(63);
    assert_int_equal(judge(BOCHS, ANSWER_GUEST), TRIAL_AGREES);
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);
}

/* A processor with LA57, in 4-level paging. */
static void addresses_are_canonical_by_48_bits(void **state)
{
    (void)state;
    be_machine(1);
    assert_int_equal(audit.linear_width, 57);
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(47);
    assert_no_finding();
    assert_error("canonical addresses", ANSWER_ENTERED, ANSWER_HOST);
    assert_no_error("", ANSWER_ENTERED);
    assert_no_error("bochs-2.7", ANSWER_ENTERED);
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(56); /* by 57 bits neither */
    assert_no_error(BOCHS, ANSWER_HOST);
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(47) - 1;
    assert_no_error(BOCHS, ANSWER_ENTERED);
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(47);
    audit.value[INDEX_VPID] = 0; /* controls or host, by the error; controls, by the SDM */
    assert_int_equal(judge(BOCHS, ANSWER_CONTROLS), TRIAL_AGREES);
    assert_int_equal(judge(BOCHS, ANSWER_HOST), TRIAL_KNOWN);
    assert_int_equal(judge(BOCHS, ANSWER_ENTERED), TRIAL_UNEXPECTED);

    machine.facts.la57 = true; /* 5-level paging: as the SDM says */
    start_again();
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(47);
    assert_no_error(BOCHS, ANSWER_ENTERED);

    be_machine(0); /* 48 bits: what is not canonical, is so for both */
    audit.value[INDEX_HOST_SYSENTER_EIP] = BIT(47);
    assert_no_error(BOCHS, ANSWER_HOST);
}

static void states_that_bochs_does_not_outlive(void **state)
{
    (void)state;
    assert_false(known_errors_deadly(BOCHS, &audit));
    audit.value[INDEX_GUEST_CR0] &= ~CR0_PE;
    assert_true(known_errors_deadly(BOCHS, &audit));
    assert_false(known_errors_deadly("", &audit));
    assert_false(known_errors_deadly("bochs-2.7", &audit));
    audit.value[INDEX_ENTRY_CONTROLS] &= ~(uint64_t)ENTRY_IA32E_GUEST;
    audit_prepare(&audit);
    assert_false(known_errors_deadly(BOCHS, &audit));

    be_machine(1); /* with LA57, which is off */
    assert_false(known_errors_deadly(BOCHS, &audit));
    audit.value[INDEX_GUEST_CR4] |= CR4_LA57;
    assert_true(known_errors_deadly(BOCHS, &audit));
    assert_false(known_errors_deadly("", &audit));
    machine.facts.la57 = true;
    assert_false(known_errors_deadly(BOCHS, &audit));
    audit.value[INDEX_GUEST_CR4] &= ~CR4_LA57;
    assert_true(known_errors_deadly(BOCHS, &audit));
    machine.can.cr4_fixed1 &= ~CR4_LA57; /* which cannot be on at all */
    assert_false(known_errors_deadly(BOCHS, &audit));
}

/* --- The table -------------------------------------------------------------------------------- */

static void rows_are_whole(void **state)
{
    unsigned count = row_count();

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        const struct known_error *row = known_errors_at(i);

        assert_string_equal(row->machine, BOCHS);
        assert_in_range(strlen(row->says), 10, 120);
        assert_in_range(strlen(row->does), 5, 120);
        assert_null(strpbrk(row->says, "\"|=\n"));
        assert_null(strpbrk(row->does, "\"|=\n"));
        if (i == count - 1) {
            assert_string_equal(row->rule, "canonical addresses");
            continue;
        }
        assert_true(row->answer < ANSWER_OTHER);
        assert_true(known_errors_doubt(BOCHS, rule_named(row->rule)));
        assert_false(known_errors_doubt("", rule_named(row->rule)));
        assert_false(known_errors_doubt("bochs-2.7", rule_named(row->rule)));
    }
    assert_false(known_errors_doubt(BOCHS, rule_named("guest.tr.type")));
}

static bool refuses_without_finding(void)
{
    for (unsigned i = 0; i + 1 < row_count(); i++) {
        const struct known_error *row = known_errors_at(i);

        if (row->shows != NULL && row->answer != ANSWER_ENTERED && row->shows(&audit)) {
            return true;
        }
    }
    return false;
}

/* A state with one finding: what the SDM says is right, but where its rule's row says otherwise. */
static void judge_finding(const struct audit_rule *rule, enum audit_stage stage)
{
    enum entry_answer right = (enum entry_answer)stage;
    int row = row_of(rule);

    assert_no_error("bochs-2.7", right);
    if (row >= 0) {
        assert_error(rule->name, right, known_errors_at((unsigned)row)->answer);
    } else if (!refuses_without_finding()) {
        assert_no_error(BOCHS, right);
    }
}

static unsigned judge_mutations(const struct audit_section *section, const struct audit_rule *rule)
{
    unsigned judged = 0;

    for (const audit_step *start = audit_mutation_find(rule->proofs); start != NULL;
         start = audit_mutation_find(start + 1)) {
        const char *missing;

        arm();
        audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = section->stage == AUDIT_MSR_LOAD;
        if (audit_mutate(&audit, start, &sandbox, &missing) && run() == 1 &&
            findings[0].rule->flags == 0 && findings[0].answer.entry < 2) {
            judge_finding(findings[0].rule, findings[0].section->stage);
            judged++;
        }
    }
    return judged;
}

/* On machines of 48 bits, so that the width is no error of its own. */
static void every_mutation_that_one_rule_finds(void **state)
{
    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        unsigned judged = 0;

        machine = audit_machine(number);
        machine.can.linear_width = 48;
        for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
            for (unsigned j = 0; j < audit_sections[i]->count; j++) {
                judged += judge_mutations(audit_sections[i], &audit_sections[i]->rules[j]);
            }
        }
        assert_in_range(judged, 300, 2000);
    }
}

/* The last test: by it or by one before, each row has excused an answer. */
static void every_row_was_met(void **state)
{
    unsigned missed = 0;

    (void)state;
    for (unsigned i = 0; i < row_count(); i++) {
        const struct known_error *row = known_errors_at(i);

        if (!met[i]) {
            print_error("not met: %s, answer %s\n", row->rule, entry_answer_name(row->answer));
            missed++;
        }
    }
    assert_int_equal(missed, 0);
}

static int set_up_trial(void **state)
{
    memset(&trial, 0, sizeof(trial));
    return set_up(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_trial, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_stage_answers),
        TEST(controls_and_host_are_checked_in_any_order),
        TEST(what_may_be_checked_or_not_makes_two),
        TEST(more_findings_than_are_kept),
        TEST(of_an_msr_load_the_entry_counts),
        TEST(answers_have_names),
        TEST(an_emulator_excuses_its_own_errors_alone),
        TEST(a_missed_rule_lets_the_next_stage_answer),
        TEST(a_missed_msr_lets_the_next_be_named),
        TEST(a_rule_may_be_refused_at_another_stage),
        TEST(a_null_ss_in_64_bit_mode),
        TEST(a_null_ss_is_not_looked_at),
        TEST(posted_interrupts_without_the_tpr_shadow),
        TEST(a_descriptor_of_64_bytes),
        TEST(ends_of_areas_by_32_bits),
        TEST(a_shadow_stack_that_is_not_canonical),
        TEST(addresses_are_canonical_by_48_bits),
        TEST(states_that_bochs_does_not_outlive),
        TEST(rows_are_whole),
        TEST(every_mutation_that_one_rule_finds),
        TEST(every_row_was_met),
    };

    return cmocka_run_group_tests_name("audit_compare", tests, NULL, NULL);
}
