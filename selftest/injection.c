/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of event injection, every type of it. SDM vol. 3C, "Event Injection"; "VM-Entry
 * Controls for Event Injection". */
#include "selftest/event.h"

extern const char code_event_vmcall[], code_event_vmcall_end[];
extern const char code_event_cr2[], code_event_cr2_end[];
extern const char code_event_hlt[], code_event_hlt_end[];

#define SOFT_VECTOR 0x81
#define START       RIG_CODE.value
#define LONGEST     15 /* bytes of an instruction */

static void set_flags(uint64_t flags)
{
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | flags);
}

/* The handler returns to the code's VMCALL. */
static void expect_return(struct rig *rig)
{
    uint64_t start = rig->mode == RIG_REAL ? 0 : START;

    rig_return(rig, start);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "RIP after IRET", rig->exit->rip, start);
    }
}

static void external(struct rig *rig)
{
    const uint32_t event = event_of(INTERRUPTION_EXTERNAL, 0xE5);

    set_flags(RFLAGS_IF);
    event_inject(event, 0, 0);
    if (event_expect_given(rig, event, 0, START)) {
        expect_return(rig);
    }
}

/* NMIs are blocked, until IRET; with NMI exiting, beyond it: such a guest has no part in that. */
static void nmi(struct rig *rig)
{
    const uint32_t event = event_of(INTERRUPTION_NMI, VECTOR_NMI);

    for (unsigned exiting = 0; exiting < 2; exiting++) {
        if (!rig_switch(rig, CONTROL_PIN, PIN_NMI, exiting)) {
            continue;
        }
        event_inject(event, 0, 0);
        if (event_expect_given(rig, event, 0, START)) {
            rig_want(rig, "interruptibility state in the handler",
                     vmread(VMCS_GUEST_INTERRUPTIBILITY), INTERRUPTIBILITY_NMI);
            expect_return(rig);
            rig_want(rig, "interruptibility state after it", vmread(VMCS_GUEST_INTERRUPTIBILITY),
                     exiting ? INTERRUPTIBILITY_NMI : 0);
        }
    }
    event_unblock_nmis();
}

/* The exceptions without an error code; the exception bitmap is not asked. */
static void hardware_exception(struct rig *rig)
{
    static const uint8_t vectors[] = {VECTOR_DE, VECTOR_UD, VECTOR_NM, VECTOR_MF, VECTOR_XM};

    event_intercept(UINT32_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        event_inject(event_fault(vectors[i]), 0, 0);
        if (event_expect_given(rig, event_fault(vectors[i]), 0, START)) {
            expect_return(rig);
        }
    }
}

static void error_code(struct rig *rig)
{
    static const struct {
        uint8_t vector;
        uint16_t code;
    } faults[] = {
        {VECTOR_DF, 0}, {VECTOR_TS, 0x1238}, {VECTOR_NP, 0x40}, {VECTOR_SS, 0x7FFC}, {VECTOR_GP, 2},
    };

    event_intercept(UINT32_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        uint32_t event = event_fault_code(faults[i].vector);

        event_inject(event, faults[i].code, 0);
        if (event_expect_given(rig, event, faults[i].code, START)) {
            expect_return(rig);
        }
    }
}

/* CR2 is the hypervisor's to write: VM entry leaves it alone. */
static void page_fault(struct rig *rig)
{
    const uint32_t event = event_fault_code(VECTOR_PF);

    write_cr2(0x123456789ABC);
    event_inject(event, 7, 0);
    if (event_expect_given(rig, event, 7, START)) {
        rig_return(rig, START);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR2 as the guest reads it", rig_gpr(rig, RAX), 0x123456789ABC);
    }
}

/* What comes of an instruction is given with the RIP behind it. */
static void inject_software(struct rig *rig, uint32_t event)
{
    for (uint32_t length = 1; length <= LONGEST; length++) {
        event_inject(event, 0, length);
        if (event_expect_given(rig, event, 0, START + length)) {
            expect_return(rig);
        }
    }
}

static void software_exception(struct rig *rig)
{
    inject_software(rig, event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP));
    inject_software(rig, event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_OF));
}

static void software_interrupt(struct rig *rig)
{
    inject_software(rig, event_of(INTERRUPTION_SOFTWARE_INTERRUPT, SOFT_VECTOR));
}

/* INT1 is no debug exception that DR6 would tell of. */
static void privileged_software_exception(struct rig *rig)
{
    write_dr6(DR6_RESET);
    inject_software(rig, event_of(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB));
    rig_want(rig, "DR6", read_dr6(), DR6_RESET);
}

static void length_0(struct rig *rig)
{
    const uint32_t events[] = {
        event_of(INTERRUPTION_SOFTWARE_INTERRUPT, SOFT_VECTOR),
        event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP),
        event_of(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB),
    };

    if (!(rig->operation->capabilities.misc & VMX_MISC_LENGTH_0)) {
        rig_skip(rig, "IA32_VMX_MISC bit 30 (instruction length 0)");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        event_inject(events[i], 0, 0);
        if (event_expect_given(rig, events[i], 0, START)) {
            expect_return(rig);
        }
    }
}

/* A user must not reach a gate of the supervisor by INT n, INT3 and INTO: #GP tells the gate. INT1
 * and what comes from outside may. */
static void privilege(struct rig *rig)
{
    const struct {
        uint32_t event, length;
        bool refused;
    } tries[] = {
        {event_of(INTERRUPTION_SOFTWARE_INTERRUPT, SOFT_VECTOR), 2, true},
        {event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP), 1, true},
        {event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_OF), 1, true},
        {event_of(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB), 1, false},
        {event_of(INTERRUPTION_EXTERNAL, SOFT_VECTOR), 0, false},
    };

    set_flags(RFLAGS_IF);
    rig_go_user(rig, START);
    for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
        uint32_t gate = FIELD_GET(INTERRUPTION_VECTOR, tries[i].event) << 3 | SELECTOR_IDT;
        bool given;

        event_inject(tries[i].event, 0, tries[i].length);
        given = tries[i].refused
                    ? event_expect_given(rig, event_fault_code(VECTOR_GP), gate, START)
                    : event_expect_given(rig, tries[i].event, 0, START + tries[i].length);
        if (given) {
            rig_want(rig, "stack of the supervisor", vmread(VMCS_GUEST_RSP) & ~UINT64_C(0xFF),
                     RIG_STACK - 0x100);
            expect_return(rig);
        }
    }
}

/* An event that may be injected into a guest that halts ends that; it goes on behind its HLT. */
static void halted(struct rig *rig)
{
    const uint32_t event = event_of(INTERRUPTION_EXTERNAL, 0xE5);

    set_flags(RFLAGS_IF);
    if (!rig_expect_and_skip(rig, EXIT_HLT) || !event_set_activity(rig, ACTIVITY_HLT)) {
        return;
    }
    event_inject(event, 0, 0);
    (void)event_expect_given(rig, event, 0, START + 1);
}

/* By the interrupt vector table, without error codes. */
static void real(struct rig *rig)
{
    const struct {
        uint32_t event, length;
    } events[] = {
        {event_of(INTERRUPTION_EXTERNAL, 0xE5), 0},
        {event_fault(VECTOR_GP), 0},
        {event_of(INTERRUPTION_SOFTWARE_INTERRUPT, 0x21), 2},
    };

    rig_go_real(rig, 0);
    set_flags(RFLAGS_IF);
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        event_inject(events[i].event, 0, events[i].length);
        if (event_expect_given(rig, events[i].event, 0, events[i].length)) {
            expect_return(rig);
        }
    }
}

/* By an IDT of 32-bit gates. */
static void protected(struct rig *rig)
{
    const struct {
        uint32_t event, length;
    } events[] = {
        {event_of(INTERRUPTION_EXTERNAL, 0xE5), 0},
        {event_fault_code(VECTOR_GP), 0},
        {event_of(INTERRUPTION_SOFTWARE_INTERRUPT, 0x21), 2},
        {event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP), 1},
    };

    rig_go_protected(rig, true, START);
    set_flags(RFLAGS_IF);
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        event_inject(events[i].event, 0x42, events[i].length);
        if (event_expect_given(rig, events[i].event, 0x42, START + events[i].length)) {
            expect_return(rig);
        }
    }
}

/* Type 7: a pending MTF exit, whatever the control is; it comes before an instruction. */
static void monitor_trap(struct rig *rig)
{
    if (!event_switch_on(rig, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP)) {
        return;
    }
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP, false);
    event_inject(event_of(INTERRUPTION_OTHER, 0), 0, 0);
    if (rig_expect(rig, EXIT_MONITOR_TRAP)) {
        event_want_state(rig, START, 0, ACTIVITY_ACTIVE);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "RIP", rig->exit->rip, START);
    }
}

static const struct scenario scenarios[] = {
    {"inject.external", SCENARIO_CODE(event_vmcall), .run = external},
    {"inject.nmi", SCENARIO_CODE(event_vmcall), .run = nmi},
    {"inject.hardware_exception", SCENARIO_CODE(event_vmcall), .run = hardware_exception},
    {"inject.hardware_exception.error_code", SCENARIO_CODE(event_vmcall), .run = error_code},
    {"inject.hardware_exception.page_fault", SCENARIO_CODE(event_cr2), .run = page_fault},
    {"inject.software_exception", SCENARIO_CODE(event_vmcall), .run = software_exception},
    {"inject.software_interrupt", SCENARIO_CODE(event_vmcall), .run = software_interrupt},
    {"inject.privileged_software_exception", SCENARIO_CODE(event_vmcall),
     .run = privileged_software_exception},
    {"inject.length_0", SCENARIO_CODE(event_vmcall), .run = length_0},
    {"inject.privilege", SCENARIO_CODE(event_vmcall), .run = privilege},
    {"inject.halted", SCENARIO_CODE(event_hlt), .run = halted},
    {"inject.real", SCENARIO_CODE(event_vmcall), .run = real,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_UNRESTRICTED}}},
    {"inject.protected", SCENARIO_CODE(event_vmcall), .run = protected},
    {"inject.monitor_trap", SCENARIO_CODE(event_vmcall), .run = monitor_trap},
};

SCENARIO_SUITE(selftest_injection, scenarios);
