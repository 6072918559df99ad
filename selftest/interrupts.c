/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of external interrupts, which the processor's local APIC sends to itself before the
 * entry. SDM vol. 3C, "Other Causes of VM Exits", "Event Blocking", "Saving Non-Register State". */
#include "selftest/virtual_apic.h"
#include "vmx/advance.h"

extern const char code_interrupt_step[], code_interrupt_step_end[];
extern const char code_interrupt_sti[], code_interrupt_sti_end[];
extern const char code_interrupt_cli[], code_interrupt_cli_end[];
extern const char code_interrupt_halt[], code_interrupt_halt_end[];
extern const char code_interrupt_cr8[], code_interrupt_cr8_end[];

#define VECTOR       LOCAL_VECTOR
#define ACTIVITY_HLT 1

/* Runs the scenario with a local APIC that can interrupt, which is then as it was. */
static void with_local_apic(struct rig *rig, void (*run)(struct rig *rig))
{
    uint32_t spurious;

    if (local_interrupts_begin(rig, &spurious)) {
        run(rig);
        local_interrupts_end(spurious);
    }
}

/* The guest begins anew, with RBX 0 and an interrupt that waits. */
static void restart(struct rig *rig, uint64_t blocking)
{
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    unmask_guest(blocking);
    rig_set_gpr(rig, RBX, 0);
    local_interrupt(rig, VECTOR);
}

static void want_taken(struct rig *rig)
{
    rig_want(rig, "the interrupt that the hypervisor is left", local_apic_take_interrupts(),
             VECTOR);
}

/* Exits, and stays where it is; 0: the guest's own IDT gets it. */
static void exiting(struct rig *rig)
{
    (void)rig_switch(rig, CONTROL_EXIT, EXIT_ACKNOWLEDGE_INTERRUPT, false);
    restart(rig, 0);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want_bits(rig, "interruption information", rig->exit->interruption, INTERRUPTION_VALID,
                      0);
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
        rig_want(rig, "whether it still waits", local_apic_is_requested(VECTOR), true);
        want_taken(rig);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false)) {
        restart(rig, 0);
        if (rig_expect_event(rig, VECTOR)) {
            rig_want(rig, "the address that it interrupts", rig->event.rip, RIG_CODE.value);
            rig_want_bits(rig, "RFLAGS on the stack", rig->event.rflags, RFLAGS_IF, RFLAGS_IF);
            rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_IF, 0);
            rig_want(rig, "whether it is in service", local_apic_is_in_service(VECTOR), true);
        }
    }
}

static void acknowledging(struct rig *rig)
{
    restart(rig, 0);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want_bits(rig, "interruption information", rig->exit->interruption,
                      INTERRUPTION_VALID | INTERRUPTION_ERROR_CODE | INTERRUPTION_TYPE |
                          INTERRUPTION_VECTOR,
                      INTERRUPTION_VALID | VECTOR);
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
        rig_want(rig, "whether it still waits", local_apic_is_requested(VECTOR), false);
        rig_want(rig, "whether it is in service", local_apic_is_in_service(VECTOR), true);
    }
}

/* CLI, behind an entry that lets it run, holds back what the guest's IDT would get, and no exit. */
static void masked(struct rig *rig)
{
    restart(rig, INTERRUPTIBILITY_STI);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want(rig, "the address behind CLI", rig->exit->rip, RIG_CODE.value + 1);
        rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_IF, 0);
        local_apic_eoi(VECTOR);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false)) {
        restart(rig, INTERRUPTIBILITY_STI);
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "instructions run behind CLI", rig_gpr(rig, RBX), 2);
            want_taken(rig);
        }
    }
}

/* The same of an entry with interrupts off. */
static void masked_at_entry(struct rig *rig)
{
    local_interrupt(rig, VECTOR);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
    }
}

/* STI and MOV SS hold back for one instruction what exits as what does not. */
static void shadow(struct rig *rig)
{
    static const uint64_t blocking[] = {INTERRUPTIBILITY_STI, INTERRUPTIBILITY_MOV_SS};

    for (unsigned i = 0; i < ARRAY_SIZE(blocking) && !rig->failed; i++) {
        restart(rig, blocking[i]);
        if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
            rig_want(rig, "instructions run before the exit", rig_gpr(rig, RBX), 1);
            rig_want(rig, "the interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), 0);
            local_apic_eoi(VECTOR);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(blocking) && !rig->failed &&
                         rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false);
         i++) {
        restart(rig, blocking[i]);
        if (rig_expect_event(rig, VECTOR)) {
            rig_want(rig, "instructions run before the interrupt", rig_gpr(rig, RBX), 1);
            local_apic_eoi(VECTOR);
        }
    }
}

/* The guest's own STI, where interrupts do not exit. */
static void after_sti(struct rig *rig)
{
    if (!rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false)) {
        rig_skip(rig, "pin.external_interrupt that may be 0");
    }
    local_interrupt(rig, VECTOR);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "whether it waits while interrupts are off", local_apic_is_requested(VECTOR),
                 true);
    }
    if (rig_expect_event(rig, VECTOR)) {
        rig_want(rig, "instructions run behind STI", rig_gpr(rig, RBX), 1);
        rig_return(rig, rig->event.rip);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "instructions run in all", rig_gpr(rig, RBX), 2);
    }
}

/* Runs HLT, which an entry that blocks lets run, until the interrupt ends it. */
static bool expect_halt_to_exit(struct rig *rig)
{
    if (!rig_switch(rig, CONTROL_PRIMARY, PRIMARY_HLT, false)) {
        rig_skip(rig, "primary.hlt that may be 0");
    }
    restart(rig, INTERRUPTIBILITY_STI);
    return rig_expect(rig, EXIT_EXTERNAL_INTERRUPT);
}

/* HLT ends by what exits as by what is delivered. */
static void halted(struct rig *rig)
{
    if (expect_halt_to_exit(rig)) {
        rig_want(rig, "the address behind HLT", rig->exit->rip, RIG_CODE.value + 1);
        rig_want(rig, "the interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), 0);
        local_apic_eoi(VECTOR);
        vmwrite(VMCS_GUEST_ACTIVITY, 0);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false)) {
        restart(rig, INTERRUPTIBILITY_STI);
        if (rig_expect_event(rig, VECTOR)) {
            rig_want(rig, "the address behind HLT", rig->event.rip, RIG_CODE.value + 1);
            rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), 0);
        }
    }
}

/* The processor becomes active only after an exit: what is saved is the state before it. */
static void halted_state(struct rig *rig)
{
    if (expect_halt_to_exit(rig)) {
        rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_HLT);
    }
}

/* The same of an entry into that state. */
static void halted_at_entry(struct rig *rig)
{
    if (!(rig->operation->capabilities.misc & VMX_MISC_HLT)) {
        rig_skip(rig, "IA32_VMX_MISC bit 6 (activity state HLT)");
    }
    restart(rig, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
        local_apic_eoi(VECTOR);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, false)) {
        restart(rig, 0);
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
        if (rig_expect_event(rig, VECTOR)) {
            rig_want(rig, "the address that it interrupts", rig->event.rip, RIG_CODE.value);
            rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), 0);
        }
    }
}

/* The processor's own TPR holds back exits too; that of the shadow does not. */
static void by_cr8(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0xF0;
    restart(rig, 0);
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
        local_apic_eoi(VECTOR);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TPR_SHADOW, false)) {
        write_cr8(VECTOR >> 4);
        restart(rig, 0);
        rig_set_gpr(rig, RDX, (VECTOR >> 4) - 1);
        if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
            rig_want(rig, "CR8", rig_gpr(rig, RBX), VECTOR >> 4);
        }
        if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
            rig_want(rig, "the address behind MOV to CR8", rig->exit->rip, rig_gpr(rig, RSI));
        }
    }
}

#define RUN(which)                                                                                 \
    static void run_##which(struct rig *rig)                                                       \
    {                                                                                              \
        with_local_apic(rig, which);                                                               \
    }
RUN(exiting)
RUN(acknowledging)
RUN(masked)
RUN(masked_at_entry)
RUN(shadow)
RUN(after_sti)
RUN(halted)
RUN(halted_state)
RUN(halted_at_entry)
RUN(by_cr8)
#undef RUN

static const struct scenario scenarios[] = {
    {"pin.external_interrupt", SCENARIO_CODE(interrupt_step), .run = run_exiting,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}}},
    {"exit.acknowledge_interrupt", SCENARIO_CODE(interrupt_step), .run = run_acknowledging,
     .needs =
         {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT, [CONTROL_EXIT] = EXIT_ACKNOWLEDGE_INTERRUPT}}},
    {"pin.external_interrupt.masked", SCENARIO_CODE(interrupt_cli), .run = run_masked,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}}},
    {"pin.external_interrupt.masked_at_entry", SCENARIO_CODE(interrupt_step),
     .run = run_masked_at_entry, .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}},
     .known_wrong = {"bochs-3.0", "an entry with RFLAGS.IF = 0 masks interrupts that exit"}},
    {"pin.external_interrupt.shadow", SCENARIO_CODE(interrupt_step), .run = run_shadow,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}}},
    {"pin.external_interrupt.sti", SCENARIO_CODE(interrupt_sti), .run = run_after_sti},
    {"pin.external_interrupt.halt", SCENARIO_CODE(interrupt_halt), .run = run_halted,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}}},
    {"pin.external_interrupt.halt_state", SCENARIO_CODE(interrupt_halt), .run = run_halted_state,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}},
     .known_wrong = {"bochs-3.0", "an exit that ends HLT saves the active state"}},
    {"pin.external_interrupt.halt_at_entry", SCENARIO_CODE(interrupt_step),
     .run = run_halted_at_entry, .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT}}},
    {"primary.tpr_shadow.interrupt", SCENARIO_CODE(interrupt_cr8), .run = run_by_cr8,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT, [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW}}},
};

SCENARIO_SUITE(selftest_interrupts, scenarios);
