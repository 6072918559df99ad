/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random states: repeatable, of every field, and harmless. What is harmless is told here a second
 * time, by lists of its own.
 */
#include "selftest/audit_mutator.h"

#include "selftest/known_errors.h"
#include "tests/unit/audit_fixture.h"
#include "vmx/names.h"

#define STATES 3000 /* a machine, for each name of an emulator */

static struct audit base, before;

/* As the selftest's base: the poison, an address in the sandbox for all that is stored to, every
 * field that a mutation may need. */
static void make_base(unsigned number)
{
    static const uint8_t stored[] = {INDEX_VIRTUAL_APIC_ADDRESS, INDEX_POSTED_INTERRUPT_DESCRIPTOR,
                                     INDEX_PML_ADDRESS, INDEX_VE_INFORMATION_ADDRESS};

    be_machine(number);
    arm();
    for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
        if (audit.present[stored[i]]) {
            audit.value[stored[i]] = SANDBOX_HPA + SANDBOX_ANY;
        }
    }
    audit_prepare(&audit);
    base = audit;
    assert_int_equal(run(), 2);
    assert_string_equal(findings[0].rule->name, "msr.base"); /* the poison, and nothing else */
}

/* --- Random numbers and changes --------------------------------------------------------------- */

/* Of SplitMix64 with the seed 1234567, as its authors published them. */
static void the_generator_is_splitmix64(void **state)
{
    static const uint64_t numbers[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                       UINT64_C(9817491932198370423)};
    struct random random = {1234567};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        assert_true(random_next(&random) == numbers[i]);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(random_below(&random, 7) < 7);
    }
    assert_true(random_below(&random, 1) == 0);
}

static void mutate(uint64_t seed)
{
    struct random random = {seed};

    audit_sandbox_fill(&sandbox, &machine.can);
    audit = base;
    audit_mutate_randomly(&audit, &sandbox, &random);
}

static void a_seed_gives_its_state(void **state)
{
    unsigned different = 0;

    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        make_base(number);
        for (uint64_t seed = 0; seed < 300; seed++) {
            mutate(seed);
            audit_make_harmless(&audit, &base, &sandbox, "");
            before = audit;
            mutate(seed);
            audit_make_harmless(&audit, &base, &sandbox, "");
            assert_memory_equal(audit.value, before.value, sizeof(audit.value));
            assert_memory_equal(audit.control, before.control, sizeof(audit.control));
            mutate(seed + 1000);
            different += memcmp(audit.value, before.value, sizeof(audit.value)) != 0;
        }
    }
    assert_in_range(different, AUDIT_MACHINES * 290, AUDIT_MACHINES * 300);
}

/* A change keeps to what can be written: fields that are there, with the bits that they have. */
static void check_change(void)
{
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        struct vmcs_field field = vmcs_field_at(i);

        if (audit.value[i] == base.value[i]) {
            continue;
        }
        if (!audit.present[i] || vmcs_kind(field) == VMCS_READ_ONLY ||
            audit.value[i] & ~vmcs_field_mask(field)) {
            fail_msg("%s: %s: 0x%lx", machine.name, vmcs_field_name(field),
                     (unsigned long)audit.value[i]);
        }
    }
    assert_memory_equal(audit.present, base.present, sizeof(audit.present));
    assert_ptr_equal(audit.can, base.can);
    assert_ptr_equal(audit.memory, base.memory);
    before = audit;
    audit_prepare(&audit); /* it was */
    assert_memory_equal(&audit, &before, sizeof(audit));
}

static void changes_can_be_written(void **state)
{
    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        bool changed[VMCS_FIELDS] = {false};
        unsigned accepted = 0;

        make_base(number);
        for (uint64_t seed = 0; seed < STATES; seed++) {
            mutate(seed);
            check_change();
            for (unsigned i = 0; i < VMCS_FIELDS; i++) {
                changed[i] |= audit.value[i] != base.value[i];
            }
            accepted += audit_run(&audit, NULL, 0) == 2;
        }
        /* All that can be are, and some of it is accepted up to the poison. */
        for (unsigned i = 0; i < VMCS_FIELDS; i++) {
            bool can = base.present[i] && vmcs_kind(vmcs_field_at(i)) != VMCS_READ_ONLY;

            if (changed[i] != can) {
                fail_msg("%s: %s: changed %d", machine.name, vmcs_field_name(vmcs_field_at(i)),
                         changed[i]);
            }
        }
        assert_in_range(accepted, STATES / 10, STATES * 9 / 10);
    }
}

/* Guests of other modes are among them, where the machine has them. */
static void other_modes_are_tried(void **state)
{
    unsigned long_mode = 0, v86 = 0, unpaged = 0;

    (void)state;
    make_base(0);
    for (uint64_t seed = 0; seed < STATES; seed++) {
        mutate(seed);
        long_mode += audit.ia32e_guest;
        v86 += audit.v86;
        unpaged += !(audit.value[INDEX_GUEST_CR0] & CR0_PG);
    }
    assert_in_range(long_mode, STATES / 2, STATES * 9 / 10);
    assert_in_range(v86, STATES / 50, STATES / 5);
    assert_in_range(unpaged, STATES / 20, STATES / 3);
}

/* --- Harmless --------------------------------------------------------------------------------- */

/* Whether the processor may go on to the guest's state: a rule of the stages before is broken only
 * where `on` may not check it. Here by the findings, not by single rules. */
static bool may_pass(const char *on)
{
    static struct audit_finding all[400];
    unsigned count = audit_run(&audit, all, ARRAY_SIZE(all));

    assert_true(count <= ARRAY_SIZE(all));
    for (unsigned i = 0; i < count; i++) {
        if (all[i].section->stage <= AUDIT_HOST && !known_errors_doubt(on, all[i].rule)) {
            return false;
        }
    }
    return true;
}

/* What a host may lose: it does not use these, or it loads them again. */
static bool may_change(unsigned field)
{
    static const char *const spare[] = {
        "host_es_selector", "host_ds_selector", "host_fs_selector",      "host_gs_selector",
        "host_fs_base",     "host_sysenter_cs", "host_sysenter_esp",     "host_sysenter_eip",
        "host_ia32_pat",    "host_pat",         "host_perf_global_ctrl", "host_pkrs",
    };

    for (size_t i = 0; i < ARRAY_SIZE(spare); i++) {
        if (strcmp(vmcs_field_name(vmcs_field_at(field)), spare[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_is_base(unsigned field)
{
    if (audit.value[field] != base.value[field]) {
        fail_msg("%s: %s is 0x%lx, not 0x%lx", machine.name, vmcs_field_name(vmcs_field_at(field)),
                 (unsigned long)audit.value[field], (unsigned long)base.value[field]);
    }
}

static void assert_in_sandbox(unsigned field)
{
    if (audit.present[field] && audit.value[field] - SANDBOX_HPA >= SANDBOX_SIZE) {
        fail_msg("%s: %s is 0x%lx, outside the sandbox", machine.name,
                 vmcs_field_name(vmcs_field_at(field)), (unsigned long)audit.value[field]);
    }
}

/* A state that the processor may go on with. */
static void check_harmless(void)
{
    static const uint8_t areas[] = {INDEX_ENTRY_MSR_LOAD_ADDRESS, INDEX_ENTRY_MSR_LOAD_COUNT,
                                    INDEX_EXIT_MSR_LOAD_ADDRESS,  INDEX_EXIT_MSR_LOAD_COUNT,
                                    INDEX_EXIT_MSR_STORE_ADDRESS, INDEX_EXIT_MSR_STORE_COUNT};
    static const uint8_t stored[] = {INDEX_VIRTUAL_APIC_ADDRESS, INDEX_POSTED_INTERRUPT_DESCRIPTOR,
                                     INDEX_PML_ADDRESS, INDEX_VE_INFORMATION_ADDRESS};

    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (vmcs_kind(vmcs_field_at(i)) == VMCS_HOST && !may_change(i)) {
            assert_is_base(i);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        assert_is_base(areas[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
        assert_in_sandbox(stored[i]);
    }
    if (audit.value[INDEX_VMCS_LINK_POINTER] != UINT64_MAX) {
        assert_in_sandbox(INDEX_VMCS_LINK_POINTER);
    }
    if (!(audit.control[CONTROL_SECONDARY] & SECONDARY_EPT)) {
        assert_in_sandbox(INDEX_GUEST_CR3); /* of which PDPTEs may be read */
    }
    assert_true((audit.value[INDEX_GUEST_RTIT_CTL] & BIT(0)) == 0); /* TraceEn: stores a trace */
}

/* The entry area still ends in the poison. */
static void check_poison(void)
{
    unsigned count = audit_run(&audit, findings, MOST);

    assert_in_range(count, 2, MOST);
    assert_string_equal(findings[count - 2].rule->name, "msr.base");
    assert_string_equal(findings[count - 1].rule->name, "msr.reserved");
}

static unsigned try_states(const char *on)
{
    unsigned passing = 0;

    for (uint64_t seed = 0; seed < STATES; seed++) {
        bool passes;

        mutate(seed);
        before = audit;
        passes = may_pass(on);
        audit_make_harmless(&audit, &base, &sandbox, on);
        check_change();
        if (passes) {
            check_harmless();
            check_poison();
            passing++;
            continue;
        }
        for (unsigned i = 0; i < VMCS_FIELDS; i++) {
            assert_true(audit.value[i] == before.value[i]); /* refused: as it is */
        }
    }
    return passing;
}

static void thousands_are_harmless(void **state)
{
    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        unsigned certain, doubted;

        make_base(number);
        certain = try_states("");
        doubted = try_states("bochs-3.0");
        assert_in_range(certain, STATES / 20, STATES);
        assert_in_range(doubted, certain, STATES); /* more may pass there */
        print_message("%s: of %u states, %u pass the host's stage, %u with Bochs's errors\n",
                      machine.name, STATES, certain, doubted);
    }
}

/* Every field with values at its edges, alone: not only what chance brings. */
static void each_field_at_its_edges_is_harmless(void **state)
{
    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        make_base(number);
        for (unsigned i = 0; i < VMCS_FIELDS; i++) {
            uint64_t mask = vmcs_field_mask(vmcs_field_at(i));

            if (!base.present[i] || vmcs_kind(vmcs_field_at(i)) == VMCS_READ_ONLY) {
                continue;
            }
            for (unsigned bit = 0; bit < 64; bit++) {
                audit = base;
                audit.value[i] = (audit.value[i] ^ BIT(bit)) & mask;
                audit_prepare(&audit);
                audit_make_harmless(&audit, &base, &sandbox, "bochs-3.0");
                if (may_pass("bochs-3.0")) {
                    check_harmless();
                    check_poison();
                }
            }
        }
    }
}

/* --- By hand ---------------------------------------------------------------------------------- */

static void make_harmless(const char *on)
{
    audit_prepare(&audit);
    audit_make_harmless(&audit, &base, &sandbox, on);
}

static void addresses_keep_their_place_in_a_page(void **state)
{
    (void)state;
    make_base(1);
    audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] = 0xFEE00340; /* a device's */
    audit.value[INDEX_VIRTUAL_APIC_ADDRESS] = SANDBOX_HPA + 0x3000;
    audit.value[INDEX_PML_ADDRESS] = SANDBOX_HPA + SANDBOX_SIZE; /* just beyond */
    audit.value[INDEX_VE_INFORMATION_ADDRESS] = SANDBOX_HPA - 1;
    audit.value[INDEX_VMCS_LINK_POINTER] = UINT64_MAX - 1;
    make_harmless("");
    assert_true(audit.value[INDEX_POSTED_INTERRUPT_DESCRIPTOR] == SANDBOX_HPA + 0x340);
    assert_true(audit.value[INDEX_VIRTUAL_APIC_ADDRESS] == SANDBOX_HPA + 0x3000);
    assert_true(audit.value[INDEX_PML_ADDRESS] == SANDBOX_HPA);
    assert_true(audit.value[INDEX_VE_INFORMATION_ADDRESS] == SANDBOX_HPA + 0xFFF);
    assert_true(audit.value[INDEX_VMCS_LINK_POINTER] == SANDBOX_HPA + 0xFFE);
    audit.value[INDEX_VMCS_LINK_POINTER] = UINT64_MAX; /* none */
    make_harmless("");
    assert_true(audit.value[INDEX_VMCS_LINK_POINTER] == UINT64_MAX);
}

static void what_is_refused_is_left(void **state)
{
    (void)state;
    make_base(0);
    audit.value[INDEX_HOST_CR3] = 0x1000;
    audit.value[INDEX_VPID] = 0; /* wrong controls: nothing is loaded */
    make_harmless("bochs-3.0");
    assert_true(audit.value[INDEX_HOST_CR3] == 0x1000);
    audit.value[INDEX_VPID] = 1;
    make_harmless("bochs-3.0");
    assert_is_base(INDEX_HOST_CR3);
    audit.value[INDEX_HOST_CR3] = 0x1000;
    audit.value[INDEX_GUEST_TR_AR] = 0; /* the host's state is loaded behind a guest's too */
    make_harmless("");
    assert_is_base(INDEX_HOST_CR3);
}

/* A rule that the emulator does not check saves nothing. */
static void a_doubted_rule_is_not_relied_on(void **state)
{
    (void)state;
    make_base(0);
    audit.value[INDEX_HOST_CR4] |= CR4_CET;
    audit.value[INDEX_HOST_CR0] &= ~CR0_WP;
    make_harmless("");
    assert_true((audit.value[INDEX_HOST_CR0] & CR0_WP) == 0); /* refused */
    make_harmless("bochs-3.0");
    assert_is_base(INDEX_HOST_CR0);
    assert_is_base(INDEX_HOST_CR4);
}

static void what_a_host_does_not_use_may_change(void **state)
{
    (void)state;
    make_base(0);
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (!may_change(i) || !base.present[i]) {
            continue;
        }
        audit = base;
        audit.value[i] ^= vmcs_width(vmcs_field_at(i)) == VMCS_16_BIT ? 0x18 : 0;
        audit.value[i] = i == INDEX_HOST_FS_BASE ? 0x1000 : audit.value[i];
        before = audit;
        make_harmless("");
        assert_true(audit.value[i] == before.value[i]);
    }
    audit = base;
    audit.value[INDEX_HOST_GS_BASE] += 0x1000; /* where the processor's own data is */
    make_harmless("");
    assert_is_base(INDEX_HOST_GS_BASE);
}

/* An entry that loads TraceEn, and fails, leaves the host tracing to wherever its MSRs say. */
static void no_trace_is_begun(void **state)
{
    (void)state;
    make_base(RECORDED_MACHINES + MADE_ALL);
    audit.value[INDEX_ENTRY_CONTROLS] |= ENTRY_LOAD_RTIT_CTL;
    audit.value[INDEX_GUEST_RTIT_CTL] = 0x2001;
    make_harmless("");
    assert_true(audit.value[INDEX_GUEST_RTIT_CTL] == 0x2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(the_generator_is_splitmix64),
        AUDIT_TEST(a_seed_gives_its_state),
        AUDIT_TEST(changes_can_be_written),
        AUDIT_TEST(other_modes_are_tried),
        AUDIT_TEST(thousands_are_harmless),
        AUDIT_TEST(each_field_at_its_edges_is_harmless),
        AUDIT_TEST(addresses_keep_their_place_in_a_page),
        AUDIT_TEST(what_is_refused_is_left),
        AUDIT_TEST(a_doubted_rule_is_not_relied_on),
        AUDIT_TEST(what_a_host_does_not_use_may_change),
        AUDIT_TEST(no_trace_is_begun),
    };

    return cmocka_run_group_tests_name("audit_mutator", tests, NULL, NULL);
}
