/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of waiting: loops of PAUSE, TPAUSE and UMWAIT. SDM vol. 3C, "Instructions That Cause VM
 * Exits Conditionally": PAUSE, TPAUSE, UMWAIT; "Changes to Instruction Behavior in VMX Non-Root
 * Operation".
 */
#include "selftest/instruction.h"

extern const char code_pause_loop[], code_pause_loop_end[];
extern const char code_pause_slowly[], code_pause_slowly_end[];
extern const char code_user_wait[], code_user_wait_end[];

/* In ticks of the TSC: so many that no processor's PAUSE takes as long as the gap, and so few that
 * as many times PAUSE are no hanging guest. */
#define GAP    UINT64_C(0x4000)
#define WINDOW UINT64_C(0x8000)

static void want_loop(struct rig *rig, uint64_t count)
{
    rig_set_gpr(rig, RCX, count);
    (void)want_vmcall(rig);
}

static void pause_loop(struct rig *rig)
{
    uint64_t before;

    vmwrite(VMCS_PLE_GAP, GAP);
    vmwrite(VMCS_PLE_WINDOW, WINDOW);
    rig_set_gpr(rig, RCX, WINDOW * 4);
    before = rdtsc();
    if (want_instruction(rig, (struct instruction_exit){EXIT_PAUSE, .length = 2})) {
        rig_want_between(rig, "how long the loop has run", rdtsc() - before, WINDOW, UINT64_MAX);
    }
    want_loop(rig, 2); /* a loop that ends before the window does */
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_PAUSE_LOOP, false)) {
        want_loop(rig, WINDOW);
    }
}

/* A user's loop never exits. */
static void pause_loop_user(struct rig *rig)
{
    vmwrite(VMCS_PLE_GAP, GAP);
    vmwrite(VMCS_PLE_WINDOW, WINDOW);
    rig_set_gpr(rig, RCX, WINDOW * 4);
    if (want_instruction(rig, (struct instruction_exit){EXIT_PAUSE, .length = 2})) {
        rig_go_user(rig, RIG_CODE.value);
        want_loop(rig, WINDOW);
    }
}

/* PAUSE more seldom than the gap is no loop, however long it lasts. */
static void pause_loop_gap(struct rig *rig)
{
    const uint64_t short_window = GAP * 4;

    vmwrite(VMCS_PLE_WINDOW, short_window);
    vmwrite(VMCS_PLE_GAP, GAP);
    rig_set_gpr(rig, RCX, 16);
    rig_set_gpr(rig, RSI, GAP * 2);
    (void)want_vmcall(rig);
    vmwrite(VMCS_PLE_GAP, GAP * 64);
    (void)want_instruction(rig, (struct instruction_exit){EXIT_PAUSE, .length = 2});
}

/* UMONITOR, TPAUSE, UMWAIT: with a deadline that has passed, they do not wait. */
static void set_up_waits(struct rig *rig)
{
    rig_set_gpr(rig, RAX, 0);
    rig_set_gpr(rig, RBX, RIG_PAGE_A.value);
    rig_set_gpr(rig, RDX, 0);
    rig_set_gpr(rig, RDI, 1);
    rig_set_gpr(rig, RSI, 1);
}

/* With RDTSC exiting, TPAUSE and UMWAIT exit; UMONITOR never does. */
static void user_wait_pause(struct rig *rig)
{
    uint64_t rip = RIG_CODE.value;

    set_up_waits(rig);
    (void)want_vmcall(rig);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_RDTSC, true)) {
        (void)want_instruction(rig, (struct instruction_exit){EXIT_TPAUSE, .length = 4});
        (void)want_instruction(rig, (struct instruction_exit){EXIT_UMWAIT, .length = 4});
        (void)want_vmcall(rig);
    }
    if (!rig_switch(rig, CONTROL_SECONDARY, SECONDARY_USER_WAIT_PAUSE, false)) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (rig_expect_event(rig, VECTOR_UD)) {
            rig_want(rig, "the saved RIP", rig->event.rip, rip);
            rip += 4;
            rig_return(rig, rip);
        }
    }
}

static void user_wait_information(struct rig *rig)
{
    struct information of_rdi = information_of_operand(RDI, 0);
    struct information of_rsi = information_of_operand(RSI, 0);
    const uint32_t register_alone = BITS(6, 3);

    of_rdi.mask &= register_alone;
    of_rsi.mask &= register_alone;
    set_up_waits(rig);
    (void)want_instruction(
        rig, (struct instruction_exit){EXIT_TPAUSE, .length = 4, .information = of_rdi});
    (void)want_instruction(
        rig, (struct instruction_exit){EXIT_UMWAIT, .length = 4, .information = of_rsi});
}

static const struct scenario scenarios[] = {
    {"secondary.pause_loop", SCENARIO_CODE(pause_loop), .run = pause_loop,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_PAUSE_LOOP}}},
    {"secondary.pause_loop.user", SCENARIO_CODE(pause_loop), .run = pause_loop_user,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_PAUSE_LOOP}}},
    {"secondary.pause_loop.gap", SCENARIO_CODE(pause_slowly), .run = pause_loop_gap,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_PAUSE_LOOP}}},
    {"secondary.user_wait_pause", SCENARIO_CODE(user_wait), .run = user_wait_pause,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_USER_WAIT_PAUSE}}},
    {"secondary.user_wait_pause.information", SCENARIO_CODE(user_wait),
     .run = user_wait_information,
     .needs =
         {{[CONTROL_PRIMARY] = PRIMARY_RDTSC, [CONTROL_SECONDARY] = SECONDARY_USER_WAIT_PAUSE}},
     .known_wrong = {"bochs-3.0", "does not write the instruction information"}},
};

SCENARIO_SUITE(selftest_pause, scenarios);
