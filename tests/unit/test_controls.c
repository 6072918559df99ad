/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounding of VMX controls through capability MSRs as processors have them, and the names: those of
 * the selftest's table, each on its bit.
 */
#include "vmx/controls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANY_WANTED 2000

/* A processor's values, group by group; 0: it has no such MSR. */
struct processor {
    const char *name;
    uint64_t msrs[CONTROL_GROUPS];
};

static const struct processor processors[] = {
    {"Core 2 (Penryn): no secondary EPT, no TRUE MSRs",
     {0x0000003F00000016, 0xF7F9FFFE0401E172, 0x0000004100000000, 0x0003FFFF00036DFF,
      0x00003FFF000011FF}},
    {"Westmere, TRUE MSRs",
     {0x0000007F00000016, 0xFFF9FFFE04006172, 0x000004FF00000000, 0x007FFFFF00036DFB,
      0x0000FFFF000011FB}},
    {"Haswell, TRUE MSRs",
     {0x0000007F00000016, 0xFFF9FFFE04006172, 0x00007CFF00000000, 0x007FFFFF00036DFB,
      0x0000FFFF000011FB}},
    {"Haswell, the MSRs that know no TRUE",
     {0x0000007F00000016, 0xFFF9FFFE0401E172, 0x00007CFF00000000, 0x007FFFFF00036DFF,
      0x0000FFFF000011FF}},
    {"Skylake, TRUE MSRs",
     {0x0000007F00000016, 0xFFF9FFFE04006172, 0x001FFCFF00000000, 0x01FFFFFF00036DFB,
      0x0003FFFF000011FB}},
    {"Tiger Lake in Bochs 3.0",
     {0x000000FF00000016, 0xFFF9FFFE04006172, 0x02D77FFF00000000, 0xD07FFFFF00036DFB,
      0x0010FFFF000011FB}},
    {"nested in KVM: no CR8 exiting without an APIC, no SMM controls",
     {0x0000007F00000016, 0xF7B9FFFE04006172, 0x00513CEF00000000, 0x007FEFFF00036DFB,
      0x0001D3FF000011FB}},
    {"a processor that offers nothing", {0, 0, 0, 0, 0}},
    {"a processor that offers all",
     {0xFFFFFFFF00000000, 0xFFFFFFFF00000000, 0xFFFFFFFF00000000, 0xFFFFFFFF00000000,
      0xFFFFFFFF00000000}},
};

static struct control_range range_of(const struct processor *processor, unsigned group)
{
    return control_range_decode(processor->msrs[group], "an MSR");
}

static void a_capability_msr_is_two_halves(void **state)
{
    (void)state;
    static const char name[] = "IA32_VMX_TRUE_PROCBASED_CTLS";
    struct control_range range = control_range_decode(0xFFF9FFFE04006172, name);

    assert_int_equal(range.must_be_1, 0x04006172);
    assert_int_equal(range.may_be_1, 0xFFF9FFFE);
    assert_ptr_equal(range.msr, name);
}

/* What VM entry checks: no bit that must be 1 is 0, none that must be 0 is 1. And no more than that
 * is done to what was wanted. */
static void check_rounding(const struct processor *processor, unsigned group, uint32_t wanted)
{
    struct control_range range = range_of(processor, group);
    uint32_t rounded = control_round(range, wanted);
    uint32_t free_bits = range.may_be_1 & ~range.must_be_1;

    if ((rounded & range.must_be_1) != range.must_be_1 || (rounded & ~range.may_be_1) != 0 ||
        (rounded & free_bits) != (wanted & free_bits)) {
        fail_msg("%s, group %u: 0x%x became 0x%x", processor->name, group, wanted, rounded);
    }
    assert_int_equal(control_round(range, rounded), rounded);
}

static void rounding_keeps_what_the_processor_allows(void **state)
{
    (void)state;
    srand(1);
    for (size_t p = 0; p < ARRAY_SIZE(processors); p++) {
        for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
            check_rounding(&processors[p], group, 0);
            check_rounding(&processors[p], group, UINT32_MAX);
            for (unsigned i = 0; i < ANY_WANTED; i++) {
                check_rounding(&processors[p], group, (uint32_t)rand() << 16 ^ (uint32_t)rand());
            }
        }
    }
}

/* As the log of a run in Bochs has them. */
static void rounding_gives_known_values(void **state)
{
    (void)state;
    const struct processor *tigerlake = &processors[5];

    assert_int_equal(
        control_round(range_of(tigerlake, CONTROL_PIN), PIN_EXTERNAL_INTERRUPT | PIN_NMI), 0x1F);
    assert_int_equal(control_round(range_of(tigerlake, CONTROL_PRIMARY),
                                   PRIMARY_HLT | PRIMARY_IO_BITMAP | PRIMARY_MSR_BITMAP |
                                       PRIMARY_SECONDARY | PRIMARY_TSC_OFFSET),
                     0x960061FA);
    assert_int_equal(
        control_round(range_of(tigerlake, CONTROL_ENTRY),
                      ENTRY_IA32E_GUEST | ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER),
        0xD3FF);
    /* Without TRUE MSRs, CR3 accesses exit whether one wants it or not. */
    assert_int_equal(control_round(range_of(&processors[3], CONTROL_PRIMARY), 0), 0x0401E172);
    assert_int_equal(control_round(range_of(&processors[0], CONTROL_SECONDARY), SECONDARY_EPT), 0);
}

/* Bits that Lintel knows no name for could be wanted by nobody, and a report would not show them.
 */
static void every_bit_that_a_processor_lets_choose_has_a_name(void **state)
{
    (void)state;
    for (size_t p = 0; p + 1 < ARRAY_SIZE(processors); p++) {
        for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
            struct control_range range = range_of(&processors[p], group);
            uint32_t choice = range.may_be_1 & ~range.must_be_1;

            for (unsigned bit = 0; bit < 32; bit++) {
                if (choice & UINT32_C(1) << bit && control_name(group, bit) == NULL) {
                    fail_msg("%s: group %u bit %u has no name", processors[p].name, group, bit);
                }
            }
        }
    }
}

static void default1_bits_without_a_meaning_have_no_name(void **state)
{
    (void)state;
    assert_null(control_name(CONTROL_PIN, 1));
    assert_null(control_name(CONTROL_PRIMARY, 1));
    assert_null(control_name(CONTROL_SECONDARY, 29));
    assert_null(control_title(CONTROL_EXIT, 0));
    assert_null(control_title(CONTROL_ENTRY, 31));
    assert_null(control_name(CONTROL_PIN, 32));
    assert_null(control_name(CONTROL_GROUPS, 0));
}

static void names_are_unique_and_begin_with_their_group(void **state)
{
    (void)state;
    static const char *const prefixes[CONTROL_GROUPS] = {
        "pin.", "primary.", "secondary.", "exit.", "entry.", "tertiary.", "exit2."};
    const char *names[CONTROL_GROUPS * 32];
    size_t count = 0;

    for (unsigned i = 0; i < CONTROL_GROUPS * 32; i++) {
        const char *name = control_name(i / 32, i % 32);
        const char *title = control_title(i / 32, i % 32);

        assert_int_equal(name == NULL, title == NULL);
        if (name == NULL) {
            continue;
        }
        assert_memory_equal(name, prefixes[i / 32], strlen(prefixes[i / 32]));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_."), strlen(name));
        for (size_t j = 0; j < count; j++) {
            assert_string_not_equal(names[j], name);
        }
        names[count++] = name;
    }
    assert_true(count > 80);
}

/* The table of controls that the selftest has to show working. */
static void the_names_of_the_selftest_are_there(void **state)
{
    (void)state;
    static const struct {
        enum control_group group;
        unsigned bit;
        const char *name;
    } table[] = {
        {CONTROL_PRIMARY, 2, "primary.interrupt_window"},
        {CONTROL_PRIMARY, 3, "primary.tsc_offset"},
        {CONTROL_PRIMARY, 7, "primary.hlt"},
        {CONTROL_PRIMARY, 9, "primary.invlpg"},
        {CONTROL_PRIMARY, 10, "primary.mwait"},
        {CONTROL_PRIMARY, 11, "primary.rdpmc"},
        {CONTROL_PRIMARY, 12, "primary.rdtsc"},
        {CONTROL_PRIMARY, 15, "primary.cr3_load"},
        {CONTROL_PRIMARY, 16, "primary.cr3_store"},
        {CONTROL_PRIMARY, 19, "primary.cr8_load"},
        {CONTROL_PRIMARY, 20, "primary.cr8_store"},
        {CONTROL_PRIMARY, 21, "primary.tpr_shadow"},
        {CONTROL_PRIMARY, 22, "primary.nmi_window"},
        {CONTROL_PRIMARY, 23, "primary.mov_dr"},
        {CONTROL_PRIMARY, 24, "primary.io_unconditional"},
        {CONTROL_PRIMARY, 25, "primary.io_bitmap"},
        {CONTROL_PRIMARY, 27, "primary.monitor_trap"},
        {CONTROL_PRIMARY, 28, "primary.msr_bitmap"},
        {CONTROL_PRIMARY, 29, "primary.monitor"},
        {CONTROL_PRIMARY, 30, "primary.pause"},
        {CONTROL_PRIMARY, 31, "primary.secondary"},
        {CONTROL_SECONDARY, 0, "secondary.apic_access"},
        {CONTROL_SECONDARY, 1, "secondary.ept"},
        {CONTROL_SECONDARY, 2, "secondary.descriptor_table"},
        {CONTROL_SECONDARY, 3, "secondary.rdtscp"},
        {CONTROL_SECONDARY, 4, "secondary.x2apic"},
        {CONTROL_SECONDARY, 5, "secondary.vpid"},
        {CONTROL_SECONDARY, 6, "secondary.wbinvd"},
        {CONTROL_SECONDARY, 7, "secondary.unrestricted"},
        {CONTROL_SECONDARY, 8, "secondary.apic_register"},
        {CONTROL_SECONDARY, 9, "secondary.virtual_interrupt"},
        {CONTROL_SECONDARY, 10, "secondary.pause_loop"},
        {CONTROL_SECONDARY, 11, "secondary.rdrand"},
        {CONTROL_SECONDARY, 12, "secondary.invpcid"},
        {CONTROL_SECONDARY, 13, "secondary.vmfunc"},
        {CONTROL_SECONDARY, 14, "secondary.vmcs_shadow"},
        {CONTROL_SECONDARY, 15, "secondary.encls"},
        {CONTROL_SECONDARY, 16, "secondary.rdseed"},
        {CONTROL_SECONDARY, 17, "secondary.pml"},
        {CONTROL_SECONDARY, 18, "secondary.ve"},
        {CONTROL_SECONDARY, 19, "secondary.conceal_pt"},
        {CONTROL_SECONDARY, 20, "secondary.xsaves"},
        {CONTROL_SECONDARY, 22, "secondary.mode_based_execute"},
        {CONTROL_SECONDARY, 25, "secondary.tsc_scaling"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *name = control_name(table[i].group, table[i].bit);

        if (name == NULL || strcmp(name, table[i].name) != 0) {
            fail_msg("bit %u: %s, not %s", table[i].bit, name == NULL ? "none" : name,
                     table[i].name);
        }
    }
}

/* SDM vol. 3C, "VM-Exit Controls" and "VM-Entry Controls", bits that are easily shifted by one. */
static void exit_and_entry_bits_stand_where_the_manual_has_them(void **state)
{
    (void)state;
    assert_int_equal(EXIT_SAVE_DEBUG, 1 << 2);
    assert_int_equal(EXIT_HOST_64, 1 << 9);
    assert_int_equal(EXIT_LOAD_PERF_GLOBAL_CTRL, 1 << 12);
    assert_int_equal(EXIT_ACKNOWLEDGE_INTERRUPT, 1 << 15);
    assert_int_equal(EXIT_SAVE_PAT, 1 << 18);
    assert_int_equal(EXIT_LOAD_PAT, 1 << 19);
    assert_int_equal(EXIT_SAVE_EFER, 1 << 20);
    assert_int_equal(EXIT_LOAD_EFER, 1 << 21);
    assert_int_equal(EXIT_SAVE_PREEMPTION_TIMER, 1 << 22);
    assert_int_equal(ENTRY_LOAD_DEBUG, 1 << 2);
    assert_int_equal(ENTRY_IA32E_GUEST, 1 << 9);
    assert_int_equal(ENTRY_LOAD_PERF_GLOBAL_CTRL, 1 << 13);
    assert_int_equal(ENTRY_LOAD_PAT, 1 << 14);
    assert_int_equal(ENTRY_LOAD_EFER, 1 << 15);
    assert_int_equal(ENTRY_LOAD_CET, 1 << 20);
    assert_int_equal(PIN_EXTERNAL_INTERRUPT, 1 << 0);
    assert_int_equal(PIN_NMI, 1 << 3);
    assert_int_equal(PIN_VIRTUAL_NMI, 1 << 5);
    assert_int_equal(PIN_PREEMPTION_TIMER, 1 << 6);
    assert_int_equal(PIN_POSTED_INTERRUPTS, 1 << 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capability_msr_is_two_halves),
        cmocka_unit_test(rounding_keeps_what_the_processor_allows),
        cmocka_unit_test(rounding_gives_known_values),
        cmocka_unit_test(every_bit_that_a_processor_lets_choose_has_a_name),
        cmocka_unit_test(default1_bits_without_a_meaning_have_no_name),
        cmocka_unit_test(names_are_unique_and_begin_with_their_group),
        cmocka_unit_test(the_names_of_the_selftest_are_there),
        cmocka_unit_test(exit_and_entry_bits_stand_where_the_manual_has_them),
    };

    return cmocka_run_group_tests_name("controls", tests, NULL, NULL);
}
