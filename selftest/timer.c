/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the VMX-preemption timer. SDM vol. 3C, "VMX-Preemption Timer"; "Other Causes of VM
 * Exits". */
#include "selftest/event.h"

extern const char code_timer_turns[], code_timer_turns_end[];
extern const char code_timer_ticks[], code_timer_ticks_end[];
extern const char code_window_next[], code_window_next_end[];

#define TICKS UINT64_C(100000) /* of the TSC */
#define TURNS (TICKS * 50)     /* take longer, at an instruction or two a tick */
#define LONG  UINT64_C(0x80000000)

static uint64_t rate(const struct rig *rig)
{
    return FIELD_GET(VMX_MISC_TIMER_RATE, rig->operation->capabilities.misc);
}

static void wind(const struct rig *rig, uint64_t ticks)
{
    vmwrite(VMCS_PREEMPTION_TIMER, ticks >> rate(rig));
}

/* It expires no earlier than it was told to. */
static void expires(struct rig *rig)
{
    uint64_t start;

    rig->own_timer = true;
    wind(rig, TICKS);
    rig_set_gpr(rig, RCX, TURNS);
    start = rdtsc();
    if (rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
        rig_want(rig, "whether it was early",
                 (rdtsc() - start) >> rate(rig) < (TICKS >> rate(rig)) - 1, false);
        rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), 0);
        rig_want(rig, "activity state", vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_ACTIVE);
    }
}

/* 0: no instruction is executed. */
static void zero(struct rig *rig)
{
    rig->own_timer = true;
    wind(rig, 0);
    if (rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
        event_want_state(rig, RIG_CODE.value, 0, ACTIVITY_ACTIVE);
    }
    if (rig_switch(rig, CONTROL_PIN, PIN_PREEMPTION_TIMER, false)) {
        (void)rig_expect(rig, EXIT_VMCALL);
    }
}

/* An injected event is delivered first: then no instruction of its handler is executed. */
static void zero_injecting(struct rig *rig)
{
    uint64_t rsp = vmread(VMCS_GUEST_RSP);

    rig->own_timer = true;
    wind(rig, 0);
    event_inject(event_fault(VECTOR_UD), 0, 0);
    if (rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
        rig_want(rig, "whether the frame is on the stack", vmread(VMCS_GUEST_RSP) < rsp, true);
    }
    if (rig_switch(rig, CONTROL_PIN, PIN_PREEMPTION_TIMER, false) &&
        rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "RIP on the stack", rig->event.rip, RIG_CODE.value);
    }
}

/* It wakes from the states that an NMI wakes from. */
static void wakes(struct rig *rig)
{
    if (!event_switch_on(rig, CONTROL_PIN, PIN_PREEMPTION_TIMER)) {
        return;
    }
    rig->own_timer = true;
    for (enum activity activity = ACTIVITY_HLT; activity <= ACTIVITY_SHUTDOWN; activity++) {
        wind(rig, TICKS);
        if (event_set_activity(rig, activity) && rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
            event_want_state(rig, RIG_CODE.value, 0, activity);
        }
    }
}

/* What is left is saved: it has counted all of the guest's time, and no more than passed here. */
static void save(struct rig *rig)
{
    uint64_t from, outside, inside, counted;

    rig->own_timer = true;
    vmwrite(VMCS_PREEMPTION_TIMER, LONG);
    rig_set_gpr(rig, RSI, TICKS);
    from = rdtsc();
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    outside = (rdtsc() - from) >> rate(rig);
    inside = (rig_gpr(rig, RCX) - rig_gpr(rig, RBX)) >> rate(rig);
    counted = LONG - vmread(VMCS_PREEMPTION_TIMER);
    rig_want(rig, "whether it has counted less than the guest", counted + 1 < inside, false);
    rig_want(rig, "whether it has counted more than passed", counted > outside + 1, false);
    wind(rig, TICKS / 2);
    if (rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
        rig_want(rig, "timer value after it has expired", vmread(VMCS_PREEMPTION_TIMER), 0);
    }
    vmwrite(VMCS_PREEMPTION_TIMER, LONG);
    if (rig_switch(rig, CONTROL_EXIT, EXIT_SAVE_PREEMPTION_TIMER, false) &&
        rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "timer value that is not saved", vmread(VMCS_PREEMPTION_TIMER), LONG);
    }
}

static const struct scenario scenarios[] = {
    {"pin.preemption_timer", SCENARIO_CODE(timer_turns), .run = expires,
     .needs = {{[CONTROL_PIN] = PIN_PREEMPTION_TIMER}}},
    {"pin.preemption_timer.zero", SCENARIO_CODE(window_next), .run = zero,
     .needs = {{[CONTROL_PIN] = PIN_PREEMPTION_TIMER}}},
    {"pin.preemption_timer.injecting", SCENARIO_CODE(window_next), .run = zero_injecting,
     .needs = {{[CONTROL_PIN] = PIN_PREEMPTION_TIMER}}},
    {"pin.preemption_timer.wakes", SCENARIO_CODE(window_next), .run = wakes},
    {"exit.save_preemption_timer", SCENARIO_CODE(timer_ticks), .run = save,
     .needs =
         {{[CONTROL_PIN] = PIN_PREEMPTION_TIMER, [CONTROL_EXIT] = EXIT_SAVE_PREEMPTION_TIMER}}},
};

SCENARIO_SUITE(selftest_timer, scenarios);
