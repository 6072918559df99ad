/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The .def tables: what NASM makes of them (defs.asm) is what C makes of them, and both are what
 * the SDM says, in rules for all rows and in literals for chosen ones.
 */
#include "vmx/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/controls.h"
#include "vmx/vmcs.h"

/* In defs.asm: values of 32 bits; texts one after the other. */
extern const uint32_t asm_constants[], asm_field_encodings[], asm_control_bits[], asm_reasons[],
    asm_errors[];
extern const char asm_field_names[], asm_field_names_end[];
extern const char asm_control_names[], asm_control_names_end[];
extern const char asm_reason_titles[], asm_reason_titles_end[];
extern const char asm_error_titles[], asm_error_titles_end[];

static const struct {
    uint32_t encoding;
    const char *symbol, *name, *title;
} fields[] = {
#define NOTE(text)
#define VMCS_FIELD(symbol, name, encoding, title) {encoding, #symbol, name, title},
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

static const struct {
    unsigned group, bit;
    const char *name;
} controls[] = {
#define CONTROL(group, symbol, bit, name, title) {CONTROL_##group, bit, name},
#include "vmx/controls.def"
#undef CONTROL
};

static const struct {
    unsigned code;
    const char *symbol;
    unsigned has;
    const char *title;
} reasons[] = {
#define EXIT_REASON(code, symbol, has, title) {code, #symbol, has, title},
#include "vmx/exit_reasons.def"
#undef EXIT_REASON
};

static const struct {
    unsigned code;
    const char *title;
} errors[] = {
#define INSTRUCTION_ERROR(code, title) {code, title},
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

/* vmcs.c's, which would panic. */
void vmread_failed(struct vmcs_field field)
{
    fail_msg("VMREAD of 0x%x", field.encoding);
    __builtin_unreachable();
}

void vmwrite_failed(struct vmcs_field field, uint64_t value)
{
    fail_msg("VMWRITE of 0x%x: 0x%lx", field.encoding, value);
    __builtin_unreachable();
}

/* Compares one text of an assembled sequence and steps over it. */
static const char *same_text(const char *assembled, const char *end, const char *compiled)
{
    assert_true(assembled < end);
    assert_string_equal(assembled, compiled);
    return assembled + strlen(assembled) + 1;
}

static void nasm_reads_the_fields_alike(void **state)
{
    (void)state;
    const char *name = asm_field_names;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        assert_int_equal(asm_field_encodings[i], fields[i].encoding);
        name = same_text(name, asm_field_names_end, fields[i].name);
    }
    assert_ptr_equal(name, asm_field_names_end);
}

static void nasm_reads_the_controls_alike(void **state)
{
    (void)state;
    const char *name = asm_control_names;

    for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
        assert_int_equal(asm_control_bits[2 * i], controls[i].group);
        assert_int_equal(asm_control_bits[2 * i + 1], controls[i].bit);
        name = same_text(name, asm_control_names_end, controls[i].name);
    }
    assert_ptr_equal(name, asm_control_names_end);
}

static void nasm_reads_the_reasons_alike(void **state)
{
    (void)state;
    const char *title = asm_reason_titles;

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        assert_int_equal(asm_reasons[2 * i], reasons[i].code);
        assert_int_equal(asm_reasons[2 * i + 1], reasons[i].has);
        title = same_text(title, asm_reason_titles_end, reasons[i].title);
    }
    assert_ptr_equal(title, asm_reason_titles_end);
}

static void nasm_reads_the_errors_alike(void **state)
{
    (void)state;
    const char *title = asm_error_titles;

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        assert_int_equal(asm_errors[i], errors[i].code);
        title = same_text(title, asm_error_titles_end, errors[i].title);
    }
    assert_ptr_equal(title, asm_error_titles_end);
}

static void nasm_makes_the_same_constants(void **state)
{
    (void)state;
    static const uint32_t compiled[] = {
        VMCS_ENCODING_GUEST_RIP,
        VMCS_ENCODING_HOST_RSP,
        VMCS_ENCODING_EXIT_REASON,
        VMCS_ENCODING_EPT_POINTER,
        PIN_NMI,
        (uint32_t)PRIMARY_SECONDARY,
        SECONDARY_EPT,
        EXIT_HOST_64,
        ENTRY_IA32E_GUEST,
        EXIT_HLT,
        EXIT_EPT_VIOLATION,
        EXIT_WRMSRLIST,
    };

    assert_memory_equal(asm_constants, compiled, sizeof(compiled));
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* SDM vol. 3C, "Structure of VMCS Component Encoding": bit 0 high half, 9:1 index, 11:10 type (0
 * control, 1 read-only data, 2 guest state, 3 host state), 12 zero, 14:13 width (0 16 bits, 1 64, 2
 * 32, 3 natural). */
static void encodings_have_the_type_that_their_name_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        uint32_t encoding = fields[i].encoding;
        unsigned type = encoding >> 10 & 3;
        bool guest = begins(fields[i].name, "guest_") ||
                     strcmp(fields[i].name, "preemption_timer") == 0 ||
                     strcmp(fields[i].name, "pml_index") == 0 ||
                     strcmp(fields[i].name, "vmcs_link_pointer") == 0;

        assert_int_equal(encoding & ~UINT32_C(0x6FFE), 0);
        if (strcmp(fields[i].name, "guest_physical_address") == 0 ||
            strcmp(fields[i].name, "guest_linear_address") == 0) {
            guest = false; /* what an exit reports */
            assert_int_equal(type, 1);
        }
        assert_int_equal(type == 2, guest);
        assert_int_equal(type == 3, begins(fields[i].name, "host_"));
        if (strstr(fields[i].name, "_selector") != NULL) {
            assert_int_equal(encoding >> 13, 0);
        }
        if (strstr(fields[i].name, "_base") != NULL) {
            assert_int_equal(encoding >> 13, 3);
        }
        if (strstr(fields[i].name, "_limit") != NULL || strstr(fields[i].name, "_ar") != NULL) {
            assert_int_equal(encoding >> 13, 2);
        }
    }
}

static void fields_are_sorted_and_named_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        char symbol[64];
        size_t length = strlen(fields[i].name);

        assert_true(i == 0 || fields[i - 1].encoding < fields[i].encoding);
        assert_true(length < sizeof(symbol));
        for (size_t c = 0; c <= length; c++) {
            char letter = fields[i].name[c];
            symbol[c] = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
        }
        assert_string_equal(symbol, fields[i].symbol);
        assert_string_equal(vmcs_field_name((struct vmcs_field){fields[i].encoding}),
                            fields[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(fields[j].title, fields[i].title);
        }
    }
}

/* SDM vol. 3D, appendix "Field Encoding in VMCS". */
static void chosen_fields_have_the_manuals_encodings(void **state)
{
    (void)state;
    static const struct {
        uint32_t encoding;
        const char *name;
    } expected[] = {
        {0x0000, "vpid"},
        {0x0802, "guest_cs_selector"},
        {0x080E, "guest_tr_selector"},
        {0x0812, "pml_index"},
        {0x0C0C, "host_tr_selector"},
        {0x2000, "io_bitmap_a"},
        {0x2004, "msr_bitmap"},
        {0x200E, "pml_address"},
        {0x2010, "tsc_offset"},
        {0x2012, "virtual_apic_address"},
        {0x2014, "apic_access_address"},
        {0x2016, "posted_interrupt_descriptor"},
        {0x2018, "vm_function_controls"},
        {0x201A, "ept_pointer"},
        {0x201C, "eoi_exit_bitmap_0"},
        {0x2024, "eptp_list_address"},
        {0x2026, "vmread_bitmap"},
        {0x202A, "ve_information_address"},
        {0x202C, "xss_exiting_bitmap"},
        {0x2032, "tsc_multiplier"},
        {0x2400, "guest_physical_address"},
        {0x2800, "vmcs_link_pointer"},
        {0x2802, "guest_debugctl"},
        {0x2804, "guest_pat"},
        {0x2806, "guest_efer"},
        {0x280A, "guest_pdpte0"},
        {0x2810, "guest_pdpte3"},
        {0x2C00, "host_pat"},
        {0x2C02, "host_efer"},
        {0x4000, "pin_controls"},
        {0x4002, "primary_controls"},
        {0x4004, "exception_bitmap"},
        {0x400C, "exit_controls"},
        {0x4012, "entry_controls"},
        {0x4016, "entry_interruption_info"},
        {0x4018, "entry_exception_error_code"},
        {0x401A, "entry_instruction_length"},
        {0x401E, "secondary_controls"},
        {0x4400, "vm_instruction_error"},
        {0x4402, "exit_reason"},
        {0x4404, "exit_interruption_info"},
        {0x4408, "idt_vectoring_info"},
        {0x440C, "exit_instruction_length"},
        {0x440E, "exit_instruction_info"},
        {0x4816, "guest_cs_ar"},
        {0x4822, "guest_tr_ar"},
        {0x4824, "guest_interruptibility"},
        {0x4826, "guest_activity"},
        {0x482A, "guest_sysenter_cs"},
        {0x482E, "preemption_timer"},
        {0x4C00, "host_sysenter_cs"},
        {0x6000, "cr0_mask"},
        {0x6002, "cr4_mask"},
        {0x6004, "cr0_shadow"},
        {0x6006, "cr4_shadow"},
        {0x6400, "exit_qualification"},
        {0x640A, "guest_linear_address"},
        {0x6800, "guest_cr0"},
        {0x6804, "guest_cr4"},
        {0x681A, "guest_dr7"},
        {0x681C, "guest_rsp"},
        {0x681E, "guest_rip"},
        {0x6820, "guest_rflags"},
        {0x6822, "guest_pending_debug"},
        {0x6C00, "host_cr0"},
        {0x6C08, "host_gs_base"},
        {0x6C0A, "host_tr_base"},
        {0x6C14, "host_rsp"},
        {0x6C16, "host_rip"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const char *name = vmcs_field_name((struct vmcs_field){expected[i].encoding});

        assert_non_null(name);
        assert_string_equal(name, expected[i].name);
    }
    assert_null(vmcs_field_name((struct vmcs_field){0x2001})); /* a high half */
    assert_null(vmcs_field_name((struct vmcs_field){UINT32_MAX}));
}

/* SDM vol. 3C, "VM Instruction Error Numbers". */
static void instruction_errors_have_the_manuals_words(void **state)
{
    (void)state;
    static const unsigned undefined[] = {0, 14, 21, 27, 29, 1000};

    assert_string_equal(vmx_instruction_error_name(5), "VMRESUME with non-launched VMCS");
    assert_string_equal(vmx_instruction_error_name(7), "VM entry with invalid control field(s)");
    assert_string_equal(vmx_instruction_error_name(8), "VM entry with invalid host-state field(s)");
    assert_string_equal(vmx_instruction_error_name(11),
                        "VMPTRLD with incorrect VMCS revision identifier");
    assert_string_equal(vmx_instruction_error_name(12),
                        "VMREAD/VMWRITE from/to unsupported VMCS component");
    assert_string_equal(vmx_instruction_error_name(26), "VM entry with events blocked by MOV SS");
    assert_string_equal(vmx_instruction_error_name(28), "Invalid operand to INVEPT/INVVPID");
    for (size_t i = 0; i < ARRAY_SIZE(undefined); i++) {
        assert_null(vmx_instruction_error_name(undefined[i]));
    }
    assert_null(vmx_instruction_error_name((UINT64_C(1) << 32) + 7)); /* all 64 bits count */
}

/* SDM vol. 3D, appendix "VMX Basic Exit Reasons". */
static void reasons_have_the_manuals_numbers(void **state)
{
    (void)state;
    assert_string_equal(exit_reason_name(0), "EXCEPTION_OR_NMI");
    assert_string_equal(exit_reason_name(2), "TRIPLE_FAULT");
    assert_string_equal(exit_reason_name(10), "CPUID");
    assert_string_equal(exit_reason_name(12), "HLT");
    assert_string_equal(exit_reason_name(18), "VMCALL");
    assert_string_equal(exit_reason_name(28), "CONTROL_REGISTER");
    assert_string_equal(exit_reason_name(30), "IO_INSTRUCTION");
    assert_string_equal(exit_reason_title(30), "I/O instruction");
    assert_string_equal(exit_reason_name(33), "ENTRY_FAILURE_GUEST");
    assert_string_equal(exit_reason_name(37), "MONITOR_TRAP");
    assert_string_equal(exit_reason_name(48), "EPT_VIOLATION");
    assert_string_equal(exit_reason_name(49), "EPT_MISCONFIGURATION");
    assert_string_equal(exit_reason_name(52), "PREEMPTION_TIMER");
    assert_string_equal(exit_reason_name(55), "XSETBV");
    assert_string_equal(exit_reason_name(62), "PML_FULL");
    assert_string_equal(exit_reason_name(74), "BUS_LOCK");
    assert_string_equal(exit_reason_name(75), "INSTRUCTION_TIMEOUT");
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        assert_true(reasons[i].code < EXIT_REASONS);
        assert_string_equal(exit_reason_name(reasons[i].code), reasons[i].symbol);
        assert_int_equal(exit_has(reasons[i].code), reasons[i].has);
    }
}

static void unknown_reasons_are_told_as_such(void **state)
{
    (void)state;
    static const unsigned unknown[] = {35, 38, 42, 71, EXIT_REASONS, 0xFFFF, UINT32_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_string_equal(exit_reason_name(unknown[i]), "UNKNOWN");
        assert_non_null(exit_reason_title(unknown[i]));
        assert_int_equal(exit_has(unknown[i]), 0);
    }
}

#define LENGTH        EXIT_HAS_LENGTH
#define QUALIFICATION EXIT_HAS_QUALIFICATION
#define VECTORING     EXIT_HAS_VECTORING
#define INSTRUCTION   EXIT_HAS_INSTRUCTION

/* SDM vol. 3C, "Information for VM Exits Due to Instruction Execution", "Basic VM-Exit
 * Information", "Information About NMI Unblocking Due to IRET" and around. */
static void chosen_reasons_leave_valid_what_the_manual_says(void **state)
{
    (void)state;
    assert_int_equal(exit_has(EXIT_CPUID), LENGTH);
    assert_int_equal(exit_has(EXIT_HLT), LENGTH);
    assert_int_equal(exit_has(EXIT_RDMSR), LENGTH);
    assert_int_equal(exit_has(EXIT_WRMSR), LENGTH);
    assert_int_equal(exit_has(EXIT_VMCALL), LENGTH);
    assert_int_equal(exit_has(EXIT_XSETBV), LENGTH);
    assert_int_equal(exit_has(EXIT_INVLPG), LENGTH | QUALIFICATION);
    assert_int_equal(exit_has(EXIT_CONTROL_REGISTER), LENGTH | QUALIFICATION | EXIT_HAS_LINEAR);
    assert_int_equal(exit_has(EXIT_MOV_DR), LENGTH | QUALIFICATION);
    assert_int_equal(exit_has(EXIT_IO_INSTRUCTION), LENGTH | QUALIFICATION | EXIT_HAS_LINEAR);
    assert_int_equal(exit_has(EXIT_VMREAD), LENGTH | QUALIFICATION | INSTRUCTION);
    assert_int_equal(exit_has(EXIT_GDTR_OR_IDTR), LENGTH | QUALIFICATION | INSTRUCTION);
    assert_int_equal(exit_has(EXIT_RDRAND), LENGTH | INSTRUCTION);
    assert_int_equal(exit_has(EXIT_EPT_VIOLATION),
                     QUALIFICATION | EXIT_HAS_LINEAR | EXIT_HAS_PHYSICAL | VECTORING);
    assert_int_equal(exit_has(EXIT_EPT_MISCONFIGURATION), EXIT_HAS_PHYSICAL | VECTORING);
    assert_int_equal(exit_has(EXIT_EXTERNAL_INTERRUPT), EXIT_HAS_INTERRUPTION);
    assert_int_equal(exit_has(EXIT_TASK_SWITCH), LENGTH | QUALIFICATION | VECTORING);
    assert_int_equal(exit_has(EXIT_PML_FULL), QUALIFICATION | VECTORING);
    assert_int_equal(exit_has(EXIT_TRIPLE_FAULT), 0);
    assert_int_equal(exit_has(EXIT_INTERRUPT_WINDOW), 0);
    assert_int_equal(exit_has(EXIT_MONITOR_TRAP), 0);
    assert_int_equal(exit_has(EXIT_PREEMPTION_TIMER), 0);
    assert_int_equal(exit_has(EXIT_ENTRY_FAILURE_GUEST), QUALIFICATION);
    assert_int_equal(exit_has(EXIT_ENTRY_FAILURE_MSR), QUALIFICATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nasm_reads_the_fields_alike),
        cmocka_unit_test(nasm_reads_the_controls_alike),
        cmocka_unit_test(nasm_reads_the_reasons_alike),
        cmocka_unit_test(nasm_reads_the_errors_alike),
        cmocka_unit_test(nasm_makes_the_same_constants),
        cmocka_unit_test(encodings_have_the_type_that_their_name_says),
        cmocka_unit_test(fields_are_sorted_and_named_once),
        cmocka_unit_test(chosen_fields_have_the_manuals_encodings),
        cmocka_unit_test(instruction_errors_have_the_manuals_words),
        cmocka_unit_test(reasons_have_the_manuals_numbers),
        cmocka_unit_test(unknown_reasons_are_told_as_such),
        cmocka_unit_test(chosen_reasons_leave_valid_what_the_manual_says),
    };

    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
