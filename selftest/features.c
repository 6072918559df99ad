/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of controls that let a guest have an instruction, which is #UD without, and of what
 * makes it exit then. SDM vol. 3C, "Definitions of Secondary Processor-Based VM-Execution
 * Controls", "Changes to Instruction Behavior in VMX Non-Root Operation".
 */
#include "selftest/instruction.h"

extern const char code_invpcid[], code_invpcid_end[];
extern const char code_xsaves[], code_xsaves_end[];
extern const char code_encls[], code_encls_end[];
extern const char code_vmcall[], code_vmcall_end[];

#define INVPCID_ALL 2 /* all contexts, global translations too */

#define CPUID_SGX          0x12
#define CPUID_SGX_EAX_SGX1 BIT(0)

#define XSAVE_AREA_XCOMP_BV 520
#define XCOMP_BV_COMPACT    BIT(63)
#define XSTATE_X87          BIT(0)

static void want_undefined(struct rig *rig)
{
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
    }
}

/* It has no exit of its own: INVLPG exiting makes it exit too. */
static void invpcid(struct rig *rig)
{
    const struct memory_operand operand = {ADDRESS_64, SEGMENT_DS, RBX, GPRS, 0};

    rig_set_gpr(rig, RBX, RIG_PAGE_A.value);
    rig_set_gpr(rig, R10, INVPCID_ALL);
    (void)want_vmcall(rig);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_INVLPG, true)) {
        const struct instruction_exit want = {
            EXIT_INVPCID, 7, 0x20, information_with_second(information_of_memory(operand), R10)};

        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        (void)want_instruction(rig, want);
    }
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_INVPCID, false)) {
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        want_undefined(rig);
    }
}

/* The guest saves and restores these components, with an exit of both instructions or without. */
static void want_xsaves(struct rig *rig, uint64_t components, bool exits)
{
    const struct memory_operand operand = {ADDRESS_64, SEGMENT_DS, RBX, GPRS, 0};
    const struct information information = information_of_memory(operand);

    rig_set_gpr(rig, RAX, (uint32_t)components);
    rig_set_gpr(rig, RDX, components >> 32);
    if (exits) {
        (void)want_instruction(rig, (struct instruction_exit){EXIT_XSAVES, 4, 0x40, information});
        (void)want_instruction(rig, (struct instruction_exit){EXIT_XRSTORS, 4, 0x40, information});
    }
    (void)want_vmcall(rig);
}

/* An exit takes a component that the instruction, IA32_XSS and the bitmap have in common. */
static void xsaves(struct rig *rig)
{
    uint64_t offered = (uint64_t)cpuid(0xD, 1).edx << 32 | cpuid(0xD, 1).ecx;
    uint64_t some = offered & -offered;
    char *page = rig_memory(rig, RIG_PAGE_A);

    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_OSXSAVE);
    rig_set_gpr(rig, RBX, RIG_PAGE_A.value - 0x40);
    wrmsr(MSR_IA32_XSS, some); /* put back after the scenario, as all that a guest may change */
    vmwrite(VMCS_XSS_EXITING_BITMAP, 0);
    want_xsaves(rig, XSTATE_X87 | some, false);
    rig_want(rig, "XCOMP_BV of the area", *(uint64_t *)(page + XSAVE_AREA_XCOMP_BV),
             XSTATE_X87 | some | XCOMP_BV_COMPACT);
    if (some != 0) {
        vmwrite(VMCS_XSS_EXITING_BITMAP, ~some);
        want_xsaves(rig, XSTATE_X87 | some, false);
        vmwrite(VMCS_XSS_EXITING_BITMAP, UINT64_MAX);
        want_xsaves(rig, XSTATE_X87, false);
        want_xsaves(rig, XSTATE_X87 | some, true);
        vmwrite(VMCS_XSS_EXITING_BITMAP, some);
        want_xsaves(rig, UINT64_MAX, true);
        wrmsr(MSR_IA32_XSS, 0);
        want_xsaves(rig, XSTATE_X87 | some, false);
    }
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_XSAVES, false)) {
        want_undefined(rig);
    }
}

/* Leaf 20H, which no processor has, or leaf FFFFFFFFH, which the bitmap's last bit is for, too. */
static void want_encls(struct rig *rig, uint64_t leaf, bool exits)
{
    rig_set_gpr(rig, RAX, leaf);
    if (exits) {
        (void)want_instruction(rig, (struct instruction_exit){EXIT_ENCLS, .length = 3});
        (void)want_vmcall(rig);
    } else if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
        rig_return(rig, RIG_CODE.value);
    }
}

static void encls(struct rig *rig)
{
    if (cpuid(0, 0).eax < CPUID_SGX || !(cpuid(CPUID_SGX, 0).eax & CPUID_SGX_EAX_SGX1)) {
        rig_skip(rig, "CPUID.12H:EAX bit 0 (SGX1)");
    }
    vmwrite(VMCS_ENCLS_EXITING_BITMAP, BIT(0x20));
    want_encls(rig, 0x20, true);
    want_encls(rig, UINT32_MAX, false);
    vmwrite(VMCS_ENCLS_EXITING_BITMAP, BIT(63));
    want_encls(rig, UINT32_MAX, true);
    want_encls(rig, 63, true);
    want_encls(rig, 0x20, false);
    vmwrite(VMCS_ENCLS_EXITING_BITMAP, UINT64_MAX);
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_ENCLS, false)) {
        want_encls(rig, 0x20, false);
    }
}

/* Its effect shows in a trace alone. */
static void conceal_pt(struct rig *rig)
{
    rig_want_bits(rig, "the control", vmread(VMCS_SECONDARY_CONTROLS), SECONDARY_CONCEAL_PT,
                  SECONDARY_CONCEAL_PT);
    (void)want_vmcall(rig);
}

static const struct scenario scenarios[] = {
    {"secondary.invpcid", SCENARIO_CODE(invpcid), .run = invpcid,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_INVPCID}}},
    {"secondary.xsaves", SCENARIO_CODE(xsaves), .run = xsaves,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_XSAVES}}},
    {"secondary.encls", SCENARIO_CODE(encls), .run = encls,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_ENCLS}}},
    {"secondary.conceal_pt", SCENARIO_CODE(vmcall), .run = conceal_pt,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_CONCEAL_PT}}},
};

SCENARIO_SUITE(selftest_features, scenarios);
