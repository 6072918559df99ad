/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of NMIs. SDM vol. 3C, "Virtual NMIs" of "Pin-Based VM-Execution Controls"; "Changes to
 * Instruction Behavior in VMX Non-Root Operation" (IRET); "Information for VM Exits Due to Vectored
 * Events". */
#include "ept/violation.h"
#include "selftest/event.h"
#include "vmx/run.h"

extern const char code_nmi_self[], code_nmi_self_end[];
extern const char code_nmi_vmcall[], code_nmi_vmcall_end[];
extern const char code_nmi_blocked[], code_nmi_blocked_end[];
extern const char code_nmi_iret[], code_nmi_iret_end[];

#define NMI event_of(INTERRUPTION_NMI, VECTOR_NMI)

static void want_interruptibility(struct rig *rig, uint64_t want)
{
    rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), want);
}

/* Wants an NMI to exit, while the guest waits for it or, slower, somewhat before. */
static bool expect_nmi_exit(struct rig *rig)
{
    if (!rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
        return false;
    }
    rig_want(rig, "interruption information", rig->exit->interruption & ~NMI_UNBLOCKING, NMI);
    rig_want(rig, "qualification", rig->exit->qualification, 0);
    rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, INTERRUPTION_VALID, 0);
    return !rig->failed;
}

/* Lets the guest handle NMIs where it says, and begins again. */
static bool start(struct rig *rig)
{
    event_open_local_apic(rig);
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return false;
    }
    event_set_gate(rig, VECTOR_NMI, rig_gpr(rig, RBX));
    return true;
}

/* 1: it exits. 0: it goes to the guest's IDT, and NMIs are blocked. */
static void exiting(struct rig *rig)
{
    if (start(rig) && expect_nmi_exit(rig)) {
        want_interruptibility(rig, 0);
    }
    event_unblock_nmis();
    if (rig_switch(rig, CONTROL_PIN, PIN_NMI, false) && start(rig) &&
        rig_expect(rig, EXIT_VMCALL)) {
        event_want_state(rig, rig_gpr(rig, RBX) + 1, INTERRUPTIBILITY_NMI, ACTIVITY_ACTIVE);
    }
    event_unblock_nmis();
}

/* The same with a handler that exits with its first instruction. */
static void handler(struct rig *rig)
{
    if (!rig_switch(rig, CONTROL_PIN, PIN_NMI, false)) {
        rig_skip(rig, "pin.nmi at 0");
    }
    event_open_local_apic(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        uint64_t vmcall = rig_gpr(rig, RBX) + 1; /* behind the NOP */

        event_set_gate(rig, VECTOR_NMI, vmcall);
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "the RIP of the exit", rig->exit->rip, vmcall);
        }
    }
    event_unblock_nmis();
}

/* An NMI that is injected blocks virtual NMIs, until IRET. */
static void virtual_nmi(struct rig *rig)
{
    if (!event_switch_on(rig, CONTROL_PIN, PIN_VIRTUAL_NMI)) {
        return;
    }
    event_inject(NMI, 0, 0);
    if (event_expect_given(rig, NMI, 0, RIG_CODE.value)) {
        want_interruptibility(rig, INTERRUPTIBILITY_NMI);
        rig_return(rig, RIG_CODE.value);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        want_interruptibility(rig, 0);
    }
}

/* Virtual NMIs that are blocked block no NMI. */
static void virtual_nmi_physical(struct rig *rig)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI);
    if (start(rig) && expect_nmi_exit(rig)) {
        want_interruptibility(rig, INTERRUPTIBILITY_NMI);
    }
    event_unblock_nmis();
}

/* Without virtual NMIs, the field blocks NMIs themselves. One that comes waits for IRET, if the
 * guest is given them; with NMI exiting, IRET does not change the blocking. */
static void blocked(struct rig *rig)
{
    event_open_local_apic(rig);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI);
    for (unsigned i = 0; i < 3 && rig_expect_and_skip(rig, EXIT_VMCALL); i++) {
        want_interruptibility(rig, INTERRUPTIBILITY_NMI);
    }
    if (rig_switch(rig, CONTROL_PIN, PIN_NMI, false) && start(rig) &&
        rig_expect_and_skip(rig, EXIT_VMCALL) && rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "whether the NMI came after IRET", rig_gpr(rig, RSI) - rig_gpr(rig, RBX) < 16,
                 true);
        want_interruptibility(rig, INTERRUPTIBILITY_NMI);
    }
    event_unblock_nmis();
}

/* Who may end the blocking of NMIs by IRET: who is given them, and of virtual NMIs everyone. */
static bool let_unblock(struct rig *rig, bool virtual_nmis)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI);
    return virtual_nmis ? rig_switch(rig, CONTROL_PIN, PIN_NMI | PIN_VIRTUAL_NMI, true)
                        : rig_switch(rig, CONTROL_PIN, PIN_NMI | PIN_VIRTUAL_NMI, false);
}

/* An IRET that faults has ended the blocking already, and the exit says so. */
static void unblocking(struct rig *rig)
{
    event_remove_page(rig);
    event_intercept(BIT(VECTOR_PF));
    rig_set_gpr(rig, RSP, EVENT_NOT_PRESENT);
    for (unsigned virtual_nmis = 0; virtual_nmis < 2; virtual_nmis++) {
        if (!let_unblock(rig, virtual_nmis)) {
            continue;
        }
        for (unsigned blocking = 2; blocking-- != 0;) {
            if (event_expect_exit(rig, event_fault_code(VECTOR_PF), 0, RIG_CODE.value)) {
                rig_want(rig, "NMI unblocking due to IRET",
                         FIELD_GET(NMI_UNBLOCKING, rig->exit->interruption), blocking);
                rig_want(rig, "page that IRET reads", rig->exit->qualification & ~(PAGE_SIZE - 1),
                         EVENT_NOT_PRESENT);
                want_interruptibility(rig, 0);
            }
        }
    }
    event_unblock_nmis();
}

/* The same of an EPT violation: there the qualification has the bit. */
static void unblocking_ept(struct rig *rig)
{
    event_hide_page(rig, RIG_PAGE_C);
    rig_set_gpr(rig, RSP, RIG_PAGE_C.value);
    for (unsigned virtual_nmis = 0; virtual_nmis < 2; virtual_nmis++) {
        if (!let_unblock(rig, virtual_nmis)) {
            continue;
        }
        for (unsigned blocking = 2; blocking-- != 0;) {
            if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
                rig_want(rig, "NMI unblocking due to IRET",
                         FIELD_GET(EPT_VIOLATION_NMI_UNBLOCK, rig->exit->qualification), blocking);
                want_interruptibility(rig, 0);
            }
        }
    }
    event_unblock_nmis();
}

static const struct scenario scenarios[] = {
    {"pin.nmi", SCENARIO_CODE(nmi_self), .run = exiting, .needs = {{[CONTROL_PIN] = PIN_NMI}}},
    {"pin.nmi.handler", SCENARIO_CODE(nmi_self), .run = handler,
     .known_wrong = {"bochs-3.0", "the exit tells the RIP that the NMI interrupted"}},
    {"pin.virtual_nmi", SCENARIO_CODE(nmi_vmcall), .run = virtual_nmi},
    {"pin.virtual_nmi.physical", SCENARIO_CODE(nmi_self), .run = virtual_nmi_physical,
     .needs = {{[CONTROL_PIN] = PIN_NMI | PIN_VIRTUAL_NMI}}},
    {"interruptibility.nmi", SCENARIO_CODE(nmi_blocked), .run = blocked},
    {"exception.nmi_unblocking", SCENARIO_CODE(nmi_iret), .run = unblocking},
    {"exception.nmi_unblocking.ept", SCENARIO_CODE(nmi_iret), .run = unblocking_ept},
};

SCENARIO_SUITE(selftest_nmi, scenarios);
