/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of the VMCS by groups, in the order of the log. */
#include "vmx/dump_fields.h"

#include "vmx/segment.h"

#define ROW(form, symbol)                                                                          \
    (struct dump_field)                                                                            \
    {                                                                                              \
        form, INDEX_##symbol                                                                       \
    }
#define SEGMENT(number)                                                                            \
    (struct dump_field)                                                                            \
    {                                                                                              \
        FORM_SEGMENT, number                                                                       \
    }
#define HEX(symbol)             ROW(FORM_HEX, symbol)
#define COUNT(symbol)           ROW(FORM_COUNT, symbol)
#define WORDS(form, symbol)     ROW(FORM_##form, symbol)
#define NAMES(names, symbol)    ROW(NAMES_##names, symbol)
#define CONTROLS(group, symbol) ROW(CONTROL_##group, symbol)

static const struct dump_field controls[] = {
    CONTROLS(PIN, PIN_CONTROLS),
    CONTROLS(PRIMARY, PRIMARY_CONTROLS),
    CONTROLS(SECONDARY, SECONDARY_CONTROLS),
    CONTROLS(TERTIARY, TERTIARY_CONTROLS),
    CONTROLS(EXIT, EXIT_CONTROLS),
    CONTROLS(EXIT2, SECONDARY_EXIT_CONTROLS),
    CONTROLS(ENTRY, ENTRY_CONTROLS),
};

static const struct dump_field execution[] = {
    NAMES(EXCEPTIONS, EXCEPTION_BITMAP),
    HEX(VPID),
    HEX(PAGE_FAULT_ERROR_MASK),
    HEX(PAGE_FAULT_ERROR_MATCH),
    HEX(IO_BITMAP_A),
    HEX(IO_BITMAP_B),
    HEX(MSR_BITMAP),
    WORDS(EPT_POINTER, EPT_POINTER),
    NAMES(CR0, CR0_MASK),
    NAMES(CR0, CR0_SHADOW),
    NAMES(CR4, CR4_MASK),
    NAMES(CR4, CR4_SHADOW),
    COUNT(CR3_TARGET_COUNT),
    HEX(CR3_TARGET_0),
    HEX(CR3_TARGET_1),
    HEX(CR3_TARGET_2),
    HEX(CR3_TARGET_3),
    HEX(TSC_OFFSET),
    HEX(TSC_MULTIPLIER),
    COUNT(TPR_THRESHOLD),
    HEX(VIRTUAL_APIC_ADDRESS),
    HEX(APIC_ACCESS_ADDRESS),
    HEX(EOI_EXIT_BITMAP_0),
    HEX(EOI_EXIT_BITMAP_1),
    HEX(EOI_EXIT_BITMAP_2),
    HEX(EOI_EXIT_BITMAP_3),
    HEX(POSTED_INTERRUPT_VECTOR),
    HEX(POSTED_INTERRUPT_DESCRIPTOR),
    HEX(PID_POINTER_TABLE),
    COUNT(LAST_PID_POINTER_INDEX),
    COUNT(PLE_GAP),
    COUNT(PLE_WINDOW),
    COUNT(INSTRUCTION_TIMEOUT),
    HEX(PML_ADDRESS),
    HEX(VE_INFORMATION_ADDRESS),
    HEX(EPTP_INDEX),
    NAMES(VM_FUNCTIONS, VM_FUNCTION_CONTROLS),
    HEX(EPTP_LIST_ADDRESS),
    HEX(SPP_TABLE_POINTER),
    HEX(SHARED_EPT_POINTER),
    HEX(HLATP),
    COUNT(HLAT_PREFIX_SIZE),
    HEX(VMREAD_BITMAP),
    HEX(VMWRITE_BITMAP),
    HEX(XSS_EXITING_BITMAP),
    HEX(ENCLS_EXITING_BITMAP),
    HEX(ENCLV_EXITING_BITMAP),
    HEX(PCONFIG_EXITING_BITMAP),
    HEX(LOW_PASID_DIRECTORY),
    HEX(HIGH_PASID_DIRECTORY),
    HEX(SPEC_CTRL_MASK),
    HEX(SPEC_CTRL_SHADOW),
    HEX(EXECUTIVE_VMCS_POINTER),
};

static const struct dump_field exits[] = {
    COUNT(EXIT_MSR_STORE_COUNT),
    HEX(EXIT_MSR_STORE_ADDRESS),
    COUNT(EXIT_MSR_LOAD_COUNT),
    HEX(EXIT_MSR_LOAD_ADDRESS),
};

static const struct dump_field entries[] = {
    COUNT(ENTRY_MSR_LOAD_COUNT),           HEX(ENTRY_MSR_LOAD_ADDRESS),
    WORDS(EVENT, ENTRY_INTERRUPTION_INFO), HEX(ENTRY_EXCEPTION_ERROR_CODE),
    COUNT(ENTRY_INSTRUCTION_LENGTH),
};

static const struct dump_field registers[] = {
    HEX(GUEST_RIP),
    HEX(GUEST_RSP),
    HEX(GUEST_CR3),
    HEX(GUEST_PDPTE0),
    HEX(GUEST_PDPTE1),
    HEX(GUEST_PDPTE2),
    HEX(GUEST_PDPTE3),
    NAMES(RFLAGS, GUEST_RFLAGS),
    NAMES(CR0, GUEST_CR0),
    NAMES(CR4, GUEST_CR4),
    NAMES(EFER, GUEST_EFER),
    WORDS(PAT, GUEST_PAT),
    NAMES(DR7, GUEST_DR7),
    NAMES(DEBUGCTL, GUEST_DEBUGCTL),
    HEX(GUEST_SYSENTER_CS),
    HEX(GUEST_SYSENTER_ESP),
    HEX(GUEST_SYSENTER_EIP),
    HEX(GUEST_PERF_GLOBAL_CTRL),
    HEX(GUEST_BNDCFGS),
    HEX(GUEST_RTIT_CTL),
    HEX(GUEST_LBR_CTL),
    HEX(GUEST_PKRS),
    HEX(GUEST_S_CET),
    HEX(GUEST_SSP),
    HEX(GUEST_INTERRUPT_SSP_TABLE),
    HEX(GUEST_UINV),
    HEX(GUEST_SMBASE),
};

static const struct dump_field segments[] = {
    SEGMENT(0),           SEGMENT(1),
    SEGMENT(2),           SEGMENT(3),
    SEGMENT(4),           SEGMENT(5),
    SEGMENT(6),           SEGMENT(SEGMENTS - 1),
    HEX(GUEST_GDTR_BASE), HEX(GUEST_GDTR_LIMIT),
    HEX(GUEST_IDTR_BASE), HEX(GUEST_IDTR_LIMIT),
};

static const struct dump_field state[] = {
    WORDS(ACTIVITY, GUEST_ACTIVITY),
    WORDS(LINK_POINTER, VMCS_LINK_POINTER),
    NAMES(INTERRUPTIBILITY, GUEST_INTERRUPTIBILITY),
    NAMES(PENDING_DEBUG, GUEST_PENDING_DEBUG),
    COUNT(PREEMPTION_TIMER),
    WORDS(INTERRUPT_STATUS, GUEST_INTERRUPT_STATUS),
    HEX(PML_INDEX),
};

static const struct dump_field host[] = {
    HEX(HOST_RIP),
    HEX(HOST_RSP),
    HEX(HOST_CR3),
    NAMES(CR0, HOST_CR0),
    NAMES(CR4, HOST_CR4),
    NAMES(EFER, HOST_EFER),
    WORDS(PAT, HOST_PAT),
    HEX(HOST_CS_SELECTOR),
    HEX(HOST_SS_SELECTOR),
    HEX(HOST_DS_SELECTOR),
    HEX(HOST_ES_SELECTOR),
    HEX(HOST_FS_SELECTOR),
    HEX(HOST_GS_SELECTOR),
    HEX(HOST_TR_SELECTOR),
    HEX(HOST_FS_BASE),
    HEX(HOST_GS_BASE),
    HEX(HOST_TR_BASE),
    HEX(HOST_GDTR_BASE),
    HEX(HOST_IDTR_BASE),
    HEX(HOST_SYSENTER_CS),
    HEX(HOST_SYSENTER_ESP),
    HEX(HOST_SYSENTER_EIP),
    HEX(HOST_PERF_GLOBAL_CTRL),
    HEX(HOST_PKRS),
    HEX(HOST_S_CET),
    HEX(HOST_SSP),
    HEX(HOST_INTERRUPT_SSP_TABLE),
};

/* What the last exit, or the last VMX instruction that failed, left. */
static const struct dump_field read_only[] = {
    WORDS(EXIT_REASON, EXIT_REASON),
    WORDS(INSTRUCTION_ERROR, VM_INSTRUCTION_ERROR),
    HEX(EXIT_QUALIFICATION),
    HEX(GUEST_LINEAR_ADDRESS),
    HEX(GUEST_PHYSICAL_ADDRESS),
    WORDS(EVENT, EXIT_INTERRUPTION_INFO),
    HEX(EXIT_INTERRUPTION_ERROR_CODE),
    WORDS(EVENT, IDT_VECTORING_INFO),
    HEX(IDT_VECTORING_ERROR_CODE),
    COUNT(EXIT_INSTRUCTION_LENGTH),
    HEX(EXIT_INSTRUCTION_INFO),
    HEX(IO_RCX),
    HEX(IO_RSI),
    HEX(IO_RDI),
    HEX(IO_RIP),
};

#define GROUP(name, fields)                                                                        \
    (struct dump_group)                                                                            \
    {                                                                                              \
        name, fields, ARRAY_SIZE(fields)                                                           \
    }

const struct dump_group dump_groups[DUMP_GROUPS] = {
    GROUP("controls", controls),
    GROUP("execution", execution),
    GROUP("exit", exits),
    GROUP("entry", entries),
    GROUP("guest-registers", registers),
    GROUP("guest-segments", segments),
    GROUP("guest-state", state),
    GROUP("host", host),
    GROUP("read-only", read_only),
};

enum bit_names dump_bit_names(unsigned field)
{
    for (unsigned i = 0; i < DUMP_GROUPS; i++) {
        for (unsigned j = 0; j < dump_groups[i].count; j++) {
            const struct dump_field *row = &dump_groups[i].fields[j];

            if (row->form < BIT_NAMES && row->field == field) {
                return (enum bit_names)row->form;
            }
        }
    }
    return BIT_NAMES;
}
