/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the VM-entry and VM-exit controls that are about debug registers, modes and further
 * controls. SDM vol. 3C, "VM-Entry Controls", "VM-Exit Controls", "Checks Related to Address-Space
 * Size", "Saving Control Registers, Debug Registers, and MSRs".
 */
#include "kernel/fault.h"
#include "selftest/rig.h"

extern const char code_debug[], code_debug_end[];
extern const char code_mode[], code_mode_end[];
extern const char code_spec_ctrl[], code_spec_ctrl_end[];
extern const char code_msr_list[], code_msr_list_end[];

#define DR7_OTHER (DR7_FIXED_1 | DR7_KIND_0)
/* 1: the guest finds the field's value; 0: what an exit leaves. */
static void load_debug(struct rig *rig)
{
    rig_set_gpr(rig, RSI, DR7_FIXED_1);
    vmwrite(VMCS_GUEST_DR7, DR7_OTHER);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "DR7", rig_gpr(rig, RBX), DR7_OTHER);
    }
    vmwrite(VMCS_GUEST_DR7, DR7_OTHER);
    if (rig_switch(rig, CONTROL_ENTRY, ENTRY_LOAD_DEBUG, false) && rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "DR7 that was not loaded", rig_gpr(rig, RBX), DR7_FIXED_1);
    }
}

/* 1: the field has what the guest wrote; 0: what it had before. After either, DR7 is 400H. */
static void save_debug(struct rig *rig)
{
    rig_set_gpr(rig, RSI, DR7_OTHER);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_field(rig, VMCS_GUEST_DR7, DR7_OTHER);
        rig_want(rig, "DR7 of the host", read_dr7(), DR7_FIXED_1);
    }
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED_1);
    if (rig_switch(rig, CONTROL_EXIT, EXIT_SAVE_DEBUG, false) && rig_expect(rig, EXIT_VMCALL)) {
        rig_want_field(rig, VMCS_GUEST_DR7, DR7_FIXED_1);
        rig_want(rig, "DR7 of the host", read_dr7(), DR7_FIXED_1);
    }
}

#define CODE_32 (RIG_CODE.value + 16) /* of code_mode */

/* 1: the guest is in IA-32e mode, where its other state must agree. */
static void ia32e_guest(struct rig *rig)
{
    rig_pass_msr(rig, MSR_IA32_EFER, true);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "IA32_EFER as the guest reads it", rig_gpr(rig, RBX),
                      EFER_LMA | EFER_LME, EFER_LMA | EFER_LME);
        rig_want(rig, "RAX after DEC EAX or a REX prefix", rig_gpr(rig, RSI), 0);
    }
    if (rig_switch(rig, CONTROL_ENTRY, ENTRY_IA32E_GUEST, false)) {
        (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_GUEST, 0);
    }
}

/* 0: it is not, and where it says that it is, the entry fails. */
static void ia32e_guest_protected(struct rig *rig)
{
    bool tells = rig->operation->capabilities.misc & VMX_MISC_STORES_LMA;

    rig_pass_msr(rig, MSR_IA32_EFER, true);
    rig_go_protected(rig, true, CODE_32);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "IA32_EFER as the guest reads it", rig_gpr(rig, RBX),
                      EFER_LMA | EFER_LME, 0);
        rig_want(rig, "RAX after DEC EAX or a REX prefix", rig_gpr(rig, RSI), UINT32_MAX);
    }
    if (tells) {
        rig_want_bits(rig, "the control after the exit", vmread(VMCS_ENTRY_CONTROLS),
                      ENTRY_IA32E_GUEST, 0);
    }
    if (rig_switch(rig, CONTROL_ENTRY, ENTRY_IA32E_GUEST, true)) {
        (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_GUEST, 0);
    }
}

/* 1: after the exit LMA and LME are 1, whatever the guest's; 0 is refused where the processor is in
 * IA-32e mode, as it is here. */
static void host_64(struct rig *rig)
{
    uint64_t error;

    rig_pass_msr(rig, MSR_IA32_EFER, true);
    rig_go_protected(rig, true, CODE_32);
    vmwrite(VMCS_GUEST_EFER, EFER_NXE);
    (void)rig_switch(rig, CONTROL_EXIT, EXIT_LOAD_EFER, false);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "IA32_EFER as the guest reads it", rig_gpr(rig, RBX),
                      EFER_LMA | EFER_LME, 0);
        rig_want_bits(rig, "IA32_EFER after the exit", rdmsr(MSR_IA32_EFER), EFER_LMA | EFER_LME,
                      EFER_LMA | EFER_LME);
    }
    if (rig_switch(rig, CONTROL_EXIT, EXIT_LOAD_EFER, true) &&
        rig_switch(rig, CONTROL_EXIT, EXIT_HOST_64, false)) {
        error = rig_refusal(rig);
        rig_want(rig, "the VM-instruction error",
                 error == VM_ERROR_CONTROLS ? VM_ERROR_HOST : error,
                 VM_ERROR_HOST); /* the rule is about controls and host state both */
    }
}

/* A control that activates others. 1: they count, and so a reserved bit in them; 0: their field is
 * not looked at. */
struct activation {
    enum control_group group;
    uint32_t control;
    enum control_group activated;
    const struct vmcs_field *field;
};

static void activate(struct rig *rig, const struct activation *activation)
{
    uint32_t offered = rig->operation->capabilities.range[activation->activated].may_be_1;
    uint32_t reserved = ~offered & (offered + 1);

    vmwrite(*activation->field, reserved);
    (void)rig_expect_refused(rig, VM_ERROR_CONTROLS);
    vmwrite(*activation->field, 0);
    (void)rig_expect_and_skip(rig, EXIT_VMCALL);
    if (rig_switch(rig, activation->group, activation->control, false)) {
        vmwrite(*activation->field, reserved);
        (void)rig_expect(rig, EXIT_VMCALL);
        vmwrite(*activation->field, 0);
    }
}

static void exit_secondary(struct rig *rig)
{
    activate(rig, &(const struct activation){CONTROL_EXIT, EXIT_SECONDARY, CONTROL_EXIT2,
                                             &VMCS_SECONDARY_EXIT_CONTROLS});
}

static void primary_tertiary(struct rig *rig)
{
    activate(rig, &(const struct activation){CONTROL_PRIMARY, PRIMARY_TERTIARY, CONTROL_TERTIARY,
                                             &VMCS_TERTIARY_CONTROLS});
}

/* 1, outside SMM, where no guest of Lintel's can be: the entry is refused. 0: it is not. */
static void only_in_smm(struct rig *rig)
{
    (void)rig_expect_refused(rig, VM_ERROR_CONTROLS);
    (void)rig_switch(rig, CONTROL_ENTRY, ENTRY_SMM | ENTRY_DUAL_MONITOR, false);
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* The MSR is 0, its shadow 1; the guest writes bits 0 and 1. */
static bool begin_spec_ctrl(struct rig *rig, uint64_t *now)
{
    if (rdmsr_safe(MSR_IA32_SPEC_CTRL, now) != STATUS_OK) {
        rig_skip(rig, "IA32_SPEC_CTRL (CPUID.07H:EDX bit 26)");
        return false;
    }
    rig_pass_msr(rig, MSR_IA32_SPEC_CTRL, true);
    wrmsr(MSR_IA32_SPEC_CTRL, 0);
    vmwrite(VMCS_SPEC_CTRL_MASK, SPEC_CTRL_IBRS);
    vmwrite(VMCS_SPEC_CTRL_SHADOW, SPEC_CTRL_IBRS);
    rig_set_gpr(rig, RSI, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP);
    return true;
}

/* 1: the guest reads the shadow, and does not change the bits of the mask; 0: it has the MSR. */
static void spec_ctrl(struct rig *rig)
{
    uint64_t now;

    if (!begin_spec_ctrl(rig, &now)) {
        return;
    }
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "IA32_SPEC_CTRL as the guest reads it", rig_gpr(rig, RBX), SPEC_CTRL_IBRS);
        rig_want(rig, "IA32_SPEC_CTRL itself", rdmsr(MSR_IA32_SPEC_CTRL), SPEC_CTRL_STIBP);
    }
    wrmsr(MSR_IA32_SPEC_CTRL, 0);
    if (rig_switch(rig, CONTROL_TERTIARY, TERTIARY_SPEC_CTRL, false) &&
        rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "IA32_SPEC_CTRL without a shadow", rig_gpr(rig, RBX), 0);
        rig_want(rig, "IA32_SPEC_CTRL itself", rdmsr(MSR_IA32_SPEC_CTRL),
                 SPEC_CTRL_IBRS | SPEC_CTRL_STIBP);
    }
    wrmsr(MSR_IA32_SPEC_CTRL, now);
}

/* What the guest writes, it reads again, whatever the mask. */
static void spec_ctrl_shadow(struct rig *rig)
{
    uint64_t now;

    if (!begin_spec_ctrl(rig, &now)) {
        return;
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "IA32_SPEC_CTRL as it is read again", rig_gpr(rig, RBP),
                 SPEC_CTRL_IBRS | SPEC_CTRL_STIBP);
        rig_want_field(rig, VMCS_SPEC_CTRL_SHADOW, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP);
    }
    wrmsr(MSR_IA32_SPEC_CTRL, now);
}

/* Two MSRs: the first is the guest's, the second exits. Without the control, #UD. */
static void msr_list(struct rig *rig)
{
    uint64_t *list = rig_memory(rig, RIG_PAGE_A);
    const uint64_t *values = rig_memory(rig, RIG_PAGE_B);

    list[0] = MSR_IA32_STAR;
    list[1] = MSR_IA32_PAT;
    wrmsr(MSR_IA32_STAR, 0x5EED);
    if (rig_expect_and_skip(rig, EXIT_RDMSRLIST)) {
        rig_want_field(rig, VMCS_EXIT_QUALIFICATION, MSR_IA32_PAT);
        rig_want(rig, "the length", rig->exit->length, 4);
        rig_want(rig, "the value of the first MSR", values[0], 0x5EED);
        rig_want(rig, "RCX", rig_gpr(rig, RCX), BIT(1));
    }
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    if (rig_switch(rig, CONTROL_TERTIARY, TERTIARY_MSR_LIST, false)) {
        (void)rig_expect_event(rig, VECTOR_UD);
    }
}

static const struct scenario scenarios[] = {
    {"entry.load_debug", SCENARIO_CODE(debug), .run = load_debug,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_DEBUG}}},
    {"exit.save_debug", SCENARIO_CODE(debug), .run = save_debug,
     .needs = {{[CONTROL_EXIT] = EXIT_SAVE_DEBUG}}},
    {"entry.ia32e_guest", SCENARIO_CODE(mode), .run = ia32e_guest,
     .needs = {{[CONTROL_ENTRY] = ENTRY_IA32E_GUEST}}},
    {"entry.ia32e_guest.protected", SCENARIO_CODE(mode), .run = ia32e_guest_protected},
    {"exit.host_64", SCENARIO_CODE(mode), .run = host_64,
     .needs = {{[CONTROL_EXIT] = EXIT_HOST_64}}},
    {"entry.smm", SCENARIO_CODE(debug), .run = only_in_smm,
     .needs = {{[CONTROL_ENTRY] = ENTRY_SMM}},
     .known_wrong = {"bochs-3.0", "refuses entry to SMM as guest state"},
     .known_answer = "the entry was not refused, but came to ENTRY_FAILURE_GUEST"},
    {"entry.dual_monitor", SCENARIO_CODE(debug), .run = only_in_smm,
     .needs = {{[CONTROL_ENTRY] = ENTRY_DUAL_MONITOR}}},
    {"primary.tertiary", SCENARIO_CODE(debug), .run = primary_tertiary,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TERTIARY}}},
    {"exit.secondary", SCENARIO_CODE(debug), .run = exit_secondary,
     .needs = {{[CONTROL_EXIT] = EXIT_SECONDARY}}},
    {"tertiary.spec_ctrl", SCENARIO_CODE(spec_ctrl), .run = spec_ctrl,
     .needs = {{[CONTROL_TERTIARY] = TERTIARY_SPEC_CTRL}}},
    {"tertiary.spec_ctrl.shadow", SCENARIO_CODE(spec_ctrl), .run = spec_ctrl_shadow,
     .needs = {{[CONTROL_TERTIARY] = TERTIARY_SPEC_CTRL}},
     .known_wrong = {"bochs-3.0", "WRMSR does not write the IA32_SPEC_CTRL shadow"}},
    {"tertiary.msr_list", SCENARIO_CODE(msr_list), .run = msr_list,
     .needs = {{[CONTROL_TERTIARY] = TERTIARY_MSR_LIST}}},
};

SCENARIO_SUITE(selftest_entry_exit, scenarios);
