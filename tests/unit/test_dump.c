/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS in words: every field stands in one group, names are the SDM's, and no record is longer
 * than a line of the log.
 */
#include "vmx/dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/fault.h"
#include "kernel/log.h"
#include "vmx/bit_names.h"
#include "vmx/segment.h"

static struct vmx_capabilities can;
static struct audit audit;

/* The dump, a record a line, each as in the log: "dump group=GROUP KEYS\n". */
static char dump[65536];
static size_t dumped;

static void take(void *context, const char *group, const char *keys)
{
    int length = snprintf(dump + dumped, sizeof(dump) - dumped, "dump group=%s%s\n", group, keys);

    assert_ptr_equal(context, &dumped);
    assert_true(length - 1 <= LOG_ROOM);
    dumped += (size_t)length;
    assert_true(dumped < sizeof(dump));
}

static void run(void)
{
    dumped = 0;
    dump[0] = '\0';
    vmcs_dump_text(&audit, take, &dumped);
}

/* A processor that has all fields, each 0. */
static int setup(void **state)
{
    (void)state;
    can = (struct vmx_capabilities){0};
    audit = (struct audit){.can = &can};
    memset(audit.present, true, sizeof(audit.present));
    return 0;
}

static unsigned count(const char *part)
{
    unsigned found = 0;

    for (const char *at = dump; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        found++;
    }
    return found;
}

static void check_says(const char *record)
{
    char line[256];

    snprintf(line, sizeof(line), "dump %s\n", record);
    run();
    if (count(line) != 1) {
        fail_msg("\"%s\" is not in:\n%s", record, dump);
    }
}

#define SAYS(symbol, number, record)                                                               \
    do {                                                                                           \
        audit.value[INDEX_##symbol] = (number);                                                    \
        check_says(record);                                                                        \
    } while (0)

/* --- Completeness --- */

static const char *const parts[SEGMENT_PARTS] = {"selector", "base", "limit", "rights"};
static const char *const names[SEGMENTS] = {"cs", "ss", "ds", "es", "fs", "gs", "ldtr", "tr"};

/* As the dump names a field: by its own name, or as a part of its segment's record. */
static bool is_told(unsigned field)
{
    char part[96];
    unsigned told = 0;
    unsigned long value = audit.value[field];

    for (unsigned segment = 0; segment < SEGMENTS; segment++) {
        for (unsigned i = 0; i < SEGMENT_PARTS; i++) {
            if (segment_field(segment, (enum segment_part)i) != field) {
                continue;
            }
            snprintf(part, sizeof(part), " segment=%s ", names[segment]);
            told += count(part) == 1;
            snprintf(part, sizeof(part), " %s=0x%lx ", parts[i], value);
            return told == 1 && count(part) == 1;
        }
    }
    snprintf(part, sizeof(part), " %s=", vmcs_field_name(vmcs_field_at(field)));
    told = count(part);
    snprintf(part, sizeof(part), " %s=0x%lx", vmcs_field_name(vmcs_field_at(field)), value);
    if (count(part) == 0) {
        snprintf(part, sizeof(part), " %s=%lu", vmcs_field_name(vmcs_field_at(field)), value);
    }
    return told == 1 && count(part) == 1;
}

static void every_field_stands_in_one_group_with_its_value(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        audit.value[i] = 0x1001 + i; /* few bits, so that no names are wrapped */
    }
    run();
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (!is_told(i)) {
            fail_msg("%s is not told once:\n%s", vmcs_field_name(vmcs_field_at(i)), dump);
        }
    }
}

static void an_absent_field_is_left_out(void **state)
{
    (void)state;
    char part[64];

    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        memset(audit.present, true, sizeof(audit.present));
        audit.present[i] = false;
        run();
        snprintf(part, sizeof(part), " %s=", vmcs_field_name(vmcs_field_at(i)));
        assert_int_equal(count(part), 0);
    }
    memset(audit.present, false, sizeof(audit.present));
    run();
    assert_string_equal(dump, "");
}

static void a_segment_that_lacks_a_field_is_told_by_the_others(void **state)
{
    (void)state;
    audit.present[INDEX_GUEST_TR_LIMIT] = false;
    SAYS(GUEST_TR_AR, 0x8B,
         "group=guest-segments guest_tr_selector=0x0 guest_tr_base=0x0 guest_tr_ar=0x8b "
         "guest_gdtr_base=0x0 guest_gdtr_limit=0x0 guest_idtr_base=0x0 guest_idtr_limit=0x0");
    assert_int_equal(count("segment=tr"), 0);
    assert_int_equal(count("segment=ldtr"), 1);
}

static void the_groups_come_in_their_order(void **state)
{
    (void)state;
    static const char *const groups[] = {
        "controls",       "execution",   "exit", "entry",    "guest-registers",
        "guest-segments", "guest-state", "host", "read-only"};
    const char *at = dump;

    run();
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        char head[64];
        int length = snprintf(head, sizeof(head), "dump group=%s ", groups[i]);

        assert_memory_equal(at, head, (size_t)length);
        while (strncmp(at, head, (size_t)length) == 0) {
            at = strchr(at, '\n') + 1;
        }
    }
    assert_string_equal(at, "");
}

/* --- Bits by name --- */

static void check_names(enum bit_names which, uint64_t bits, const char *expected)
{
    char text[256];

    assert_int_equal(bit_names_text(which, bits, 0, text, sizeof(text)), 64);
    assert_string_equal(text, expected);
}

/* Bit numbers as the SDM's chapters on the registers give them. */
static void bits_of_registers_are_named(void **state)
{
    (void)state;
    static const struct {
        enum bit_names which;
        unsigned bit;
        const char *name;
    } bits[] = {
        {NAMES_CR0, 0, "PE"},
        {NAMES_CR0, 5, "NE"},
        {NAMES_CR0, 16, "WP"},
        {NAMES_CR0, 18, "AM"},
        {NAMES_CR0, 29, "NW"},
        {NAMES_CR0, 31, "PG"},
        {NAMES_CR4, 5, "PAE"},
        {NAMES_CR4, 11, "UMIP"},
        {NAMES_CR4, 13, "VMXE"},
        {NAMES_CR4, 14, "SMXE"},
        {NAMES_CR4, 16, "FSGSBASE"},
        {NAMES_CR4, 18, "OSXSAVE"},
        {NAMES_CR4, 23, "CET"},
        {NAMES_CR4, 25, "UINTR"},
        {NAMES_CR4, 28, "LAM_SUP"},
        {NAMES_CR4, 32, "FRED"},
        {NAMES_EFER, 0, "SCE"},
        {NAMES_EFER, 8, "LME"},
        {NAMES_EFER, 11, "NXE"},
        {NAMES_RFLAGS, 0, "CF"},
        {NAMES_RFLAGS, 9, "IF"},
        {NAMES_RFLAGS, 11, "OF"},
        {NAMES_RFLAGS, 14, "NT"},
        {NAMES_RFLAGS, 17, "VM"},
        {NAMES_RFLAGS, 21, "ID"},
        {NAMES_DR7, 9, "GE"},
        {NAMES_DR7, 11, "RTM"},
        {NAMES_DR7, 13, "GD"},
        {NAMES_DEBUGCTL, 1, "BTF"},
        {NAMES_DEBUGCTL, 6, "TR"},
        {NAMES_DEBUGCTL, 15, "RTM_DEBUG"},
        {NAMES_INTERRUPTIBILITY, 3, "blocking-by-NMI"},
        {NAMES_INTERRUPTIBILITY, 4, "enclave-interruption"},
        {NAMES_PENDING_DEBUG, 12, "enabled-breakpoint"},
        {NAMES_PENDING_DEBUG, 14, "BS"},
        {NAMES_PENDING_DEBUG, 16, "RTM"},
        {NAMES_EXCEPTIONS, 14, "#PF"},
        {NAMES_EXCEPTIONS, 21, "#CP"},
        {(enum bit_names)CONTROL_PRIMARY, 31, "secondary"},
        {(enum bit_names)CONTROL_EXIT2, 3, "prematurely_busy"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        check_names(bits[i].which, BIT(bits[i].bit), bits[i].name);
    }
}

static void bits_that_need_no_name_are_known_nevertheless(void **state)
{
    (void)state;
    check_names(NAMES_RFLAGS, 0x2, "");
    assert_int_equal(bit_names_known(NAMES_RFLAGS), 0x3F7FD7);
    assert_int_equal(bit_names_known(NAMES_DR7), 0xFFFF2FFF);
    assert_int_equal(bit_names_known(NAMES_CR0), 0xE005003F);
    assert_int_equal(bit_names_known(NAMES_EXCEPTIONS), 0x3F7DFF); /* not 9 and 15 */
}

static void no_bits_have_no_names(void **state)
{
    (void)state;
    for (unsigned which = 0; which < BIT_NAMES; which++) {
        check_names((enum bit_names)which, 0, "");
    }
}

/* Whole names alone, and from where it stopped all the others. */
static void names_that_do_not_fit_are_left_for_later(void **state)
{
    (void)state;
    char text[9];

    assert_int_equal(bit_names_text(NAMES_CR0, 0x37, 0, text, sizeof(text)), 4);
    assert_string_equal(text, "PE MP EM");
    assert_int_equal(bit_names_text(NAMES_CR0, 0x37, 4, text, sizeof(text)), 64);
    assert_string_equal(text, "ET NE");
    assert_int_equal(bit_names_text(NAMES_CR4, 0x600, 0, text, 4), 10);
    assert_string_equal(text, "OSF");
}

static void controls_that_are_on_are_named(void **state)
{
    (void)state;
    can.range[CONTROL_PIN].must_be_1 = 0x16;
    audit.control[CONTROL_PIN] = 0x1F;
    SAYS(PIN_CONTROLS, 0x1F, "group=controls pin_controls=0x1f on=\"external_interrupt nmi\"");
    audit.control[CONTROL_ENTRY] = 0x200;
    SAYS(ENTRY_CONTROLS, 0x200, "group=controls entry_controls=0x200 on=\"ia32e_guest\"");
}

static void unknown_bits_are_told(void **state)
{
    (void)state;
    can.range[CONTROL_PIN].must_be_1 = 0x16;
    audit.control[CONTROL_PIN] = 0x117;
    SAYS(PIN_CONTROLS, 0x117,
         "group=controls pin_controls=0x117 unknown=0x100 on=\"external_interrupt\"");
    audit.control[CONTROL_TERTIARY] = 2;
    SAYS(TERTIARY_CONTROLS, UINT64_C(1) << 63 | 2,
         "group=controls tertiary_controls=0x8000000000000002 unknown=0x8000000000000000 "
         "on=\"hlat\"");
    SAYS(GUEST_CR4, 0x8020, "group=guest-registers guest_cr4=0x8020 unknown=0x8000 on=\"PAE\"");
    SAYS(GUEST_INTERRUPTIBILITY, 0x20,
         "group=guest-state guest_interruptibility=0x20 unknown=0x20 on=\"\"");
    SAYS(CR4_MASK, 0xA000,
         "group=execution cr4_mask=0xa000 on=\"VMXE\""); /* it owns what it will */
}

/* As audit_prepare() has it: 0 of a group that no other control activates. */
static void controls_that_do_not_act_are_marked(void **state)
{
    (void)state;
    SAYS(SECONDARY_CONTROLS, 2, "group=controls secondary_controls=0x2 acts=no on=\"ept\"");
    audit.control[CONTROL_SECONDARY] = 2;
    check_says("group=controls secondary_controls=0x2 on=\"ept\"");
}

static void bits_that_say_nothing_share_a_record(void **state)
{
    (void)state;
    can.range[CONTROL_PIN].must_be_1 = 0x16;
    audit.control[CONTROL_PIN] = 0x16;
    SAYS(PIN_CONTROLS, 0x16,
         "group=controls pin_controls=0x16 primary_controls=0x0 secondary_controls=0x0 "
         "tertiary_controls=0x0 exit_controls=0x0 secondary_exit_controls=0x0");
    assert_int_equal(count("dump group=controls entry_controls=0x0\n"), 1);
}

static void long_lists_of_names_are_continued(void **state)
{
    (void)state;
    char part[96];

    audit.control[CONTROL_SECONDARY] = 0x02D77FFF;
    audit.value[INDEX_SECONDARY_CONTROLS] = 0x02D77FFF;
    run();
    assert_int_equal(count(" secondary_controls=0x2d77fff on=\""), 2);
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = control_name(CONTROL_SECONDARY, bit);

        if (name != NULL && 0x02D77FFF & BIT(bit)) {
            /* Between blanks or quotes: "encls" is no part of another. */
            unsigned found = 0;
            static const char *const forms[] = {"\"%s ", " %s ", " %s\"", "\"%s\""};

            for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                snprintf(part, sizeof(part), forms[i], strchr(name, '.') + 1);
                found += count(part);
            }
            assert_int_equal(found, 1);
        }
    }
}

/* take() looks at the length of each. */
static void no_record_is_longer_than_a_line(void **state)
{
    (void)state;
    static const uint64_t patterns[] = {UINT64_MAX, UINT64_MAX / 3, UINT64_MAX / 3 * 2,
                                        UINT64_MAX - 0xFFF};

    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        for (unsigned field = 0; field < VMCS_FIELDS; field++) {
            audit.value[field] = patterns[i] & vmcs_field_mask(vmcs_field_at(field));
        }
        run();
        assert_int_equal(count("\""), 2 * (count("=\"")));
    }
}

/* --- Words --- */

static void check_rights(uint64_t rights, const char *expected)
{
    char text[128];

    segment_rights_text(rights, text, sizeof(text));
    assert_string_equal(text, expected);
}

/* SDM vol. 3A, "Code- and Data-Segment Descriptor Types", "System Descriptor Types". */
static void access_rights_are_told(void **state)
{
    (void)state;
    check_rights(0xA09B, "execute/read code, accessed, present, DPL 0, L, G");
    check_rights(0xC0F3, "read/write data, accessed, present, DPL 3, D/B, G");
    check_rights(0x0096, "read/write data, expand-down, present, DPL 0");
    check_rights(0x00B0, "read-only data, present, DPL 1");
    check_rights(0x10DD, "execute-only code, conforming, accessed, present, DPL 2, AVL");
    check_rights(0x008B, "busy 32/64-bit TSS, present, DPL 0");
    check_rights(0x0083, "busy 16-bit TSS, present, DPL 0");
    check_rights(0x0089, "available 32/64-bit TSS, present, DPL 0");
    check_rights(0x0082, "LDT, present, DPL 0");
    check_rights(0x000E, "32/64-bit interrupt gate, not present, DPL 0");
    check_rights(0x0000, "reserved type 0, not present, DPL 0");
    check_rights(0x10000, "unusable");
    check_rights(0x1C0F3, "unusable, read/write data, accessed, present, DPL 3, D/B, G");
    check_rights(0x20393, "read/write data, accessed, present, DPL 0, reserved");
}

static void segments_are_told(void **state)
{
    (void)state;
    audit.value[INDEX_GUEST_TR_SELECTOR] = 0x18;
    audit.value[INDEX_GUEST_TR_BASE] = 0x16B000;
    audit.value[INDEX_GUEST_TR_LIMIT] = 0x67;
    SAYS(GUEST_TR_AR, 0x8B,
         "group=guest-segments segment=tr selector=0x18 base=0x16b000 limit=0x67 rights=0x8b "
         "meaning=\"busy 32/64-bit TSS, present, DPL 0\"");
}

/* Whatever the rights are, nothing is cut: a second record takes what one cannot. */
static void no_segment_is_cut(void **state)
{
    (void)state;
    static const uint64_t longest[] = {0xFFFFFFFF, UINT64_MAX - 0x7FFF};

    audit.value[INDEX_GUEST_LDTR_SELECTOR] = 0xFFFF;
    audit.value[INDEX_GUEST_LDTR_BASE] = longest[1];
    audit.value[INDEX_GUEST_LDTR_LIMIT] = longest[0];
    for (uint64_t rights = 0; rights < 0x20000; rights += 97) {
        char meaning[192];
        char expected[256];

        audit.value[INDEX_GUEST_LDTR_AR] = rights | 0xFFFE0000;
        segment_rights_text(audit.value[INDEX_GUEST_LDTR_AR], meaning, sizeof(meaning));
        snprintf(expected, sizeof(expected), " rights=0x%lx meaning=\"%s\"\n",
                 (unsigned long)audit.value[INDEX_GUEST_LDTR_AR], meaning);
        run();
        assert_int_equal(count(expected), 1);
        assert_int_equal(count("=ldtr selector=0xffff base=0xffffffffffff8000 limit=0xffffffff"),
                         1);
    }
}

static void states_are_told(void **state)
{
    (void)state;
    SAYS(GUEST_ACTIVITY, 0, "group=guest-state guest_activity=0x0 meaning=\"active\"");
    SAYS(GUEST_ACTIVITY, 1, "group=guest-state guest_activity=0x1 meaning=\"HLT\"");
    SAYS(GUEST_ACTIVITY, 2, "group=guest-state guest_activity=0x2 meaning=\"shutdown\"");
    SAYS(GUEST_ACTIVITY, 3, "group=guest-state guest_activity=0x3 meaning=\"wait-for-SIPI\"");
    SAYS(GUEST_ACTIVITY, 4, "group=guest-state guest_activity=0x4 meaning=\"reserved\"");
    SAYS(GUEST_INTERRUPTIBILITY, 9,
         "group=guest-state guest_interruptibility=0x9 on=\"blocking-by-STI blocking-by-NMI\"");
    SAYS(GUEST_PENDING_DEBUG, 0x5001,
         "group=guest-state guest_pending_debug=0x5001 on=\"B0 enabled-breakpoint BS\"");
    SAYS(VMCS_LINK_POINTER, UINT64_MAX,
         "group=guest-state vmcs_link_pointer=0xffffffffffffffff meaning=\"none\"");
    SAYS(GUEST_INTERRUPT_STATUS, 0x3041,
         "group=guest-state guest_interrupt_status=0x3041 meaning=\"requesting 0x41, servicing "
         "0x30\"");
}

static void events_are_told(void **state)
{
    (void)state;
    audit.value[INDEX_ENTRY_EXCEPTION_ERROR_CODE] = 2;
    audit.value[INDEX_ENTRY_INSTRUCTION_LENGTH] = 3;
    SAYS(ENTRY_INTERRUPTION_INFO, 0x80000B0E,
         "group=entry entry_interruption_info=0x80000b0e meaning=\"hardware exception, vector 0xe "
         "#PF, error code 0x2\"");
    SAYS(ENTRY_INTERRUPTION_INFO, 0x80000603,
         "group=entry entry_interruption_info=0x80000603 meaning=\"software exception, vector 0x3 "
         "#BP, instruction length 3\"");
    SAYS(ENTRY_INTERRUPTION_INFO, 0x80000030,
         "group=entry entry_interruption_info=0x80000030 meaning=\"external interrupt, vector "
         "0x30\"");
    SAYS(ENTRY_INTERRUPTION_INFO, 0x80000309,
         "group=entry entry_interruption_info=0x80000309 meaning=\"hardware exception, vector "
         "0x9\"");
    SAYS(ENTRY_INTERRUPTION_INFO, 0x30E,
         "group=entry entry_interruption_info=0x30e meaning=\"not valid\"");
    SAYS(IDT_VECTORING_INFO, 0x80000202,
         "group=read-only idt_vectoring_info=0x80000202 meaning=\"NMI, vector 0x2 NMI\"");
}

static void memory_types_are_told(void **state)
{
    (void)state;
    SAYS(GUEST_PAT, 0x0007040600070406,
         "group=guest-registers guest_pat=0x7040600070406 meaning=\"WB WT UC- UC WB WT UC- UC\"");
    SAYS(HOST_PAT, 0x0105020300000608,
         "group=host host_pat=0x105020300000608 meaning=\"? WB UC UC ? ? WP WC\"");
    SAYS(EPT_POINTER, 0x1FFD205E,
         "group=execution ept_pointer=0x1ffd205e meaning=\"WB, walk length 4, accessed and dirty "
         "flags\"");
    SAYS(EPT_POINTER, 0xD20,
         "group=execution ept_pointer=0xd20 meaning=\"UC, walk length 5, "
         "reserved 0xd00\"");
}

static void the_last_exit_is_told(void **state)
{
    (void)state;
    SAYS(EXIT_REASON, 0x80000021,
         "group=read-only exit_reason=0x80000021 meaning=\"VM-entry failure due to invalid guest "
         "state\"");
    SAYS(EXIT_REASON, 0, "group=read-only exit_reason=0x0 meaning=\"no exit yet\"");
    SAYS(VM_INSTRUCTION_ERROR, 7,
         "group=read-only vm_instruction_error=7 meaning=\"VM entry with invalid control "
         "field(s)\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_field_stands_in_one_group_with_its_value, setup),
        cmocka_unit_test_setup(an_absent_field_is_left_out, setup),
        cmocka_unit_test_setup(a_segment_that_lacks_a_field_is_told_by_the_others, setup),
        cmocka_unit_test_setup(the_groups_come_in_their_order, setup),
        cmocka_unit_test(bits_of_registers_are_named),
        cmocka_unit_test(bits_that_need_no_name_are_known_nevertheless),
        cmocka_unit_test(no_bits_have_no_names),
        cmocka_unit_test(names_that_do_not_fit_are_left_for_later),
        cmocka_unit_test_setup(controls_that_are_on_are_named, setup),
        cmocka_unit_test_setup(unknown_bits_are_told, setup),
        cmocka_unit_test_setup(controls_that_do_not_act_are_marked, setup),
        cmocka_unit_test_setup(bits_that_say_nothing_share_a_record, setup),
        cmocka_unit_test_setup(long_lists_of_names_are_continued, setup),
        cmocka_unit_test_setup(no_record_is_longer_than_a_line, setup),
        cmocka_unit_test(access_rights_are_told),
        cmocka_unit_test_setup(segments_are_told, setup),
        cmocka_unit_test_setup(no_segment_is_cut, setup),
        cmocka_unit_test_setup(states_are_told, setup),
        cmocka_unit_test_setup(events_are_told, setup),
        cmocka_unit_test_setup(memory_types_are_told, setup),
        cmocka_unit_test_setup(the_last_exit_is_told, setup),
    };

    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
