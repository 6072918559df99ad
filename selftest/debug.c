/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the interruptibility state and of debug exceptions, pending ones too. SDM vol. 3C,
 * "Guest Non-Register State"; "Saving Non-Register State"; "Delivery of Pending Debug Exceptions
 * after VM Entry"; "Exit Qualification for Debug Exceptions". */
#include "selftest/event.h"

extern const char code_shadow_sti[], code_shadow_sti_end[];
extern const char code_shadow_mov_ss[], code_shadow_mov_ss_end[];
extern const char code_debug_nops[], code_debug_nops_end[];
extern const char code_debug_cpuid[], code_debug_cpuid_end[];
extern const char code_debug_write[], code_debug_write_end[];
extern const char code_debug_dr7[], code_debug_dr7_end[];

#define START         RIG_CODE.value
#define VMCALL_LENGTH 3
#define WRITE_LENGTH  2 /* of debug_write */

#define DR7_FIXED  BIT(10)
#define DR7_L0     BIT(0)
#define DR7_L1     BIT(2)
#define DR7_GD     BIT(13)
#define DR7_WRITE1 (BIT(20) | BITS(23, 22)) /* breakpoint 1: 4 bytes that are written */

static void set_flags(uint64_t flags)
{
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | flags);
}

static void set_rip(uint64_t rip)
{
    vmwrite(VMCS_GUEST_RIP, rip);
}

/* #DB exits, and DR6 is left to the hypervisor. */
static bool expect_debug_exit(struct rig *rig, uint64_t cause, uint64_t rip)
{
    write_dr6(DR6_RESET);
    event_intercept(BIT(VECTOR_DB));
    if (event_expect_exit(rig, event_fault(VECTOR_DB), 0, rip)) {
        rig_want(rig, "qualification", rig->exit->qualification & DEBUG_CAUSES, cause);
        rig_want(rig, "DR6", read_dr6(), DR6_RESET);
    }
    event_intercept(0);
    return !rig->failed;
}

/* The guest is given #DB, and DR6 tells it the cause. */
static bool expect_debug_given(struct rig *rig, uint64_t cause, uint64_t rip)
{
    write_dr6(DR6_RESET);
    event_intercept(0);
    if (event_expect_given(rig, event_fault(VECTOR_DB), 0, rip)) {
        rig_want(rig, "DR6", read_dr6() & DEBUG_CAUSES, cause);
    }
    return !rig->failed;
}

/* The exit of the next instruction tells of the blocking. Given back, it keeps an interrupt window
 * shut for one instruction more. */
static void want_shadow(struct rig *rig, uint64_t blocking)
{
    uint64_t behind;

    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, false);
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), blocking);
    behind = rig->exit->rip + VMCALL_LENGTH;
    set_rip(behind);
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, true);
    if (rig_expect(rig, EXIT_INTERRUPT_WINDOW)) {
        event_want_state(rig, behind + 1, 0, ACTIVITY_ACTIVE);
    }
}

static void sti(struct rig *rig)
{
    want_shadow(rig, INTERRUPTIBILITY_STI);
}

static void mov_ss(struct rig *rig)
{
    rig_set_gpr(rig, RAX, RIG_DATA);
    set_flags(RFLAGS_IF);
    want_shadow(rig, INTERRUPTIBILITY_MOV_SS);
}

/* A breakpoint of the instruction before, and its single step: both come before another one. */
static void pending(struct rig *rig)
{
    static const uint64_t causes[] = {DEBUG_B0 | DEBUG_ENABLED, DEBUG_BS,
                                      DEBUG_B1 | DEBUG_ENABLED | DEBUG_BS};

    for (unsigned i = 0; i < ARRAY_SIZE(causes); i++) {
        set_rip(START);
        vmwrite(VMCS_GUEST_PENDING_DEBUG, causes[i]);
        (void)expect_debug_exit(rig, causes[i] & DEBUG_CAUSES, START);
        vmwrite(VMCS_GUEST_PENDING_DEBUG, causes[i]);
        (void)expect_debug_given(rig, causes[i] & DEBUG_CAUSES, START);
        rig_return(rig, START + 2);
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "pending debug exceptions", vmread(VMCS_GUEST_PENDING_DEBUG), 0);
        }
    }
}

/* MOV SS holds the single step back; an exit in its shadow saves it, and it comes behind the
 * instruction that follows. */
static void pending_mov_ss(struct rig *rig)
{
    rig_set_gpr(rig, RAX, RIG_DATA);
    set_flags(RFLAGS_TF);
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY),
             INTERRUPTIBILITY_MOV_SS);
    rig_want(rig, "pending debug exceptions", vmread(VMCS_GUEST_PENDING_DEBUG), DEBUG_BS);
    set_rip(rig->exit->rip + VMCALL_LENGTH);
    (void)expect_debug_given(rig, DEBUG_BS, rig->exit->rip + VMCALL_LENGTH + 1);
}

/* A trap: behind the instruction, and without RF. */
static void single_step(struct rig *rig)
{
    set_flags(RFLAGS_TF);
    if (expect_debug_exit(rig, DEBUG_BS, START + 1)) {
        rig_want(rig, "RFLAGS.TF and RFLAGS.RF",
                 vmread(VMCS_GUEST_RFLAGS) & (RFLAGS_TF | RFLAGS_RF), RFLAGS_TF);
    }
    (void)expect_debug_given(rig, DEBUG_BS, START + 2);
}

/* Where the hypervisor has executed the instruction, it has made the trap pending. */
static void single_step_skip(struct rig *rig)
{
    set_flags(RFLAGS_TF);
    if (rig_expect_and_skip(rig, EXIT_CPUID)) {
        (void)expect_debug_exit(rig, DEBUG_BS, START + 2);
    }
    set_rip(START);
    if (rig_expect_and_skip(rig, EXIT_CPUID)) {
        (void)expect_debug_given(rig, DEBUG_BS, START + 2);
    }
}

/* A fault, before the instruction; unlike others it does not set RF, with which the instruction
 * goes through. */
static void breakpoint(struct rig *rig)
{
    write_dr0(START + 1);
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED | DR7_L0);
    if (expect_debug_exit(rig, DEBUG_B0, START + 1)) {
        rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_RF, 0);
    }
    set_flags(RFLAGS_RF);
    (void)rig_expect(rig, EXIT_VMCALL);
    set_rip(START);
    if (expect_debug_given(rig, DEBUG_B0, START + 1)) {
        rig_want_bits(rig, "RFLAGS on the stack", rig->event.rflags, RFLAGS_RF, 0);
    }
}

/* A trap: behind the instruction, which has written. */
static void breakpoint_write(struct rig *rig)
{
    const uint32_t *written = rig_memory(rig, RIG_PAGE_A);

    write_dr1(RIG_PAGE_A.value);
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED | DR7_L1 | DR7_WRITE1);
    for (unsigned i = 0; i < 2; i++) {
        set_rip(START);
        rig_set_gpr(rig, RDI, RIG_PAGE_A.value);
        rig_set_gpr(rig, RAX, 0x1234 + i);
        (void)(i == 0 ? expect_debug_exit(rig, DEBUG_B1, START + WRITE_LENGTH)
                      : expect_debug_given(rig, DEBUG_B1, START + WRITE_LENGTH));
        rig_want(rig, "what is written", *written, 0x1234 + i);
    }
}

/* DR7.GD guards the debug registers, and is 0 for the handler. */
static void general_detect(struct rig *rig)
{
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED | DR7_GD);
    (void)expect_debug_exit(rig, DEBUG_BD, START);
    (void)expect_debug_given(rig, DEBUG_BD, START);
    rig_want_bits(rig, "DR7 of the handler", vmread(VMCS_GUEST_DR7), DR7_GD, 0);
    rig_return(rig, START);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "DR7 as the guest reads it", rig_gpr(rig, RAX), DR7_FIXED);
    }
}

static const struct scenario scenarios[] = {
    {"interruptibility.sti", SCENARIO_CODE(shadow_sti), .run = sti,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW}}},
    {"interruptibility.mov_ss", SCENARIO_CODE(shadow_mov_ss), .run = mov_ss,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW}}},
    {"debug.pending", SCENARIO_CODE(debug_nops), .run = pending},
    {"debug.pending.mov_ss", SCENARIO_CODE(shadow_mov_ss), .run = pending_mov_ss},
    {"debug.single_step", SCENARIO_CODE(debug_nops), .run = single_step},
    {"debug.single_step.skip", SCENARIO_CODE(debug_cpuid), .run = single_step_skip},
    {"debug.breakpoint", SCENARIO_CODE(debug_nops), .run = breakpoint,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_DEBUG}}, .known_of_many = KNOWN_STALE_RIP},
    {"debug.breakpoint.write", SCENARIO_CODE(debug_write), .run = breakpoint_write,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_DEBUG}}},
    {"debug.general_detect", SCENARIO_CODE(debug_dr7), .run = general_detect,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_DEBUG, [CONTROL_EXIT] = EXIT_SAVE_DEBUG}}},
};

SCENARIO_SUITE(selftest_debug, scenarios);
