/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of exceptions: by the exception bitmap they exit or go to the guest's IDT. SDM vol. 3C,
 * "Other Causes of VM Exits"; "Exception Bitmap"; "Information for VM Exits Due to Vectored
 * Events".
 */
#include "selftest/event.h"

extern const char code_exceptions[], code_exceptions_end[];
extern const char code_exceptions_software[], code_exceptions_software_end[];
extern const char code_exceptions_int_n[], code_exceptions_int_n_end[];
extern const char code_exceptions_length[], code_exceptions_length_end[];
extern const char code_exceptions_alignment[], code_exceptions_alignment_end[];
extern const char code_exceptions_page_fault[], code_exceptions_page_fault_end[];
extern const char code_exceptions_double[], code_exceptions_double_end[];

#define DESCRIPTOR_NOT_PRESENT UINT64_C(0x00CF13000000FFFF) /* of data */

/* One after the other, first to the hypervisor, then to the guest. A page fault has its address in
 * the qualification, and CR2 is not written before the guest's IDT is. */
static void bitmap(struct rig *rig)
{
    static const struct {
        uint8_t vector;
        bool has_code;
        uint16_t code;
    } faults[] = {
        {VECTOR_DE, false, 0},        {VECTOR_UD, false, 0}, {VECTOR_NM, false, 0},
        {VECTOR_NP, true, RIG_SPARE}, {VECTOR_SS, true, 0},  {VECTOR_GP, true, EVENT_BAD_SELECTOR},
        {VECTOR_PF, true, 0},         {VECTOR_MF, false, 0}, {VECTOR_XM, false, 0},
    };
    uint64_t *gdt = rig_memory(rig, RIG_GDT);

    gdt[RIG_SPARE / 8] = DESCRIPTOR_NOT_PRESENT;
    event_remove_page(rig);
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        unsigned vector = faults[i].vector;
        uint32_t event = faults[i].has_code ? event_fault_code(vector) : event_fault(vector);
        uint64_t address = vector == VECTOR_PF ? EVENT_NOT_PRESENT : 0;
        uint64_t cr0 = vmread(VMCS_GUEST_CR0) & ~CR0_TS;

        write_cr2(0);
        vmwrite(VMCS_GUEST_CR0, vector == VECTOR_NM ? cr0 | CR0_TS : cr0);
        event_intercept(BIT(vector));
        if (!rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
            return;
        }
        event_want_exit(rig, event, faults[i].code, rig_gpr(rig, R9));
        rig_want(rig, "qualification", rig->exit->qualification, address);
        rig_want(rig, "CR2", read_cr2(), 0);
        rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_RF, RFLAGS_RF);
        event_intercept(~BIT(vector) & ~BIT(VECTOR_PF));
        if (event_expect_given(rig, event, faults[i].code, rig_gpr(rig, R9))) {
            rig_want(rig, "CR2 of the guest", read_cr2(), address);
        }
        rig_return(rig, rig_gpr(rig, R10));
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* INT3, INTO and INT1 are traps of software, and tell their length; BOUND faults. */
static void software(struct rig *rig)
{
    const struct {
        uint32_t event, length;
    } traps[] = {
        {event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP), 1},
        {event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_OF), 1},
        {event_of(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB), 1},
        {event_fault(VECTOR_BR), 0},
    };

    rig_go_protected(rig, true, RIG_CODE.value);
    for (unsigned i = 0; i < ARRAY_SIZE(traps); i++) {
        uint64_t vector = FIELD_GET(INTERRUPTION_VECTOR, traps[i].event);

        event_intercept(BIT(vector));
        if (!rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
            return;
        }
        event_want_exit(rig, traps[i].event, 0, rig_gpr(rig, RSI));
        if (traps[i].length != 0) {
            rig_want(rig, "instruction length", rig->exit->length, traps[i].length);
        }
        event_intercept(~BIT(vector));
        (void)event_expect_given(rig, traps[i].event, 0, rig_gpr(rig, RSI) + traps[i].length);
        rig_return(rig, rig_gpr(rig, RDI));
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* INT n is no exception, whatever its vector is. */
static void int_n(struct rig *rig)
{
    const uint32_t interrupt = event_of(INTERRUPTION_SOFTWARE_INTERRUPT, VECTOR_BP);

    event_intercept(UINT32_MAX);
    if (event_expect_given(rig, interrupt, 0, RIG_CODE.value + 2)) {
        rig_return(rig, RIG_CODE.value + 2);
    }
    (void)rig_expect_event(rig, VECTOR_DB);
}

/* The length counts prefixes too. */
static void instruction_length(struct rig *rig)
{
    uint64_t rip = RIG_CODE.value;

    event_intercept(BIT(VECTOR_BP) | BIT(VECTOR_DB));
    for (uint32_t length = 1; length <= 3 && rig_expect(rig, EXIT_EXCEPTION_OR_NMI); length++) {
        rig_want(rig, "RIP", rig->exit->rip, rip);
        rig_want(rig, "instruction length", rig->exit->length, length);
        rip += length;
        vmwrite(VMCS_GUEST_RIP, rip);
    }
}

/* Which only a user is given. */
static void alignment(struct rig *rig)
{
    const uint32_t event = event_fault_code(VECTOR_AC);

    rig_go_user(rig, RIG_CODE.value);
    vmwrite(VMCS_GUEST_CR0, vmread(VMCS_GUEST_CR0) | CR0_AM);
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_AC);
    event_intercept(BIT(VECTOR_AC));
    (void)event_expect_exit(rig, event, 0, RIG_CODE.value);
    event_intercept(~BIT(VECTOR_AC));
    (void)event_expect_given(rig, event, 0, RIG_CODE.value);
}

/* Bit 14 of the bitmap decides for page faults whose error code matches, and its contrary for the
 * others. */
static void page_fault_mask(struct rig *rig)
{
    event_remove_page(rig);
    vmwrite(VMCS_PAGE_FAULT_ERROR_MASK, BIT(1));
    for (unsigned i = 0; i < 8; i++) {
        bool bit = i & 4;
        uint64_t match = i & 2, code = i & 1 ? 2 : 0; /* a read, then a write */
        uint32_t event = event_fault_code(VECTOR_PF);

        event_intercept(bit ? BIT(VECTOR_PF) : 0);
        vmwrite(VMCS_PAGE_FAULT_ERROR_MATCH, match);
        if ((code == match) != bit) {
            if (rig_expect_event(rig, VECTOR_PF)) {
                rig_want(rig, "error code", rig->event.error_code, code);
            }
            rig_return(rig, rig_gpr(rig, R10));
        } else if (rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
            event_want_exit(rig, event, (uint32_t)code, rig_gpr(rig, R9));
            rig_want(rig, "qualification", rig->exit->qualification, EVENT_NOT_PRESENT);
            vmwrite(VMCS_GUEST_RIP, rig_gpr(rig, R10));
        }
    }
}

/* An IDT too short for #GP makes #DF of it; that is no exit during the delivery of #GP. */
static void double_fault(struct rig *rig)
{
    vmwrite(VMCS_GUEST_IDTR_LIMIT, VECTOR_DF * 16 + 15);
    if (rig_expect_event(rig, VECTOR_DF)) {
        rig_want(rig, "error code", rig->event.error_code, 0);
    }
    rig_return(rig, RIG_CODE.value);
    event_intercept(BIT(VECTOR_DF));
    if (rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
        rig_want(rig, "interruption information", rig->exit->interruption & ~NMI_UNBLOCKING,
                 event_fault_code(VECTOR_DF));
        rig_want(rig, "error code", vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE), 0);
        rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, INTERRUPTION_VALID,
                      0);
    }
}

/* An IDT too short for #DF, too. No information is valid with it. */
static void triple_fault(struct rig *rig)
{
    vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
    if (rig_expect(rig, EXIT_TRIPLE_FAULT)) {
        rig_want(rig, "RIP", rig->exit->rip, RIG_CODE.value + 5);
        rig_want(rig, "valid bit of the interruption information",
                 vmread(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VALID, 0);
        rig_want(rig, "valid bit of the IDT-vectoring information",
                 vmread(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID, 0);
    }
}

static const struct scenario scenarios[] = {
    {"exception.bitmap", SCENARIO_CODE(exceptions), .run = bitmap},
    {"exception.software", SCENARIO_CODE(exceptions_software), .run = software},
    {"exception.int_n", SCENARIO_CODE(exceptions_int_n), .run = int_n},
    {"exception.alignment_check", SCENARIO_CODE(exceptions_alignment), .run = alignment},
    {"exception.page_fault_mask", SCENARIO_CODE(exceptions_page_fault), .run = page_fault_mask},
    {"exception.double_fault", SCENARIO_CODE(exceptions_double), .run = double_fault},
    {"event.triple_fault", SCENARIO_CODE(exceptions_double), .run = triple_fault},
    {"exit.instruction_length", SCENARIO_CODE(exceptions_length), .run = instruction_length},
};

SCENARIO_SUITE(selftest_exceptions, scenarios);
