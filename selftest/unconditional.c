/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of instructions that exit whatever the controls are, and of the faults that come before
 * any exit. SDM vol. 3C, "Instructions That Cause VM Exits Unconditionally", "Relative Priority of
 * Faults and VM Exits".
 */
#include "selftest/instruction.h"

extern const char code_cpuid[], code_cpuid_end[];
extern const char code_invd[], code_invd_end[];
extern const char code_getsec[], code_getsec_end[];
extern const char code_xsetbv[], code_xsetbv_end[];
extern const char code_user[], code_user_end[];
extern const char code_privileged[], code_privileged_end[];

#define TSS_IO_BASE 102 /* where the bitmap of the ports begins that CPL 3 may use */

static void set_guest_cr4(struct rig *rig, uint64_t bit, bool set)
{
    uint64_t cr4 = vmread(VMCS_GUEST_CR4);

    if (!rig->failed) {
        vmwrite(VMCS_GUEST_CR4, set ? cr4 | bit : cr4 & ~bit);
    }
}

static void run_cpuid(struct rig *rig)
{
    rig_set_gpr(rig, RAX, 1);
    rig_set_gpr(rig, RBX, 0x5EED);
    if (want_instruction(rig, (struct instruction_exit){EXIT_CPUID, .length = 2})) {
        rig_want(rig, "EAX", rig_gpr(rig, RAX), 1);
        rig_want(rig, "EBX", rig_gpr(rig, RBX), 0x5EED);
        (void)want_vmcall(rig);
    }
}

static void invd(struct rig *rig)
{
    if (want_instruction(rig, (struct instruction_exit){EXIT_INVD, .length = 2})) {
        (void)want_vmcall(rig);
    }
}

/* #UD without CR4.SMXE, which few processors let a guest have. */
static void getsec(struct rig *rig)
{
    set_guest_cr4(rig, CR4_SMXE, false);
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
        rig_return(rig, RIG_CODE.value);
    }
    if (rig->operation->capabilities.cr4_fixed1 & CR4_SMXE) {
        set_guest_cr4(rig, CR4_SMXE, true);
        (void)want_instruction(rig, (struct instruction_exit){EXIT_GETSEC, .length = 2});
    }
}

/* #UD without CR4.OSXSAVE; with it an exit, whatever the value. */
static void run_xsetbv(struct rig *rig)
{
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)) {
        rig_skip(rig, "CPUID.01H:ECX bit 26 (XSAVE)");
    }
    set_guest_cr4(rig, CR4_OSXSAVE, false);
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
        rig_return(rig, RIG_CODE.value);
    }
    set_guest_cr4(rig, CR4_OSXSAVE, true);
    rig_set_gpr(rig, RAX, 0); /* XCR0 bit 0 cannot be cleared: #GP without an exit */
    rig_set_gpr(rig, RCX, 0);
    if (want_instruction(rig, (struct instruction_exit){EXIT_XSETBV, .length = 3})) {
        (void)want_vmcall(rig);
    }
}

/* These exit before the privilege level is looked at. */
static void user(struct rig *rig)
{
    static const struct instruction_exit want[] = {
        {EXIT_CPUID, .length = 2},    {EXIT_VMCALL, .length = 3},   {EXIT_VMXOFF, .length = 3},
        {EXIT_VMLAUNCH, .length = 3}, {EXIT_VMRESUME, .length = 3}, {EXIT_VMREAD, .length = 3},
        {EXIT_VMWRITE, .length = 3},
    };

    rig_go_user(rig, RIG_CODE.value);
    want_instructions(rig, want, ARRAY_SIZE(want));
}

/* The fault that the privilege level makes comes before the exit that a control asks for. */
static void privileged(struct rig *rig)
{
    /* HLT, INVLPG, RDPMC, RDTSC, MOV CR3 twice, MOV CR8 twice, IN, OUT, RDMSR, WRMSR, INVD, WBINVD,
     * LGDT, LIDT, LLDT, LTR, MONITOR, MWAIT */
    static const uint8_t length[] = {1, 3, 2, 2, 3, 3, 4, 4, 2, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3};
    const unsigned monitor = ARRAY_SIZE(length) - 2; /* from here on #UD */
    uint64_t rip = RIG_CODE.value;

    (void)rig_switch(rig, CONTROL_PRIMARY,
                     PRIMARY_HLT | PRIMARY_INVLPG | PRIMARY_RDPMC | PRIMARY_RDTSC |
                         PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE | PRIMARY_CR8_LOAD |
                         PRIMARY_CR8_STORE | PRIMARY_MONITOR | PRIMARY_MWAIT,
                     true);
    (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_WBINVD, true);
    (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_DESCRIPTOR_TABLE, true);
    *(uint16_t *)((char *)rig_memory(rig, RIG_TSS) + TSS_IO_BASE) = 0xFFFF;
    set_guest_cr4(rig, CR4_TSD, true);
    set_guest_cr4(rig, CR4_PCE, false);
    rig_go_user(rig, rip);
    for (unsigned i = 0; i < ARRAY_SIZE(length); i++) {
        if (rig_expect_event(rig, i < monitor ? VECTOR_GP : VECTOR_UD)) {
            rig_want(rig, "the saved RIP", rig->event.rip, rip);
            rip += length[i];
            rig_return(rig, rip);
        }
    }
    (void)want_vmcall(rig);
}

static const struct scenario scenarios[] = {
    {"instruction.cpuid", SCENARIO_CODE(cpuid), .run = run_cpuid},
    {"instruction.invd", SCENARIO_CODE(invd), .run = invd},
    {"instruction.getsec", SCENARIO_CODE(getsec), .run = getsec},
    {"instruction.xsetbv", SCENARIO_CODE(xsetbv), .run = run_xsetbv},
    {"instruction.user", SCENARIO_CODE(user), .run = user,
     .known_of_many = KNOWN_STALE_DISPLACEMENT},
    {"instruction.privileged", SCENARIO_CODE(privileged), .run = privileged},
};

SCENARIO_SUITE(selftest_unconditional, scenarios);
