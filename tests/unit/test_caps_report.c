/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability report, from the MSRs of processors as they are: which facts there are, in which
 * order, and what they say.
 */
#include "vmx/caps_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST_RECORDS   400
#define LONGEST_RECORD 150
#define ALL_READABLE   (-1 + (UINT32_C(1) << CAPS_MSRS))
#define AT(msr)        (MSR_IA32_VMX_##msr - CAPS_FIRST_MSR)

struct report {
    char records[MOST_RECORDS][LONGEST_RECORD];
    unsigned count;
};

/* Tiger Lake as Bochs 3.0 has it. */
static const struct caps_facts tigerlake = {
    .vmx = true,
    .has_widths = true,
    .widths = 0x3028,
    .feature_control = 5,
    .feature_control_readable = true,
    .msr =
        {
            [AT(BASIC)] = 0x01D8100000000004,
            [AT(PINBASED_CTLS)] = 0x000000FF00000016,
            [AT(PROCBASED_CTLS)] = 0xFFF9FFFE0401E172,
            [AT(EXIT_CTLS)] = 0xD07FFFFF00036DFF,
            [AT(ENTRY_CTLS)] = 0x0010FFFF000011FF,
            [AT(MISC)] = 0x00000000600401E0,
            [AT(CR0_FIXED0)] = 0x80000021,
            [AT(CR0_FIXED1)] = 0xFFFFFFFF,
            [AT(CR4_FIXED0)] = 0x2000,
            [AT(CR4_FIXED1)] = 0x00F72FFF,
            [AT(VMCS_ENUM)] = 0x50,
            [AT(PROCBASED_CTLS2)] = 0x02D77FFF00000000,
            [AT(EPT_VPID_CAP)] = 0x00000F0106F34141,
            [AT(TRUE_PINBASED_CTLS)] = 0x000000FF00000016,
            [AT(TRUE_PROCBASED_CTLS)] = 0xFFF9FFFE04006172,
            [AT(TRUE_EXIT_CTLS)] = 0xD07FFFFF00036DFB,
            [AT(TRUE_ENTRY_CTLS)] = 0x0010FFFF000011FB,
            [AT(VMFUNC)] = 1,
            [AT(PROCBASED_CTLS3)] = 0,
            [AT(EXIT_CTLS2)] = 8,
        },
    .readable = ALL_READABLE & ~(UINT32_C(1) << AT(PROCBASED_CTLS3)),
};

/* Penryn: secondary controls, but neither EPT nor VPID; no TRUE MSRs. */
static const struct caps_facts penryn = {
    .vmx = true,
    .has_widths = true,
    .widths = 0x3024,
    .feature_control = 1, /* locked off */
    .feature_control_readable = true,
    .msr =
        {
            [AT(BASIC)] = 0x005A08000000000D,
            [AT(PINBASED_CTLS)] = 0x0000003F00000016,
            [AT(PROCBASED_CTLS)] = 0xF7F9FFFE0401E172,
            [AT(EXIT_CTLS)] = 0x0003FFFF00036DFF,
            [AT(ENTRY_CTLS)] = 0x00003FFF000011FF,
            [AT(MISC)] = 0x00000000000403C0,
            [AT(CR0_FIXED0)] = 0x80000021,
            [AT(CR0_FIXED1)] = 0xFFFFFFFF,
            [AT(CR4_FIXED0)] = 0x2000,
            [AT(CR4_FIXED1)] = 0x000467FF,
            [AT(VMCS_ENUM)] = 0x2C,
            [AT(PROCBASED_CTLS2)] = 0x0000004100000000,
        },
    .readable = -1 + (UINT32_C(1) << (AT(PROCBASED_CTLS2) + 1)),
};

/* All MSRs can be read, as 0, and announce nothing. */
static const struct caps_facts zeroes = {.vmx = true, .readable = ALL_READABLE};

/* Not one bit is 0. */
static const struct caps_facts ones = {
    .vmx = true,
    .has_widths = true,
    .widths = UINT32_MAX,
    .feature_control = UINT64_MAX,
    .feature_control_readable = true,
    .msr = {[0 ... CAPS_MSRS - 1] = UINT64_MAX},
    .readable = ALL_READABLE,
};

static const struct caps_facts nothing = {0};

static const struct caps_facts *const all[] = {&tigerlake, &penryn, &zeroes, &ones, &nothing};

static void take(void *context, const char *record)
{
    struct report *report = context;

    assert_in_range(report->count, 0, MOST_RECORDS - 1);
    assert_in_range(strlen(record), 1, LONGEST_RECORD - 1);
    strcpy(report->records[report->count++], record);
}

static struct report *report_of(const struct caps_facts *facts)
{
    struct report *report = test_calloc(1, sizeof(*report));

    caps_report(facts, take, report);
    return report;
}

/* What stands before the first '='. */
static size_t name_length(const char *record)
{
    return strcspn(record, "=");
}

static const char *find(const struct report *report, const char *name)
{
    for (unsigned i = 0; i < report->count; i++) {
        if (name_length(report->records[i]) == strlen(name) &&
            memcmp(report->records[i], name, strlen(name)) == 0) {
            return report->records[i];
        }
    }
    fail_msg("no record %s", name);
    return NULL;
}

/* Each of these records stands in the report. */
static void check_records(const struct caps_facts *facts, const char *const *records, size_t count)
{
    struct report *report = report_of(facts);

    for (size_t i = 0; i < count; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%.*s", (int)name_length(records[i]), records[i]);
        assert_string_equal(find(report, name), records[i]);
    }
    test_free(report);
}

#define CHECK_RECORDS(facts, ...)                                                                  \
    check_records(&(facts), (const char *const[]){__VA_ARGS__},                                    \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Reports line up only if no machine has a fact more or elsewhere. */
static void every_processor_gets_the_same_facts_in_the_same_order(void **state)
{
    (void)state;
    struct report *first = report_of(all[0]);

    assert_true(first->count > 200);
    for (size_t i = 1; i < ARRAY_SIZE(all); i++) {
        struct report *report = report_of(all[i]);

        assert_int_equal(report->count, first->count);
        for (unsigned j = 0; j < first->count; j++) {
            size_t length = name_length(first->records[j]) + 1;

            assert_memory_equal(report->records[j], first->records[j], length);
        }
        test_free(report);
    }
    test_free(first);
}

static void no_fact_comes_twice(void **state)
{
    (void)state;
    struct report *report = report_of(&tigerlake);

    for (unsigned i = 0; i < report->count; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%.*s", (int)name_length(report->records[i]),
                 report->records[i]);
        assert_ptr_equal(find(report, name), report->records[i]);
        assert_non_null(strchr(name, '.'));
    }
    test_free(report);
}

/* NAME=VALUE and then its source, and no more than that: a record is one fact. */
static void a_record_has_a_value_and_a_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct report *report = report_of(all[i]);

        for (unsigned j = 0; j < report->count; j++) {
            const char *record = report->records[j];
            unsigned equals = 0, blanks = 0;

            for (const char *c = record; *c != '\0'; c++) {
                assert_in_range(*c, ' ', '~');
                equals += *c == '=';
                blanks += *c == ' ';
            }
            assert_in_range(blanks, 1, 2);
            assert_int_equal(equals, blanks + 1);
            assert_true(strstr(record, " msr=0x") != NULL || strstr(record, " cpuid=0x") != NULL);
        }
        test_free(report);
    }
}

static void all_controls_are_in_it(void **state)
{
    (void)state;
    struct report *report = report_of(&tigerlake);

    for (unsigned i = 0; i < CONTROL_GROUPS * 32; i++) {
        if (control_name(i / 32, i % 32) != NULL) {
            const char *record = find(report, control_name(i / 32, i % 32));
            char bit[12];

            snprintf(bit, sizeof(bit), " bit=%u", i % 32);
            assert_string_equal(strrchr(record, ' '), bit);
        }
    }
    test_free(report);
}

static void a_new_processor_is_told(void **state)
{
    (void)state;
    CHECK_RECORDS(
        tigerlake, "vtx.cpuid=yes cpuid=0x1 bit=5", "vtx.firmware=on msr=0x3a bits=2:0",
        "feature_control.vmx_outside_smx=yes msr=0x3a bit=2",
        "width.physical=40 cpuid=0x80000008 bits=7:0", "width.linear=48 cpuid=0x80000008 bits=15:8",
        "basic.revision=0x4 msr=0x480 bits=30:0",
        "basic.region_size=4096-bytes msr=0x480 bits=44:32",
        "basic.addresses_32_bit=no msr=0x480 bit=48", "basic.memory_type=wb msr=0x480 bits=53:50",
        "basic.true_controls=yes msr=0x480 bit=55", "basic.any_error_code=yes msr=0x480 bit=56",
        "pin.posted_interrupts=may-be-1 msr=0x48d bit=7", "pin.reserved_1=0x16 msr=0x48d",
        "pin.unknown=0x0 msr=0x48d", "primary.cr3_load=may-be-1 msr=0x48e bit=15",
        "primary.tertiary=must-be-0 msr=0x48e bit=17", "secondary.pml=may-be-1 msr=0x48b bit=17",
        "secondary.encls=must-be-0 msr=0x48b bit=15", "exit.save_debug=may-be-1 msr=0x48f bit=2",
        "tertiary.hlat=absent msr=0x492 bit=1", "tertiary.unknown=absent msr=0x492",
        "exit2.prematurely_busy=may-be-1 msr=0x493 bit=3",
        "exit2.save_fred=must-be-0 msr=0x493 bit=0", "ept.execute_only=yes msr=0x48c bit=0",
        "ept.walk_5=no msr=0x48c bit=7", "ept.accessed_dirty=yes msr=0x48c bit=21",
        "ept.hlat_prefix=0 msr=0x48c bits=53:48", "vpid.keep_globals=yes msr=0x48c bit=43",
        "vmfunc.eptp_switching=yes msr=0x491 bit=0", "cr0.ne=must-be-1 msr=0x486-0x487 bit=5",
        "cr4.vmxe=must-be-1 msr=0x488-0x489 bit=13", "cr4.la57=must-be-0 msr=0x488-0x489 bit=12",
        "cr4.cet=may-be-1 msr=0x488-0x489 bit=23", "misc.cr3_targets=4 msr=0x485 bits=24:16",
        "misc.msr_list=512 msr=0x485 bits=27:25", "misc.length_0=yes msr=0x485 bit=30",
        "vmcs_enum.highest_index=40 msr=0x48a bits=9:1",
        "raw.IA32_VMX_PROCBASED_CTLS2=0x2d77fff00000000 msr=0x48b",
        "raw.IA32_VMX_PROCBASED_CTLS3=absent msr=0x492");
}

/* Without TRUE MSRs the others are read, where CR3 accesses must exit. */
static void an_old_processor_is_told(void **state)
{
    (void)state;
    CHECK_RECORDS(
        penryn, "vtx.firmware=locked-off msr=0x3a bits=2:0",
        "basic.true_controls=no msr=0x480 bit=55",
        "basic.region_size=2048-bytes msr=0x480 bits=44:32",
        "primary.cr3_load=must-be-1 msr=0x482 bit=15", "exit.save_debug=must-be-1 msr=0x483 bit=2",
        "secondary.ept=must-be-0 msr=0x48b bit=1", "secondary.wbinvd=may-be-1 msr=0x48b bit=6",
        "exit2.load_fred=absent msr=0x493 bit=1", "ept.walk_4=absent msr=0x48c bit=6",
        "vpid.invvpid=absent msr=0x48c bit=32", "ept.unknown=absent msr=0x48c",
        "vmfunc.eptp_switching=absent msr=0x491 bit=0", "cr4.smxe=may-be-1 msr=0x488-0x489 bit=14",
        "misc.shutdown=yes msr=0x485 bit=7", "raw.IA32_VMX_TRUE_PINBASED_CTLS=absent msr=0x48d");
}

/* A hypervisor may let MSRs be read as 0 that are not there; that is no "must be 0". */
static void what_is_not_announced_is_absent_and_its_raw_value_is_told(void **state)
{
    (void)state;
    CHECK_RECORDS(zeroes, "vtx.firmware=absent msr=0x3a bits=2:0",
                  "width.physical=absent cpuid=0x80000008 bits=7:0",
                  "pin.nmi=must-be-0 msr=0x481 bit=3", "secondary.ept=absent msr=0x48b bit=1",
                  "ept.walk_4=absent msr=0x48c bit=6", "basic.memory_type=uc msr=0x480 bits=53:50",
                  "raw.IA32_VMX_PROCBASED_CTLS2=0x0 msr=0x48b",
                  "raw.IA32_VMX_TRUE_EXIT_CTLS=0x0 msr=0x48f");
}

/* And the other way round: announced, but a fault. */
static void what_is_announced_and_cannot_be_read_is_absent(void **state)
{
    (void)state;
    struct caps_facts facts = tigerlake;

    facts.readable &= ~(UINT32_C(1) << AT(EPT_VPID_CAP) | UINT32_C(1) << AT(TRUE_PINBASED_CTLS) |
                        UINT32_C(1) << AT(CR0_FIXED1));
    CHECK_RECORDS(
        facts, "ept.walk_4=absent msr=0x48c bit=6", "pin.nmi=may-be-1 msr=0x481 bit=3",
        "cr0.pe=absent msr=0x486-0x487 bit=0", "cr4.vmxe=must-be-1 msr=0x488-0x489 bit=13",
        "raw.IA32_VMX_CR0_FIXED0=0x80000021 msr=0x486", "raw.IA32_VMX_CR0_FIXED1=absent msr=0x487");
}

static void vpid_alone_brings_its_register(void **state)
{
    (void)state;
    struct caps_facts facts = tigerlake;

    facts.msr[AT(PROCBASED_CTLS2)] = (uint64_t)SECONDARY_VPID << 32;
    CHECK_RECORDS(facts, "vpid.invvpid=yes msr=0x48c bit=32",
                  "vmfunc.eptp_switching=absent msr=0x491 bit=0");
}

/* Without VT-x nothing is known but the widths. */
static void without_vtx_all_is_absent(void **state)
{
    (void)state;
    struct report *report = report_of(&nothing);

    assert_string_equal(report->records[0], "vtx.cpuid=no cpuid=0x1 bit=5");
    for (unsigned i = 1; i < report->count; i++) {
        assert_memory_equal(report->records[i] + name_length(report->records[i]), "=absent ", 8);
    }
    test_free(report);
}

static void the_firmwares_word_is_told(void **state)
{
    (void)state;
    static const struct {
        uint64_t control;
        const char *record;
    } table[] = {
        {0, "vtx.firmware=undecided msr=0x3a bits=2:0"},
        {4, "vtx.firmware=undecided msr=0x3a bits=2:0"},
        {1, "vtx.firmware=locked-off msr=0x3a bits=2:0"},
        {3, "vtx.firmware=locked-off msr=0x3a bits=2:0"}, /* within SMX operation alone */
        {5, "vtx.firmware=on msr=0x3a bits=2:0"},
        {0x1FF07, "vtx.firmware=on msr=0x3a bits=2:0"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct caps_facts facts = tigerlake;

        facts.feature_control = table[i].control;
        CHECK_RECORDS(facts, table[i].record);
    }
}

/* Bits without a name are told as a mask: those that are 1 anyway, and those that may be. */
static void bits_without_a_name_are_not_lost(void **state)
{
    (void)state;
    struct caps_facts facts = tigerlake;

    facts.msr[AT(TRUE_PINBASED_CTLS)] = 0xA00001FF00000116;
    facts.msr[AT(PROCBASED_CTLS2)] |= BIT(32 + 29);
    facts.msr[AT(EXIT_CTLS2)] = BIT(63) | BIT(4) | BIT(3);
    facts.msr[AT(BASIC)] |= BIT(63) | BIT(57) | BIT(31);
    facts.msr[AT(CR4_FIXED1)] |= BIT(15) | BIT(40);
    facts.msr[AT(VMFUNC)] = BIT(1);
    facts.msr[AT(MISC)] |= BIT(31) | BIT(9);
    facts.feature_control |= BIT(21);
    CHECK_RECORDS(
        facts, "pin.reserved_1=0x116 msr=0x48d", "pin.unknown=0xa0000000 msr=0x48d",
        "secondary.unknown=0x20000000 msr=0x48b", "secondary.reserved_1=0x0 msr=0x48b",
        "exit2.unknown=0x8000000000000010 msr=0x493", "basic.unknown=0x8200000080000000 msr=0x480",
        "cr0.unknown=0x1ffaffc0 msr=0x486-0x487", "cr4.unknown=0x10000008000 msr=0x488-0x489",
        "vmfunc.eptp_switching=no msr=0x491 bit=0", "vmfunc.unknown=0x2 msr=0x491",
        "misc.unknown=0x80000200 msr=0x485", "feature_control.unknown=0x200000 msr=0x3a");
}

/* A processor that says that a bit must be 1 and must be 0 is reported as it is. */
static void a_contradiction_is_told_as_one(void **state)
{
    (void)state;
    struct caps_facts facts = tigerlake;

    facts.msr[AT(TRUE_PROCBASED_CTLS)] = PRIMARY_HLT;
    CHECK_RECORDS(facts, "primary.hlt=contradiction msr=0x48e bit=7",
                  "primary.invlpg=must-be-0 msr=0x48e bit=9");
}

/* SDM vol. 3D, appendix "VMX Capability Reporting Facility": those that no other test pins. */
static void bits_stand_where_the_manual_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *name, *source;
    } table[] = {
        {"feature_control.lock", " msr=0x3a bit=0"},
        {"feature_control.vmx_in_smx", " msr=0x3a bit=1"},
        {"feature_control.vmx_outside_smx", " msr=0x3a bit=2"},
        {"feature_control.senter_local", " msr=0x3a bits=14:8"},
        {"feature_control.senter", " msr=0x3a bit=15"},
        {"feature_control.sgx_launch", " msr=0x3a bit=17"},
        {"feature_control.sgx", " msr=0x3a bit=18"},
        {"feature_control.lmce", " msr=0x3a bit=20"},
        {"basic.dual_monitor", " msr=0x480 bit=49"},
        {"basic.io_information", " msr=0x480 bit=54"},
        {"basic.nested_exception", " msr=0x480 bit=58"},
        {"ept.walk_4", " msr=0x48c bit=6"},
        {"ept.tables_uc", " msr=0x48c bit=8"},
        {"ept.tables_wb", " msr=0x48c bit=14"},
        {"ept.page_2m", " msr=0x48c bit=16"},
        {"ept.page_1g", " msr=0x48c bit=17"},
        {"ept.invept", " msr=0x48c bit=20"},
        {"ept.exit_information", " msr=0x48c bit=22"},
        {"ept.shadow_stack", " msr=0x48c bit=23"},
        {"ept.invept_single", " msr=0x48c bit=25"},
        {"ept.invept_all", " msr=0x48c bit=26"},
        {"vpid.invvpid", " msr=0x48c bit=32"},
        {"vpid.address", " msr=0x48c bit=40"},
        {"vpid.single_context", " msr=0x48c bit=41"},
        {"vpid.all_contexts", " msr=0x48c bit=42"},
        {"cr0.pe", " msr=0x486-0x487 bit=0"},
        {"cr0.mp", " msr=0x486-0x487 bit=1"},
        {"cr0.em", " msr=0x486-0x487 bit=2"},
        {"cr0.ts", " msr=0x486-0x487 bit=3"},
        {"cr0.et", " msr=0x486-0x487 bit=4"},
        {"cr0.wp", " msr=0x486-0x487 bit=16"},
        {"cr0.am", " msr=0x486-0x487 bit=18"},
        {"cr0.nw", " msr=0x486-0x487 bit=29"},
        {"cr0.cd", " msr=0x486-0x487 bit=30"},
        {"cr0.pg", " msr=0x486-0x487 bit=31"},
        {"cr4.vme", " msr=0x488-0x489 bit=0"},
        {"cr4.pae", " msr=0x488-0x489 bit=5"},
        {"cr4.osxmmexcpt", " msr=0x488-0x489 bit=10"},
        {"cr4.umip", " msr=0x488-0x489 bit=11"},
        {"cr4.fsgsbase", " msr=0x488-0x489 bit=16"},
        {"cr4.osxsave", " msr=0x488-0x489 bit=18"},
        {"cr4.kl", " msr=0x488-0x489 bit=19"},
        {"cr4.pks", " msr=0x488-0x489 bit=24"},
        {"cr4.uintr", " msr=0x488-0x489 bit=25"},
        {"cr4.lass", " msr=0x488-0x489 bit=27"},
        {"cr4.lam_sup", " msr=0x488-0x489 bit=28"},
        {"cr4.fred", " msr=0x488-0x489 bit=32"},
        {"misc.timer_rate", " msr=0x485 bits=4:0"},
        {"misc.stores_lma", " msr=0x485 bit=5"},
        {"misc.hlt", " msr=0x485 bit=6"},
        {"misc.shutdown", " msr=0x485 bit=7"},
        {"misc.wait_for_sipi", " msr=0x485 bit=8"},
        {"misc.pt", " msr=0x485 bit=14"},
        {"misc.rdmsr_smbase", " msr=0x485 bit=15"},
        {"misc.smi_blocking", " msr=0x485 bit=28"},
        {"misc.vmwrite_any", " msr=0x485 bit=29"},
    };
    struct report *report = report_of(&tigerlake);

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *record = find(report, table[i].name);

        assert_string_equal(strchr(record, ' '), table[i].source);
    }
    test_free(report);
}

static void the_largest_values_fit(void **state)
{
    (void)state;
    CHECK_RECORDS(
        ones, "width.physical=255 cpuid=0x80000008 bits=7:0",
        "basic.revision=0x7fffffff msr=0x480 bits=30:0",
        "basic.region_size=8191-bytes msr=0x480 bits=44:32",
        "basic.memory_type=0xf msr=0x480 bits=53:50", "misc.msr_list=4096 msr=0x485 bits=27:25",
        "misc.mseg_revision=0xffffffff msr=0x485 bits=63:32",
        "ept.hlat_prefix=63 msr=0x48c bits=53:48", "tertiary.spec_ctrl=may-be-1 msr=0x492 bit=7",
        "tertiary.unknown=0xffffffffffffff20 msr=0x492", "secondary.pml=must-be-1 msr=0x48b bit=17",
        "raw.IA32_VMX_BASIC=0xffffffffffffffff msr=0x480");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_processor_gets_the_same_facts_in_the_same_order),
        cmocka_unit_test(no_fact_comes_twice),
        cmocka_unit_test(a_record_has_a_value_and_a_source),
        cmocka_unit_test(all_controls_are_in_it),
        cmocka_unit_test(a_new_processor_is_told),
        cmocka_unit_test(an_old_processor_is_told),
        cmocka_unit_test(what_is_not_announced_is_absent_and_its_raw_value_is_told),
        cmocka_unit_test(what_is_announced_and_cannot_be_read_is_absent),
        cmocka_unit_test(vpid_alone_brings_its_register),
        cmocka_unit_test(without_vtx_all_is_absent),
        cmocka_unit_test(the_firmwares_word_is_told),
        cmocka_unit_test(bits_without_a_name_are_not_lost),
        cmocka_unit_test(a_contradiction_is_told_as_one),
        cmocka_unit_test(bits_stand_where_the_manual_has_them),
        cmocka_unit_test(the_largest_values_fit),
    };

    return cmocka_run_group_tests_name("caps_report", tests, NULL, NULL);
}
