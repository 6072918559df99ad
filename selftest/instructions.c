/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of controls by which an instruction exits and nothing more is to be said. SDM vol. 3C,
 * "Instructions That Cause VM Exits Conditionally".
 */
#include "selftest/instruction.h"

extern const char code_hlt[], code_hlt_end[];
extern const char code_invlpg[], code_invlpg_end[];
extern const char code_rdpmc[], code_rdpmc_end[];
extern const char code_pause[], code_pause_end[];
extern const char code_wbinvd[], code_wbinvd_end[];
extern const char code_monitor[], code_monitor_end[];
extern const char code_mwait[], code_mwait_end[];
extern const char code_mwait_armed[], code_mwait_armed_end[];
extern const char code_rdrand[], code_rdrand_end[];
extern const char code_rdseed[], code_rdseed_end[];
extern const char code_rdrand_16[], code_rdrand_16_end[];
extern const char code_rdseed_16[], code_rdseed_16_end[];

#define AS_32_BITS "tells an operand of 16 bits as one of 32 bits"

#define ACTIVITY_ACTIVE UINT64_C(0)
#define ACTIVITY_HLT    UINT64_C(1)
#define HALTED_TICKS    UINT64_C(100000)

/* Without the control the processor halts, which something must end. */
static void want_halted(struct rig *rig)
{
    uint64_t rip = vmread(VMCS_GUEST_RIP);

    if (!(rig->vcpu->controls.bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER) ||
        !rig_switch(rig, CONTROL_PRIMARY, PRIMARY_HLT, false)) {
        return;
    }
    rig->own_timer = true;
    vmwrite(VMCS_PREEMPTION_TIMER,
            HALTED_TICKS >> FIELD_GET(VMX_MISC_TIMER_RATE, rig->operation->capabilities.misc));
    if (rig_expect(rig, EXIT_PREEMPTION_TIMER)) {
        rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_HLT);
        rig_want(rig, "RIP of the halted guest", rig->exit->rip, rip + 1);
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    }
}

static void hlt(struct rig *rig)
{
    if (want_instruction(rig, (struct instruction_exit){EXIT_HLT, .length = 1})) {
        rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_ACTIVE);
        (void)want_vmcall(rig);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    }
    want_halted(rig);
}

/* The linear address: the segment's base is in it. */
static void invlpg(struct rig *rig)
{
    vmwrite(VMCS_GUEST_FS_BASE, 0x1000);
    vmwrite(VMCS_GUEST_FS_AR, vmread(VMCS_GUEST_DS_AR));
    rig_set_gpr(rig, RBX, 0x120000);
    rig_set_gpr(rig, RSI, 0x40);
    want_both_sides(rig, CONTROL_PRIMARY, PRIMARY_INVLPG,
                    (struct instruction_exit){EXIT_INVLPG, .length = 6, .qualification = 0x1210F0});
}

/* Without the control: counter 0, where CPUID says that there is one. */
static void rdpmc(struct rig *rig)
{
    rig_set_gpr(rig, RCX, 0);
    if (want_instruction(rig, (struct instruction_exit){EXIT_RDPMC, .length = 2})) {
        (void)want_vmcall(rig);
    }
    if (cpuid(0, 0).eax >= 0xA && FIELD_GET(BITS(15, 8), cpuid(0xA, 0).eax) != 0 &&
        rig_switch(rig, CONTROL_PRIMARY, PRIMARY_RDPMC, false)) {
        (void)want_vmcall(rig);
    }
}

/* At CPL 3 it exits with CR4.PCE, and is a fault without. */
static void rdpmc_user(struct rig *rig)
{
    rig_go_user(rig, RIG_CODE.value);
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_PCE);
    if (want_instruction(rig, (struct instruction_exit){EXIT_RDPMC, .length = 2}) &&
        want_vmcall(rig)) {
        vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) & ~CR4_PCE);
        (void)rig_expect_event(rig, VECTOR_GP);
    }
}

static void pause(struct rig *rig)
{
    want_both_sides(rig, CONTROL_PRIMARY, PRIMARY_PAUSE,
                    (struct instruction_exit){EXIT_PAUSE, .length = 2});
}

/* Then WBNOINVD; where there is none, its prefix says nothing and it is WBINVD. */
static void writes_back(struct rig *rig)
{
    (void)want_instruction(rig, (struct instruction_exit){EXIT_WBINVD, .length = 2});
    want_both_sides(rig, CONTROL_SECONDARY, SECONDARY_WBINVD,
                    (struct instruction_exit){EXIT_WBINVD, .length = 3});
}

static void need_monitor(struct rig *rig)
{
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_MONITOR)) {
        rig_skip(rig, "CPUID.01H:ECX bit 3 (MONITOR)");
    }
}

static void monitor(struct rig *rig)
{
    need_monitor(rig);
    rig_set_gpr(rig, RAX, RIG_PAGE_A.value);
    rig_set_gpr(rig, RCX, 0);
    rig_set_gpr(rig, RDX, 0);
    want_both_sides(rig, CONTROL_PRIMARY, PRIMARY_MONITOR,
                    (struct instruction_exit){EXIT_MONITOR, .length = 3});
}

/* VM entry has disarmed the monitor: MWAIT would not wait. */
static void mwait(struct rig *rig)
{
    need_monitor(rig);
    rig_set_gpr(rig, RCX, 0);
    want_both_sides(rig, CONTROL_PRIMARY, PRIMARY_MWAIT,
                    (struct instruction_exit){EXIT_MWAIT, .length = 3});
}

/* Armed, which the processor may give up at any time: it is tried some times. */
static void mwait_armed(struct rig *rig)
{
    uint64_t armed = 0;

    need_monitor(rig);
    if (!rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MONITOR, false)) {
        rig_skip(rig, "MONITOR exiting as 0");
    }
    rig_set_gpr(rig, RCX, 0);
    rig_set_gpr(rig, RDX, 0);
    for (unsigned i = 0; i < 4 && armed == 0 && rig_expect_and_skip(rig, EXIT_MWAIT); i++) {
        armed = rig->exit->qualification;
        (void)want_vmcall(rig);
    }
    rig_want(rig, "whether the monitor is armed", armed, 1);
}

/* A random number is not to be checked. */
static void want_random(struct rig *rig, enum exit_reason reason, uint32_t bit)
{
    const struct instruction_exit want[] = {
        {reason, .length = 3, .information = information_of_operand(RSI, 32)},
        {reason, .length = 4, .information = information_of_operand(R11, 64)},
    };

    rig_set_gpr(rig, R11, 0x5EED);
    want_instructions(rig, want, ARRAY_SIZE(want));
    if (want_vmcall(rig)) {
        rig_want(rig, "R11", rig_gpr(rig, R11), 0x5EED);
    }
    if (rig_switch(rig, CONTROL_SECONDARY, bit, false)) {
        (void)want_vmcall(rig);
    }
}

static void rdrand(struct rig *rig)
{
    want_random(rig, EXIT_RDRAND, SECONDARY_RDRAND);
}

static void rdseed(struct rig *rig)
{
    want_random(rig, EXIT_RDSEED, SECONDARY_RDSEED);
}

static void rdrand_16(struct rig *rig)
{
    want_both_sides(rig, CONTROL_SECONDARY, SECONDARY_RDRAND,
                    (struct instruction_exit){EXIT_RDRAND, .length = 4,
                                              .information = information_of_operand(RDX, 16)});
}

static void rdseed_16(struct rig *rig)
{
    want_both_sides(rig, CONTROL_SECONDARY, SECONDARY_RDSEED,
                    (struct instruction_exit){EXIT_RDSEED, .length = 4,
                                              .information = information_of_operand(RDX, 16)});
}

static const struct scenario scenarios[] = {
    {"primary.hlt", SCENARIO_CODE(hlt), .run = hlt, .needs = {{[CONTROL_PRIMARY] = PRIMARY_HLT}}},
    {"primary.invlpg", SCENARIO_CODE(invlpg), .run = invlpg,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_INVLPG}}},
    {"primary.mwait", SCENARIO_CODE(mwait), .run = mwait,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MWAIT}}},
    {"primary.mwait.armed", SCENARIO_CODE(mwait_armed), .run = mwait_armed,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MWAIT}}},
    {"primary.rdpmc", SCENARIO_CODE(rdpmc), .run = rdpmc,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_RDPMC}}},
    {"primary.rdpmc.user", SCENARIO_CODE(rdpmc), .run = rdpmc_user,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_RDPMC}}},
    {"primary.monitor", SCENARIO_CODE(monitor), .run = monitor,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR}}},
    {"primary.pause", SCENARIO_CODE(pause), .run = pause,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_PAUSE}}},
    {"secondary.wbinvd", SCENARIO_CODE(wbinvd), .run = writes_back,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_WBINVD}}},
    {"secondary.rdrand", SCENARIO_CODE(rdrand), .run = rdrand,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_RDRAND}}},
    {"secondary.rdrand.16_bits", SCENARIO_CODE(rdrand_16), .run = rdrand_16,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_RDRAND}}, .known_wrong = {"bochs-3.0", AS_32_BITS}},
    {"secondary.rdseed.16_bits", SCENARIO_CODE(rdseed_16), .run = rdseed_16,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_RDSEED}}, .known_wrong = {"bochs-3.0", AS_32_BITS}},
    {"secondary.rdseed", SCENARIO_CODE(rdseed), .run = rdseed,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_RDSEED}}},
};

SCENARIO_SUITE(selftest_instructions, scenarios);
