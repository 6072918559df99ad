/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits in words, the decoding of qualifications, and which fields a record may show. Numbers are
 * spelled out as SDM vol. 3C, "Basic VM-Exit Information", has them.
 */
#include "vmx/exit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/fault.h"
#include "vmx/qualification.h"

#define INTERRUPTION(type, vector) (0x80000000U | (type) << 8 | (vector))

static void check_text(const struct vmx_exit *exit, const char *expected)
{
    char text[96]; /* as trace.c has it */

    memset(text, '#', sizeof(text));
    exit_text(exit, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void check_qualification(uint32_t reason, uint64_t qualification, const char *expected)
{
    struct vmx_exit exit = {.reason = reason, .qualification = qualification};

    check_text(&exit, expected);
}

static void registers_stand_in_hardware_order(void **state)
{
    (void)state;
    static const char *const names[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                        "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        assert_string_equal(gpr_name(i), names[i]);
    }
}

static void control_register_accesses_are_decoded(void **state)
{
    (void)state;
    struct cr_access access = cr_access_decode(0x0F04); /* MOV to CR4 from R15 */

    assert_int_equal(access.cr, 4);
    assert_int_equal(access.type, CR_WRITE);
    assert_int_equal(access.gpr, 15);
    access = cr_access_decode(0x0413); /* MOV from CR3 to RSP */
    assert_int_equal(access.cr, 3);
    assert_int_equal(access.type, CR_READ);
    assert_int_equal(access.gpr, 4);
    access = cr_access_decode(0x0020);
    assert_int_equal(access.cr, 0);
    assert_int_equal(access.type, CR_CLTS);
    access = cr_access_decode(0xABCD0070); /* LMSW of a word in memory */
    assert_int_equal(access.type, CR_LMSW);
    assert_true(access.lmsw_memory);
    assert_int_equal(access.lmsw_source, 0xABCD);
    assert_false(cr_access_decode(0x00010030).lmsw_memory);
}

static void control_register_accesses_are_told(void **state)
{
    (void)state;
    check_qualification(EXIT_CONTROL_REGISTER, 0x0000, "MOV to CR0 from RAX");
    check_qualification(EXIT_CONTROL_REGISTER, 0x0F04, "MOV to CR4 from R15");
    check_qualification(EXIT_CONTROL_REGISTER, 0x0413, "MOV from CR3 to RSP");
    check_qualification(EXIT_CONTROL_REGISTER, 0x0108, "MOV to CR8 from RCX");
    check_qualification(EXIT_CONTROL_REGISTER, 0x0020, "CLTS");
    check_qualification(EXIT_CONTROL_REGISTER, 0x00010030, "LMSW 0x1");
}

static void port_accesses_are_decoded(void **state)
{
    (void)state;
    struct io_access access = io_access_decode(0x03F80000); /* OUT DX, AL */

    assert_int_equal(access.port, 0x3F8);
    assert_int_equal(access.size, 1);
    assert_false(access.in || access.string || access.rep || access.immediate);
    access = io_access_decode(0xFFFF007B); /* all flags, 4 bytes */
    assert_int_equal(access.port, 0xFFFF);
    assert_int_equal(access.size, 4);
    assert_true(access.in && access.string && access.rep && access.immediate);
    assert_int_equal(io_access_decode(1).size, 2);
}

static void port_accesses_are_told(void **state)
{
    (void)state;
    check_qualification(EXIT_IO_INSTRUCTION, 0x03F80000, "OUT port 0x3f8, 1 byte");
    check_qualification(EXIT_IO_INSTRUCTION, 0x0CF8000B, "IN port 0xcf8, 4 bytes");
    check_qualification(EXIT_IO_INSTRUCTION, 0x00800049, "IN port 0x80, 2 bytes");
    check_qualification(EXIT_IO_INSTRUCTION, 0x03F80010, "OUTS port 0x3f8, 1 byte");
    check_qualification(EXIT_IO_INSTRUCTION, 0x01F00039, "REP INS port 0x1f0, 2 bytes");
}

static void task_switches_are_told(void **state)
{
    (void)state;
    assert_int_equal(task_switch_decode(0x40000028).source, TASK_IRET);
    assert_int_equal(task_switch_decode(0xC000FFF8).selector, 0xFFF8);
    check_qualification(EXIT_TASK_SWITCH, 0x00000028, "task switch by CALL to TSS selector 0x28");
    check_qualification(EXIT_TASK_SWITCH, 0x40000028, "task switch by IRET to TSS selector 0x28");
    check_qualification(EXIT_TASK_SWITCH, 0x80000028, "task switch by JMP to TSS selector 0x28");
    check_qualification(EXIT_TASK_SWITCH, 0xC0000028,
                        "task switch by task gate in the IDT to TSS selector 0x28");
}

static void check_interruption(uint32_t reason, uint32_t interruption, const char *part)
{
    struct vmx_exit exit = {.reason = reason, .interruption = interruption};
    char text[96];

    exit_text(&exit, text, sizeof(text));
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

static void events_are_told(void **state)
{
    (void)state;
    check_interruption(EXIT_EXCEPTION_OR_NMI, INTERRUPTION(2, 2), "NMI, vector 0x2");
    check_interruption(EXIT_EXCEPTION_OR_NMI, INTERRUPTION(3, 14),
                       "hardware exception, vector 0xe #PF");
    check_interruption(EXIT_EXCEPTION_OR_NMI, INTERRUPTION(5, 1),
                       "privileged software exception, vector 0x1 #DB");
    check_interruption(EXIT_EXCEPTION_OR_NMI, INTERRUPTION(6, 3),
                       "software exception, vector 0x3 #BP");
    check_interruption(EXIT_EXTERNAL_INTERRUPT, INTERRUPTION(0, 0xEC),
                       "external interrupt, vector 0xec");
    /* Without "acknowledge interrupt on exit" the field is not valid. */
    check_qualification(EXIT_EXTERNAL_INTERRUPT, 0, "");
}

static void ept_violations_are_told(void **state)
{
    (void)state;
    check_qualification(EXIT_EPT_VIOLATION, 0x182, "write, nothing is mapped");
}

static void reasons_that_say_it_all_have_no_words(void **state)
{
    (void)state;
    static const uint32_t plain[] = {EXIT_VMCALL, EXIT_HLT,     EXIT_TRIPLE_FAULT,
                                     35,          EXIT_REASONS, 0xFFFF};

    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        check_qualification(plain[i], UINT64_MAX, "");
    }
}

/* What the handler told of the instruction. */
static void msrs_and_leaves_are_named(void **state)
{
    (void)state;
    char text[64];
    struct vmx_exit exit = {.reason = EXIT_RDMSR, .subject = 0xC0000080};

    exit_text(&exit, text, sizeof(text));
    assert_string_equal(text, "MSR 0xc0000080");
    exit.reason = EXIT_WRMSR;
    exit_text(&exit, text, sizeof(text));
    assert_string_equal(text, "MSR 0xc0000080");
    exit = (struct vmx_exit){.reason = EXIT_CPUID, .subject = 7};
    exit_text(&exit, text, sizeof(text));
    assert_string_equal(text, "leaf 0x7");
}

/* Whatever a processor reports, the words end within the buffer. */
static void no_qualification_breaks_the_text(void **state)
{
    (void)state;
    for (uint32_t reason = 0; reason <= EXIT_REASONS + 1; reason++) {
        for (uint64_t pattern = 0; pattern < 0x10000; pattern += 0x1F) {
            struct vmx_exit exit = {
                .reason = reason,
                .qualification = pattern << 16 | pattern,
                .interruption = (uint32_t)(pattern << 16 | pattern),
            };
            char text[24];

            exit_text(&exit, text, sizeof(text));
            assert_true(strnlen(text, sizeof(text)) < sizeof(text));
        }
    }
}

static bool has_length(uint32_t reason, uint64_t qualification, uint32_t interruption)
{
    struct vmx_exit exit = {
        .reason = reason, .qualification = qualification, .interruption = interruption};

    return exit_has_length(&exit);
}

/* SDM vol. 3C, "Information for VM Exits Due to Instruction Execution". */
static void a_length_is_shown_where_an_instruction_exited(void **state)
{
    (void)state;
    assert_true(has_length(EXIT_CPUID, 0, 0));
    assert_true(has_length(EXIT_IO_INSTRUCTION, 0, 0));
    assert_true(has_length(EXIT_XSETBV, 0, 0));
    assert_false(has_length(EXIT_EPT_VIOLATION, 0, 0));
    assert_false(has_length(EXIT_EXTERNAL_INTERRUPT, 0, INTERRUPTION(0, 0xEC)));
    assert_false(has_length(EXIT_PREEMPTION_TIMER, 0, 0));
    assert_false(has_length(EXIT_ENTRY_FAILURE_GUEST, 0, 0));
}

static void only_software_exceptions_have_a_length(void **state)
{
    (void)state;
    assert_false(has_length(EXIT_EXCEPTION_OR_NMI, 0, INTERRUPTION(2, 2)));
    assert_false(has_length(EXIT_EXCEPTION_OR_NMI, 0, INTERRUPTION(3, 6)));
    assert_true(has_length(EXIT_EXCEPTION_OR_NMI, 0, INTERRUPTION(5, 1)));
    assert_true(has_length(EXIT_EXCEPTION_OR_NMI, 0, INTERRUPTION(6, 3)));
}

static void a_task_switch_by_an_instruction_has_a_length(void **state)
{
    (void)state;
    assert_true(has_length(EXIT_TASK_SWITCH, 0x00000028, 0));
    assert_true(has_length(EXIT_TASK_SWITCH, 0x40000028, 0));
    assert_true(has_length(EXIT_TASK_SWITCH, 0x80000028, 0));
    assert_false(has_length(EXIT_TASK_SWITCH, 0xC0000028, 0));
}

static bool has_linear(uint32_t reason, uint64_t qualification)
{
    struct vmx_exit exit = {.reason = reason, .qualification = qualification};

    return exit_has_linear(&exit);
}

static void a_linear_address_is_shown_where_bit_7_says_so(void **state)
{
    (void)state;
    assert_true(has_linear(EXIT_EPT_VIOLATION, 0x182));
    assert_true(has_linear(EXIT_EPT_VIOLATION, 0x081));
    assert_false(has_linear(EXIT_EPT_VIOLATION, 0x101));
    assert_false(has_linear(EXIT_EPT_MISCONFIGURATION, 0x182));
    assert_false(has_linear(EXIT_CPUID, 0x182));
}

/* Newer processors have reasons that the table has not. */
static void reasons_beyond_the_table_have_nothing(void **state)
{
    (void)state;
    for (uint32_t reason = EXIT_REASONS; reason <= 0xFFFF; reason += 3) {
        assert_false(has_linear(reason, UINT64_MAX));
        assert_false(has_length(reason, UINT64_MAX, UINT32_MAX));
    }
    assert_false(has_linear(0xFFFF, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_stand_in_hardware_order),
        cmocka_unit_test(control_register_accesses_are_decoded),
        cmocka_unit_test(control_register_accesses_are_told),
        cmocka_unit_test(port_accesses_are_decoded),
        cmocka_unit_test(port_accesses_are_told),
        cmocka_unit_test(task_switches_are_told),
        cmocka_unit_test(events_are_told),
        cmocka_unit_test(ept_violations_are_told),
        cmocka_unit_test(reasons_that_say_it_all_have_no_words),
        cmocka_unit_test(msrs_and_leaves_are_named),
        cmocka_unit_test(no_qualification_breaks_the_text),
        cmocka_unit_test(a_length_is_shown_where_an_instruction_exited),
        cmocka_unit_test(only_software_exceptions_have_a_length),
        cmocka_unit_test(a_task_switch_by_an_instruction_has_a_length),
        cmocka_unit_test(a_linear_address_is_shown_where_bit_7_says_so),
        cmocka_unit_test(reasons_beyond_the_table_have_nothing),
    };

    return cmocka_run_group_tests_name("exit_text", tests, NULL, NULL);
}
