/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the auditor with an edge that is easily missed, each looked at from both sides, and what
 * mutations may touch.
 */
#include "tests/unit/audit_fixture.h"

#include "vmx/exit.h"

/* --- Rules with an edge that is easily missed ------------------------------------------------- */

/* RIP's bits 63:N must be alike, an address in SYSENTER_EIP 63:N-1. */
static void rip_need_not_be_canonical(void **state)
{
    static const struct {
        uint64_t address;
        bool rip, canonical;
    } cases[] = {
        {0x00007FFFFFFFFFFF, true, true},   {0x0000800000000000, true, false},
        {0x0000FFFFFFFFFFFF, true, false},  {0x0001000000000000, false, false},
        {0xFFFF800000000000, true, true},   {0xFFFF7FFFFFFFFFFF, true, false},
        {0xFFFF000000000000, true, false},  {0xFFFEFFFFFFFFFFFF, false, false},
        {0x8000000000000000, false, false}, {UINT64_MAX, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start_again();
        audit.value[INDEX_GUEST_RIP] = cases[i].address;
        cases[i].rip ? assert_no_finding() : assert_only("guest.rip.64");
        start_again();
        audit.value[INDEX_GUEST_SYSENTER_EIP] = cases[i].address;
        cases[i].canonical ? assert_no_finding() : assert_only("guest.sysenter_eip.canonical");
    }
    /* Compatibility mode: 32 bits, whatever the width. */
    start_again();
    audit.value[INDEX_GUEST_CS_AR] = 0xC09B;
    audit.value[INDEX_GUEST_RIP] = 0xFFFFFFFF;
    assert_no_finding();
    audit.value[INDEX_GUEST_RIP] = 0x100000000;
    assert_only("guest.rip.32");
}

/* The host's RIP goes by CR4.LA57 of the host to come, other addresses by what the processor can.
 */
static void the_host_rip_goes_by_la57(void **state)
{
    (void)state;
    be_machine(1); /* 57 bits */
    audit.value[INDEX_HOST_RIP] = BIT(47);
    assert_only("host.rip");
    audit.value[INDEX_HOST_CR4] |= CR4_LA57;
    assert_no_finding();
    audit.value[INDEX_HOST_RIP] = BIT(56);
    assert_only("host.rip");
    start_again();
    audit.value[INDEX_HOST_FS_BASE] = BIT(47);
    assert_no_finding();
    audit.value[INDEX_HOST_FS_BASE] = BIT(56);
    assert_only("host.fs.base");
}

/* IA32_VMX_BASIC[48]: addresses in the VMCS have 32 bits; those in CR3 do not care. */
static void addresses_may_be_limited_to_32_bits(void **state)
{
    (void)state;
    be_machine(RECORDED_MACHINES + MADE_32_BIT);
    audit.value[INDEX_IO_BITMAP_A] = 0xFFFFF000;
    assert_no_finding();
    audit.value[INDEX_IO_BITMAP_A] = 0x100000000;
    assert_only("control.io_bitmap_a.width");
    assert_int_equal(findings[0].answer.found, 0x100000000);
    start_again();
    audit.value[INDEX_GUEST_CR3] = audit.value[INDEX_HOST_CR3] = 0x100000000;
    assert_no_finding();
    audit.value[INDEX_EXIT_MSR_STORE_ADDRESS] = 0xFFFFFFF0;
    audit.value[INDEX_EXIT_MSR_STORE_COUNT] = 1;
    assert_no_finding();
    audit.value[INDEX_EXIT_MSR_STORE_COUNT] = 2;
    assert_only("control.exit_msr_store.end");
}

/* Widths as CPUID could give them, which no processor has. */
static void no_width_leads_astray(void **state)
{
    (void)state;
    for (unsigned width = 0; width <= 255; width++) {
        machine.can.physical_width = machine.can.linear_width = width;
        start_again();
        assert_in_range(audit.physical_width, 32, 52);
        assert_in_range(audit.linear_width, 32, 57);
        (void)run();
        for (unsigned i = 0; i < VMCS_FIELDS; i++) {
            audit.value[i] = audit.present[i] ? vmcs_field_mask(vmcs_field_at(i)) : 0;
        }
        (void)run();
    }
}

static void set_event(enum interruption_type type, unsigned vector, bool error_code)
{
    audit.value[INDEX_ENTRY_INTERRUPTION_INFO] =
        INTERRUPTION_VALID | (uint64_t)type << 8 | vector | (error_code ? BIT(11) : 0);
}

/* Without IA32_VMX_BASIC[56] the vector decides whether a hardware exception has an error code,
 * with it the software; in real-address mode there is none. */
static void error_codes_go_by_vector_or_by_choice(void **state)
{
    const uint32_t delivering = 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17;

    (void)state;
    for (unsigned vector = 0; vector < 32; vector++) {
        bool has = delivering >> vector & 1;

        machine.can.basic &= ~VMX_BASIC_ERROR_CODE;
        start_again();
        set_event(INTERRUPTION_HARDWARE_EXCEPTION, vector, true);
        has ? assert_no_finding() : assert_only("control.event.error_code.refused");
        set_event(INTERRUPTION_HARDWARE_EXCEPTION, vector, false);
        has ? assert_only("control.event.error_code.wanted") : assert_no_finding();
        machine.can.basic |= VMX_BASIC_ERROR_CODE;
        start_again();
        set_event(INTERRUPTION_HARDWARE_EXCEPTION, vector, true);
        assert_no_finding();
        set_event(INTERRUPTION_HARDWARE_EXCEPTION, vector, false);
        assert_no_finding();
    }
    set_event(INTERRUPTION_NMI, VECTOR_NMI, true);
    assert_only("control.event.error_code.refused");
    /* An event that is not valid is not looked at. */
    audit.value[INDEX_ENTRY_INTERRUPTION_INFO] = 0x7FFFFFFF;
    audit.value[INDEX_ENTRY_EXCEPTION_ERROR_CODE] = 0xFFFFFFFF;
    audit.value[INDEX_ENTRY_INSTRUCTION_LENGTH] = 0xFFFFFFFF;
    assert_no_finding();
}

/* G = 1 needs bits 11:0 of the limit all 1, G = 0 bits 31:20 all 0: some limits go with neither. */
static void granularity_and_limit_must_fit(void **state)
{
    static const struct {
        uint32_t limit;
        const char *bytes, *pages; /* what G = 0 and G = 1 break, behind "guest.*.granularity." */
    } cases[] = {
        {0, NULL, "bytes"},           {0xFFF, NULL, NULL},
        {0xFFFFE, NULL, "bytes"},     {0xFFFFF, NULL, NULL},
        {0x100000, "pages", "bytes"}, {0x100FFF, "pages", NULL},
        {0xFFFFFFFF, "pages", NULL},  {0xFFFFFFFE, "pages", "bytes"},
        {0x80000FFF, "pages", NULL},
    };
    static const struct {
        const char *name;
        unsigned limit, rights;
    } registers[] = {
        {"cs", INDEX_GUEST_CS_LIMIT, INDEX_GUEST_CS_AR},
        {"ss", INDEX_GUEST_SS_LIMIT, INDEX_GUEST_SS_AR},
        {"es", INDEX_GUEST_ES_LIMIT, INDEX_GUEST_ES_AR},
        {"tr", INDEX_GUEST_TR_LIMIT, INDEX_GUEST_TR_AR},
    };

    (void)state;
    for (size_t r = 0; r < ARRAY_SIZE(registers); r++) {
        for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
            const char *broken = i % 2 == 0 ? cases[i / 2].bytes : cases[i / 2].pages;
            char name[64];

            start_again();
            audit.value[registers[r].limit] = cases[i / 2].limit;
            audit.value[registers[r].rights] &= ~BIT(15);
            audit.value[registers[r].rights] |= i % 2 == 0 ? 0 : BIT(15);
            if (broken == NULL) {
                assert_no_finding();
                continue;
            }
            snprintf(name, sizeof(name), "guest.%s.granularity.%s", registers[r].name, broken);
            assert_only(name);
        }
    }
    /* Of a register that is not usable nobody asks. */
    start_again();
    audit.value[INDEX_GUEST_FS_LIMIT] = 0x100000;
    assert_no_finding();
}

static void set_pdpte(unsigned n, uint64_t value)
{
    memcpy(sandbox.bytes + SANDBOX_PDPT + n * sizeof(value), &value, sizeof(value));
}

/* As the rule's first proof that keeps it makes it: PAE paging, no EPT, CR3 in the sandbox. */
static void use_pdptes_in_memory(void)
{
    const audit_step *start = rule_named("guest.pdptes.memory")->proofs;
    const char *missing;

    while (audit_mutation_kind(start) != STEP_KEEPS) {
        start = audit_mutation_find(start + 1);
    }
    start_again();
    assert_true(audit_mutate(&audit, start, &sandbox, &missing));
}

static void pdptes_without_ept_are_in_memory(void **state)
{
    (void)state;
    use_pdptes_in_memory();
    for (unsigned n = 0; n < 4; n++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

            set_pdpte(n, BIT(bit) | 1);
            reserved ? assert_only("guest.pdptes.memory") : assert_no_finding();
            if (reserved) {
                assert_int_equal(findings[0].answer.found, BIT(bit));
            }
            set_pdpte(n, bit == 0 ? 0 : BIT(bit)); /* not present */
            assert_no_finding();
        }
        set_pdpte(n, 0);
    }
    /* CR3's low bits are none of the address, those above 31 neither: it is 32 bits wide here. */
    set_pdpte(3, 3);
    audit.value[INDEX_GUEST_CR3] |= 0x1F | BIT(32);
    assert_only("guest.pdptes.memory");
    /* At 32-byte steps, not pages. */
    audit.value[INDEX_GUEST_CR3] = SANDBOX_HPA + SANDBOX_PDPT + 32;
    assert_no_finding();
    /* What cannot be read is no finding. */
    audit.value[INDEX_GUEST_CR3] = 0;
    assert_no_finding();
    audit.value[INDEX_GUEST_CR3] = SANDBOX_HPA + SANDBOX_SIZE - 16;
    assert_no_finding();
}

static void an_msr_area_ends_where_it_does(void **state)
{
    static const struct {
        unsigned address, count;
        const char *name;
    } areas[] = {
        {INDEX_EXIT_MSR_STORE_ADDRESS, INDEX_EXIT_MSR_STORE_COUNT, "control.exit_msr_store"},
        {INDEX_EXIT_MSR_LOAD_ADDRESS, INDEX_EXIT_MSR_LOAD_COUNT, "control.exit_msr_load"},
        {INDEX_ENTRY_MSR_LOAD_ADDRESS, INDEX_ENTRY_MSR_LOAD_COUNT, "control.entry_msr_load"},
    };
    static const struct {
        uint64_t address;
        uint32_t count;
        const char *broken;
    } cases[] = {
        {0xFFFFFFFFF0, 1, NULL},
        {0xFFFFFFFFF0, 2, ".end"},
        {0xFFFFFFFFF0, UINT32_MAX, ".end"},
        {0xF000000010, UINT32_MAX, NULL}, /* the last byte is 0xFFFFFFFFFF */
        {0xF000000020, UINT32_MAX, ".end"},
        {0x10000000000, 1, ".width"},
        {0xFFFFFFFFFFFFFFF0, 1, ".width"},
        {0xFFFFFFFFFFFFFFF0, 2, ".width"}, /* whose end is 0x10 */
        {0xFFFFFFFFFFFFFFF0, UINT32_MAX, ".width"},
        {0xFFFFFFFFFFFFFFFF, 0, NULL},
        {8, 1, ".aligned"},
    };

    (void)state;
    for (size_t a = 0; a < ARRAY_SIZE(areas); a++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            char name[64];

            start_again();
            audit.value[areas[a].address] = cases[i].address;
            audit.value[areas[a].count] = cases[i].count;
            if (cases[i].broken == NULL) {
                assert_no_finding();
                continue;
            }
            snprintf(name, sizeof(name), "%s%s", areas[a].name, cases[i].broken);
            assert_only(name);
        }
    }
}

/* Memory that is there everywhere, and always the same MSR entry. */
static uint64_t reads;
static uint64_t entry[2];

static const void *same_everywhere(const struct physical_reader *reader, hpa_t address,
                                   uint64_t length)
{
    (void)reader;
    (void)address;
    reads++;
    return length == sizeof(entry) ? entry : NULL;
}

static const struct physical_reader everywhere = {same_everywhere};

/* A count that no area has is walked no further than the processor promises. */
static void a_huge_count_of_msrs_ends(void **state)
{
    (void)state;
    audit.memory = &everywhere;
    audit.value[INDEX_ENTRY_MSR_LOAD_ADDRESS] = 0;
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = UINT32_MAX;
    entry[0] = 0x174;
    reads = 0;
    machine.can.misc = (machine.can.misc & ~VMX_MISC_MSR_LIST) | FIELD_PUT(VMX_MISC_MSR_LIST, 7);
    assert_no_finding();
    assert_in_range(reads, 4096, 6 * 4096);
    /* The first that is refused ends it, and is numbered from 1. */
    entry[0] = 0xC0000101;
    assert_only("msr.base");
    assert_int_equal(findings[0].answer.entry, 1);
    assert_int_equal(findings[0].answer.found, 0xC0000101);
}

static void the_entry_that_is_refused_is_told(void **state)
{
    (void)state;
    arm();
    memset(sandbox.bytes + SANDBOX_MSRS, 0, PAGE_SIZE);
    put_field(sandbox.bytes + SANDBOX_MSRS, 16 * 4, 4, 0x8FF);
    put_field(sandbox.bytes + SANDBOX_MSRS, 16 * 5, 4, 0x9B);
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 4;
    assert_no_finding();
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 5;
    assert_only("msr.x2apic");
    assert_int_equal(findings[0].answer.entry, 5);
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 6;
    assert_int_equal(run(), 2);
    assert_string_equal(findings[1].rule->name, "msr.smm");
    assert_int_equal(findings[1].answer.entry, 6);
    /* The area leaves what can be read: nobody knows what comes there. */
    audit.value[INDEX_ENTRY_MSR_LOAD_ADDRESS] = SANDBOX_HPA + SANDBOX_SIZE - 16;
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 512;
    assert_no_finding();
}

static void the_link_pointer_is_followed_only_where_it_leads(void **state)
{
    uint64_t page = SANDBOX_HPA + SANDBOX_VMCS;

    (void)state;
    audit.value[INDEX_VMCS_LINK_POINTER] = page;
    assert_no_finding();
    sandbox.bytes[SANDBOX_VMCS] ^= 0xFF;
    assert_only("guest.link.revision");
    audit.value[INDEX_VMCS_LINK_POINTER] = page | 8; /* then nothing of it is read */
    assert_only("guest.link.aligned");
    audit.value[INDEX_VMCS_LINK_POINTER] = page | BIT(40);
    assert_only("guest.link.width");
    audit.value[INDEX_VMCS_LINK_POINTER] = 0; /* not readable */
    assert_no_finding();
    audit.value[INDEX_VMCS_LINK_POINTER] = machine.vmcs;
    assert_only("guest.link.other");
    audit.value[INDEX_VMCS_LINK_POINTER] = UINT64_MAX;
    assert_no_finding();
}

/* --- Mutations -------------------------------------------------------------------------------- */

static void a_control_that_is_missing_is_named(void **state)
{
    const audit_step *start = audit_mutation_find(rule_named("control.pml.ept")->proofs);
    const char *missing = NULL;

    (void)state;
    be_machine(2); /* the old one */
    assert_false(audit_mutate(&audit, start, &sandbox, &missing));
    assert_string_equal(missing, "secondary.pml");
    be_machine(0);
    assert_true(audit_mutate(&audit, start, &sandbox, &missing));
    assert_string_equal(missing, "");
}

/* A value is no wider than its field, and a field that is not there is not changed. */
static void a_mutation_stays_within_the_fields(void **state)
{
    const audit_step wide[] = {STEP_KEEPS,
                               STEP_SET | INDEX_GUEST_CS_SELECTOR << 8 | UINT64_C(0x12345678) << 32,
                               STEP_RAISE | INDEX_GUEST_CS_AR << 8 | UINT64_C(40) << 16, STEP_END};
    const char *missing;
    uint64_t rights = audit.value[INDEX_GUEST_CS_AR];

    (void)state;
    assert_true(audit_mutate(&audit, wide, &sandbox, &missing));
    assert_int_equal(audit.value[INDEX_GUEST_CS_SELECTOR], 0x5678);
    assert_int_equal(audit.value[INDEX_GUEST_CS_AR], rights);
    audit.present[INDEX_GUEST_CS_SELECTOR] = false;
    assert_false(audit_mutate(&audit, wide, &sandbox, &missing));
    assert_string_equal(missing, "");
}

static void a_poke_stays_within_the_sandbox(void **state)
{
    const uint64_t last = SANDBOX_SIZE - 4;
    const audit_step inside[] = {STEP_KEEPS, STEP_POKE | last << 16 | UINT64_C(0x11223344) << 32,
                                 STEP_END};
    const audit_step outside[] = {STEP_KEEPS, STEP_POKE | (last + 1) << 16, STEP_END};
    const audit_step symbol[] = {
        STEP_KEEPS, STEP_POKE_SYMBOL | SYMBOL_VMCS << 16 | (SANDBOX_SIZE - 7) << 32, STEP_END};
    const char *missing;

    (void)state;
    assert_true(audit_mutate(&audit, inside, &sandbox, &missing));
    assert_int_equal(sandbox.bytes[SANDBOX_SIZE - 1], 0x11);
    assert_false(audit_mutate(&audit, outside, &sandbox, &missing));
    assert_false(audit_mutate(&audit, symbol, &sandbox, &missing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_control_that_is_missing_is_named),
        AUDIT_TEST(a_mutation_stays_within_the_fields),
        AUDIT_TEST(a_poke_stays_within_the_sandbox),
        AUDIT_TEST(rip_need_not_be_canonical),
        AUDIT_TEST(the_host_rip_goes_by_la57),
        AUDIT_TEST(addresses_may_be_limited_to_32_bits),
        AUDIT_TEST(no_width_leads_astray),
        AUDIT_TEST(error_codes_go_by_vector_or_by_choice),
        AUDIT_TEST(granularity_and_limit_must_fit),
        AUDIT_TEST(pdptes_without_ept_are_in_memory),
        AUDIT_TEST(an_msr_area_ends_where_it_does),
        AUDIT_TEST(a_huge_count_of_msrs_ends),
        AUDIT_TEST(the_entry_that_is_refused_is_told),
        AUDIT_TEST(the_link_pointer_is_followed_only_where_it_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
