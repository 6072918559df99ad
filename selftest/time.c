/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the time-stamp counter as a guest sees it. SDM vol. 3C, "Changes to Instruction
 * Behavior in VMX Non-Root Operation": RDTSC, RDTSCP, RDMSR; "TSC-Multiplier".
 */
#include "selftest/instruction.h"

extern const char code_rdtsc[], code_rdtsc_end[];
extern const char code_rdtscp[], code_rdtscp_end[];
extern const char code_read_tsc[], code_read_tsc_end[];

#define MULTIPLIER_SHIFT 48
#define MULTIPLIER_1     (UINT64_C(1) << MULTIPLIER_SHIFT)

/* How the guest's counter comes from the processor's. */
struct tsc_change {
    uint64_t multiplier, offset;
};

static const struct tsc_change unchanged = {MULTIPLIER_1, 0};

static uint64_t change_tsc(struct tsc_change change, uint64_t tsc)
{
    uint64_t high, low;

    __asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(tsc), "rm"(change.multiplier) : "cc");
    return (high << (64 - MULTIPLIER_SHIFT) | low >> MULTIPLIER_SHIFT) + change.offset;
}

static uint64_t told(const struct rig *rig)
{
    return rig_gpr(rig, RDX) << 32 | (uint32_t)rig_gpr(rig, RAX);
}

/* The guest says its counter, which lies between the processor's before and after. */
static void want_tsc(struct rig *rig, const char *what, struct tsc_change change)
{
    uint64_t before = rdtsc();

    if (want_vmcall(rig)) {
        rig_want_between(rig, what, told(rig), change_tsc(change, before),
                         change_tsc(change, rdtsc()));
        rig_want(rig, "the high half of RAX", rig_gpr(rig, RAX) >> 32, 0);
        rig_want(rig, "the high half of RDX", rig_gpr(rig, RDX) >> 32, 0);
    }
}

/* By each of the ways to read it. RDTSCP may be missing. */
static void want_tsc_each_way(struct rig *rig, struct tsc_change change)
{
    rig_set_gpr(rig, RCX, MSR_IA32_TIME_STAMP_COUNTER);
    rig_set_gpr(rig, RSI, rig->vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_RDTSCP);
    want_tsc(rig, "what RDTSC reads", change);
    want_tsc(rig, "what RDMSR reads", change);
    if (rig_gpr(rig, RSI) != 0) {
        want_tsc(rig, "what RDTSCP reads", change);
    }
}

static void tsc_offset(struct rig *rig)
{
    const uint64_t offset[] = {UINT64_C(1) << 60, -(UINT64_C(1) << 50), 0};

    rig_pass_msr(rig, MSR_IA32_TIME_STAMP_COUNTER, true);
    for (unsigned i = 0; i < ARRAY_SIZE(offset); i++) {
        vmwrite(VMCS_TSC_OFFSET, offset[i]);
        want_tsc_each_way(rig, (struct tsc_change){MULTIPLIER_1, offset[i]});
    }
    vmwrite(VMCS_TSC_OFFSET, offset[0]);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TSC_OFFSET, false)) {
        want_tsc_each_way(rig, unchanged);
    }
}

/* (TSC * multiplier >> 48) + offset; nothing of it without the TSC offset. */
static void tsc_scaling(struct rig *rig)
{
    const struct tsc_change change[] = {
        {MULTIPLIER_1 * 3, 0},
        {MULTIPLIER_1 / 2 + 12345, UINT64_C(1) << 50},
        {1, -UINT64_C(1)},
        {UINT64_MAX, 0},
    };

    rig_pass_msr(rig, MSR_IA32_TIME_STAMP_COUNTER, true);
    for (unsigned i = 0; i < ARRAY_SIZE(change); i++) {
        vmwrite(VMCS_TSC_MULTIPLIER, change[i].multiplier);
        vmwrite(VMCS_TSC_OFFSET, change[i].offset);
        want_tsc_each_way(rig, change[i]);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TSC_OFFSET, false)) {
        want_tsc_each_way(rig, unchanged);
    }
    vmwrite(VMCS_TSC_OFFSET, 1000);
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_TSC_SCALING, false) &&
        rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TSC_OFFSET, true)) {
        want_tsc_each_way(rig, (struct tsc_change){MULTIPLIER_1, 1000});
    }
}

/* RDTSCP exits for its own reason, where the guest has it. */
static void run_rdtsc(struct rig *rig)
{
    bool has_rdtscp = rig->vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_RDTSCP;

    rig_set_gpr(rig, RAX, 0x5EED);
    rig_set_gpr(rig, RSI, has_rdtscp);
    if (want_instruction(rig, (struct instruction_exit){EXIT_RDTSC, .length = 2})) {
        rig_want(rig, "RAX after the exit", rig_gpr(rig, RAX), 0x5EED);
        (void)want_vmcall(rig);
    }
    if (has_rdtscp) {
        (void)want_instruction(rig, (struct instruction_exit){EXIT_RDTSCP, .length = 3});
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_RDTSC, false)) {
        want_tsc(rig, "what RDTSC reads", unchanged);
        if (has_rdtscp) {
            want_tsc(rig, "what RDTSCP reads", unchanged);
        }
    }
}

/* At CPL 3 it exits without CR4.TSD, and is a fault with it. */
static void rdtsc_user(struct rig *rig)
{
    rig_go_user(rig, RIG_CODE.value);
    rig_set_gpr(rig, RSI, 0);
    if (want_instruction(rig, (struct instruction_exit){EXIT_RDTSC, .length = 2}) &&
        want_vmcall(rig)) {
        vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_TSD);
        (void)rig_expect_event(rig, VECTOR_GP);
    }
}

/* Its ECX is IA32_TSC_AUX, which is no exit's to change. */
static void rdtscp(struct rig *rig)
{
    wrmsr(MSR_IA32_TSC_AUX, 0x5EED);
    want_tsc(rig, "what RDTSCP reads", unchanged);
    rig_want(rig, "what RDTSCP reads of IA32_TSC_AUX", rig_gpr(rig, RCX), 0x5EED);
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_RDTSC, true); /* #UD comes before its exit */
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_RDTSCP, false) &&
        rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
    }
}

static const struct scenario scenarios[] = {
    {"primary.rdtsc", SCENARIO_CODE(rdtsc), .run = run_rdtsc,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_RDTSC}}},
    {"primary.rdtsc.user", SCENARIO_CODE(rdtsc), .run = rdtsc_user,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_RDTSC}}},
    {"primary.tsc_offset", SCENARIO_CODE(read_tsc), .run = tsc_offset,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TSC_OFFSET}}},
    {"secondary.tsc_scaling", SCENARIO_CODE(read_tsc), .run = tsc_scaling,
     .needs =
         {{[CONTROL_PRIMARY] = PRIMARY_TSC_OFFSET, [CONTROL_SECONDARY] = SECONDARY_TSC_SCALING}}},
    {"secondary.rdtscp", SCENARIO_CODE(rdtscp), .run = rdtscp,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_RDTSCP}}},
};

SCENARIO_SUITE(selftest_time, scenarios);
