/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of interrupt windows and NMI windows. SDM vol. 3C, "Other Causes of VM Exits". */
#include "selftest/event.h"
#include "vmx/run.h"

extern const char code_window_sti[], code_window_sti_end[];
extern const char code_window_next[], code_window_next_end[];
extern const char code_window_hlt[], code_window_hlt_end[];
extern const char code_window_iret[], code_window_iret_end[];

static void set_flag(uint64_t flag)
{
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | flag);
}

/* STI opens the window, but behind the instruction that follows it. */
static void interrupt_window(struct rig *rig)
{
    if (!rig_expect_and_skip(rig, EXIT_VMCALL) || !rig_expect(rig, EXIT_INTERRUPT_WINDOW)) {
        return;
    }
    event_want_state(rig, rig_gpr(rig, RBX), 0, ACTIVITY_ACTIVE);
    rig_want_bits(rig, "RFLAGS.IF", vmread(VMCS_GUEST_RFLAGS), RFLAGS_IF, RFLAGS_IF);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, false)) {
        (void)rig_expect(rig, EXIT_VMCALL);
    }
}

/* With interrupts on, MOV SS blocks the window for one instruction; then it is there at once. */
static void interrupt_window_mov_ss(struct rig *rig)
{
    set_flag(RFLAGS_IF);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS);
    for (unsigned i = 0; i < 2 && rig_expect(rig, EXIT_INTERRUPT_WINDOW); i++) {
        event_want_state(rig, RIG_CODE.value + 1, 0, ACTIVITY_ACTIVE);
    }
}

/* A guest that halts is woken as by an interrupt. */
static void interrupt_window_hlt(struct rig *rig)
{
    if (!rig_switch(rig, CONTROL_PRIMARY, PRIMARY_HLT, false)) {
        rig_skip(rig, "primary.hlt at 0");
    }
    if (rig_expect(rig, EXIT_INTERRUPT_WINDOW)) {
        event_want_state(rig, rig_gpr(rig, RBX), 0, ACTIVITY_HLT);
    }
}

/* IRET ends the blocking of virtual NMIs: there is the window. */
static void nmi_window(struct rig *rig)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI);
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    event_want_state(rig, RIG_CODE.value, INTERRUPTIBILITY_NMI, ACTIVITY_ACTIVE);
    vcpu_advance(rig->vcpu);
    if (rig_expect(rig, EXIT_NMI_WINDOW)) {
        event_want_state(rig, rig_gpr(rig, RBX), 0, ACTIVITY_ACTIVE);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_NMI_WINDOW, false)) {
        (void)rig_expect(rig, EXIT_VMCALL);
    }
}

/* MOV SS blocks it for one instruction, whatever RFLAGS.IF is; then it is there at once. */
static void nmi_window_mov_ss(struct rig *rig)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS);
    for (unsigned i = 0; i < 2 && rig_expect(rig, EXIT_NMI_WINDOW); i++) {
        event_want_state(rig, RIG_CODE.value + 1, 0, ACTIVITY_ACTIVE);
    }
}

/* It wakes from whatever an NMI wakes from: HLT, with interrupts off, and shutdown. */
static void nmi_window_wakes(struct rig *rig)
{
    for (enum activity activity = ACTIVITY_HLT; activity <= ACTIVITY_SHUTDOWN; activity++) {
        if (event_set_activity(rig, activity) && rig_expect(rig, EXIT_NMI_WINDOW)) {
            rig_want(rig, "RIP", rig->exit->rip, RIG_CODE.value);
        }
    }
}

/* The processor is active again once the exit is done, so the state from before is saved. */
static void nmi_window_activity(struct rig *rig)
{
    if (event_set_activity(rig, ACTIVITY_HLT) && rig_expect(rig, EXIT_NMI_WINDOW)) {
        event_want_state(rig, RIG_CODE.value, 0, ACTIVITY_HLT);
    }
}

static const struct scenario scenarios[] = {
    {"primary.interrupt_window", SCENARIO_CODE(window_sti), .run = interrupt_window,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW}}},
    {"primary.interrupt_window.mov_ss", SCENARIO_CODE(window_next), .run = interrupt_window_mov_ss,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW}}},
    {"primary.interrupt_window.hlt", SCENARIO_CODE(window_hlt), .run = interrupt_window_hlt,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW}},
     .known_wrong = {"bochs-3.0", "an interrupt window does not end HLT"}},
    {"primary.nmi_window", SCENARIO_CODE(window_iret), .run = nmi_window,
     .needs =
         {{[CONTROL_PIN] = PIN_NMI | PIN_VIRTUAL_NMI, [CONTROL_PRIMARY] = PRIMARY_NMI_WINDOW}}},
    {"primary.nmi_window.mov_ss", SCENARIO_CODE(window_next), .run = nmi_window_mov_ss,
     .needs =
         {{[CONTROL_PIN] = PIN_NMI | PIN_VIRTUAL_NMI, [CONTROL_PRIMARY] = PRIMARY_NMI_WINDOW}}},
    {"primary.nmi_window.wakes", SCENARIO_CODE(window_next), .run = nmi_window_wakes,
     .needs =
         {{[CONTROL_PIN] = PIN_NMI | PIN_VIRTUAL_NMI, [CONTROL_PRIMARY] = PRIMARY_NMI_WINDOW}}},
    {"primary.nmi_window.activity", SCENARIO_CODE(window_next), .run = nmi_window_activity,
     .needs = {{[CONTROL_PIN] = PIN_NMI | PIN_VIRTUAL_NMI, [CONTROL_PRIMARY] = PRIMARY_NMI_WINDOW}},
     .known_wrong = {"bochs-3.0", "saves the active state in place of HLT"}},
};

SCENARIO_SUITE(selftest_windows, scenarios);
