/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the VM-entry and VM-exit controls that load, save or clear one MSR each. SDM vol.
 * 3C, "VM-Entry Controls", "VM-Exit Controls", "Loading Guest Control Registers, Debug Registers,
 * and MSRs", "Saving Control Registers, Debug Registers, and MSRs", "Loading Host Control
 * Registers, Debug Registers, MSRs".
 */
#include "kernel/fault.h"
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_kept_msr[], code_kept_msr_end[];

/* An MSR that is kept apart for guest and host. */
struct kept_msr {
    const char *name;
    uint32_t msr;
    unsigned shift; /* where the field's value stands in the MSR */
    uint64_t flip;  /* bits that turn one good value into another, and do nothing in this guest */
    const struct vmcs_field *guest, *host;
    uint32_t entry_load, exit_save, exit_load, exit_clear; /* 0: there is no such control */
};

/* An MSR of a row with no control that saves it is saved at each exit. */
static const struct kept_msr kept[] = {
    {"IA32_PAT", MSR_IA32_PAT, 0, BIT(56), &VMCS_GUEST_PAT, &VMCS_HOST_PAT, ENTRY_LOAD_PAT,
     EXIT_SAVE_PAT, EXIT_LOAD_PAT, 0},
    {"IA32_EFER", MSR_IA32_EFER, 0, EFER_SCE, &VMCS_GUEST_EFER, &VMCS_HOST_EFER, ENTRY_LOAD_EFER,
     EXIT_SAVE_EFER, EXIT_LOAD_EFER, 0},
    {"IA32_PERF_GLOBAL_CTRL", MSR_IA32_PERF_GLOBAL_CTRL, 0, BIT(0), &VMCS_GUEST_PERF_GLOBAL_CTRL,
     &VMCS_HOST_PERF_GLOBAL_CTRL, ENTRY_LOAD_PERF_GLOBAL_CTRL, EXIT_SAVE_PERF_GLOBAL_CTRL,
     EXIT_LOAD_PERF_GLOBAL_CTRL, 0},
    {"IA32_DEBUGCTL", MSR_IA32_DEBUGCTL, 0, DEBUGCTL_BTF, &VMCS_GUEST_DEBUGCTL, NULL,
     ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG, 0, 0},
    {"IA32_BNDCFGS", MSR_IA32_BNDCFGS, 0, BIT(1), &VMCS_GUEST_BNDCFGS, NULL, ENTRY_LOAD_BNDCFGS, 0,
     0, EXIT_CLEAR_BNDCFGS},
    {"IA32_RTIT_CTL", MSR_IA32_RTIT_CTL, 0, BITS(3, 2), &VMCS_GUEST_RTIT_CTL, NULL,
     ENTRY_LOAD_RTIT_CTL, 0, 0, EXIT_CLEAR_RTIT_CTL},
    {"IA32_LBR_CTL", MSR_IA32_LBR_CTL, 0, BITS(2, 1), &VMCS_GUEST_LBR_CTL, NULL, ENTRY_LOAD_LBR_CTL,
     0, 0, EXIT_CLEAR_LBR_CTL},
    {"IA32_UINTR_MISC", MSR_IA32_UINTR_MISC, 32, BIT(37), &VMCS_GUEST_UINV, NULL, ENTRY_LOAD_UINV,
     0, 0, EXIT_CLEAR_UINV},
    {"IA32_PKRS", MSR_IA32_PKRS, 0, BIT(2), &VMCS_GUEST_PKRS, &VMCS_HOST_PKRS, ENTRY_LOAD_PKRS, 0,
     EXIT_LOAD_PKRS, 0},
    {"IA32_S_CET", MSR_IA32_S_CET, 0, BIT(4), &VMCS_GUEST_S_CET, &VMCS_HOST_S_CET, ENTRY_LOAD_CET,
     0, EXIT_LOAD_CET, 0},
    {"IA32_INTERRUPT_SSP_TABLE_ADDR", MSR_IA32_INTERRUPT_SSP, 0, BIT(12),
     &VMCS_GUEST_INTERRUPT_SSP_TABLE, &VMCS_HOST_INTERRUPT_SSP_TABLE, ENTRY_LOAD_CET, 0,
     EXIT_LOAD_CET, 0},
};

/* Gives the guest the MSR, and `now` its value. False: the processor has the control without it. */
static bool begin(struct rig *rig, const struct kept_msr *row, uint64_t *now)
{
    if (rdmsr_safe(row->msr, now) != STATUS_OK) {
        rig_skip(rig, row->name);
        return false;
    }
    rig_pass_msr(rig, row->msr, true);
    rig_set_gpr(rig, RCX, row->msr);
    rig_set_gpr(rig, RSI, *now);
    return true;
}

static uint64_t read_host(struct rig *rig, const struct kept_msr *row)
{
    uint64_t value = 0;

    if (rdmsr_safe(row->msr, &value) != STATUS_OK) {
        rig_fail(rig, "%s cannot be read", row->name);
    }
    return value;
}

static void write_host(struct rig *rig, const struct kept_msr *row, uint64_t value)
{
    if (wrmsr_safe(row->msr, value) != STATUS_OK) {
        rig_fail(rig, "%s cannot be written with 0x%lx", row->name, value);
    }
}

/* Every field that the scenario's controls load: as the processor is now. */
static void fill_fields(const struct rig *rig)
{
    const uint32_t *needs = rig->scenario->needs.bits;

    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        uint64_t now;

        if (rdmsr_safe(kept[i].msr, &now) != STATUS_OK) {
            continue;
        }
        if (needs[CONTROL_ENTRY] & kept[i].entry_load) {
            vmwrite(*kept[i].guest, now >> kept[i].shift);
        }
        if (needs[CONTROL_EXIT] & kept[i].exit_load) {
            vmwrite(*kept[i].host, now);
        }
    }
    if (needs[CONTROL_ENTRY] & ENTRY_LOAD_CET) {
        vmwrite(VMCS_GUEST_SSP, 0);
    }
    if (needs[CONTROL_EXIT] & EXIT_LOAD_CET) {
        vmwrite(VMCS_HOST_SSP, 0);
    }
}

/* 1: the guest finds the field's value; 0: what the processor had. */
static void try_entry_load(struct rig *rig, const struct kept_msr *row)
{
    uint64_t now, other;

    if (!begin(rig, row, &now)) {
        return;
    }
    other = now ^ row->flip;
    vmwrite(*row->guest, other >> row->shift);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, row->name, rig_gpr(rig, RBX), other);
    }
    if (row->exit_save == 0) {
        rig_want_field(rig, *row->guest, now >> row->shift);
    }
    write_host(rig, row, now);
    vmwrite(*row->guest, other >> row->shift);
    if (rig_switch(rig, CONTROL_ENTRY, row->entry_load, false) &&
        rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the MSR that was not loaded", rig_gpr(rig, RBX), now);
    }
    write_host(rig, row, now);
    (void)rig_switch(rig, CONTROL_ENTRY, row->entry_load, true);
    vmwrite(*row->guest, now >> row->shift);
}

/* 1: the field has what the guest wrote; 0: what it had before. */
static void try_exit_save(struct rig *rig, const struct kept_msr *row)
{
    uint64_t now, other;

    if (!begin(rig, row, &now)) {
        return;
    }
    other = now ^ row->flip;
    vmwrite(*row->guest, other);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, row->name, vmread(*row->guest), now);
    }
    vmwrite(*row->guest, other);
    if (rig_switch(rig, CONTROL_EXIT, row->exit_save, false) &&
        rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_field(rig, *row->guest, other);
    }
    write_host(rig, row, now);
}

/* 1: the host finds the field's value; 0: what the guest wrote. */
static void try_exit_load(struct rig *rig, const struct kept_msr *row)
{
    uint64_t now, other;

    if (!begin(rig, row, &now)) {
        return;
    }
    other = now ^ row->flip;
    vmwrite(*row->host, other);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, row->name, read_host(rig, row), other);
    }
    vmwrite(*row->host, now);
    rig_set_gpr(rig, RSI, other);
    if (rig_switch(rig, CONTROL_EXIT, row->exit_load, false) &&
        rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the MSR that was not loaded", read_host(rig, row), other);
    }
    write_host(rig, row, now);
    (void)rig_switch(rig, CONTROL_EXIT, row->exit_load, true);
}

/* 1: the host finds 0; 0: what the guest wrote. The field has what the guest wrote. */
static void try_exit_clear(struct rig *rig, const struct kept_msr *row)
{
    uint64_t now, other;

    if (!begin(rig, row, &now)) {
        return;
    }
    other = now ^ row->flip;
    rig_set_gpr(rig, RSI, other);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, row->name, read_host(rig, row) >> row->shift, 0);
        rig_want_field(rig, *row->guest, other >> row->shift);
    }
    if (rig_switch(rig, CONTROL_EXIT, row->exit_clear, false) &&
        rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the MSR that was not cleared", read_host(rig, row), other);
    }
    write_host(rig, row, now);
}

/* Each MSR of the one control that the scenario needs. */
static void entry_load(struct rig *rig)
{
    fill_fields(rig);
    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        if (kept[i].entry_load & rig->scenario->needs.bits[CONTROL_ENTRY]) {
            try_entry_load(rig, &kept[i]);
        }
    }
}

static void exit_any(struct rig *rig)
{
    uint32_t control = rig->scenario->needs.bits[CONTROL_EXIT];

    fill_fields(rig);
    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        if (kept[i].exit_save & control) {
            try_exit_save(rig, &kept[i]);
        }
        if (kept[i].exit_load & control) {
            try_exit_load(rig, &kept[i]);
        }
        if (kept[i].exit_clear & control) {
            try_exit_clear(rig, &kept[i]);
        }
    }
}

static const struct scenario scenarios[] = {
    {"entry.load_pat", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_PAT}}},
    {"exit.save_pat", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_SAVE_PAT}}},
    {"exit.load_pat", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_LOAD_PAT}}},
    {"entry.load_efer", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_EFER}}},
    {"exit.save_efer", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_SAVE_EFER}}},
    {"exit.load_efer", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_LOAD_EFER}}},
    {"entry.load_perf_global_ctrl", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_PERF_GLOBAL_CTRL}},
     .known_wrong = {"bochs-3.0", "IA32_PERF_GLOBAL_CTRL keeps nothing"}},
    {"exit.save_perf_global_ctrl", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_SAVE_PERF_GLOBAL_CTRL}},
     .known_wrong = {"bochs-3.0", "IA32_PERF_GLOBAL_CTRL is not saved"}},
    {"exit.load_perf_global_ctrl", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_LOAD_PERF_GLOBAL_CTRL}},
     .known_wrong = {"bochs-3.0", "IA32_PERF_GLOBAL_CTRL keeps nothing"}},
    {"entry.load_debug.debugctl", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_DEBUG}},
     .known_wrong = {"bochs-3.0", "there is no IA32_DEBUGCTL"}},
    {"exit.save_debug.debugctl", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_SAVE_DEBUG}},
     .known_wrong = {"bochs-3.0", "there is no IA32_DEBUGCTL"}},
    {"entry.load_bndcfgs", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_BNDCFGS}}},
    {"exit.clear_bndcfgs", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_CLEAR_BNDCFGS}}},
    {"entry.load_rtit_ctl", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_RTIT_CTL}}},
    {"exit.clear_rtit_ctl", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_CLEAR_RTIT_CTL}}},
    {"entry.load_lbr_ctl", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_LBR_CTL}}},
    {"exit.clear_lbr_ctl", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_CLEAR_LBR_CTL}}},
    {"entry.load_uinv", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_UINV}}},
    {"exit.clear_uinv", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_CLEAR_UINV}}},
    {"entry.load_pkrs", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_PKRS}}},
    {"exit.load_pkrs", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_LOAD_PKRS}}},
    {"entry.load_cet", SCENARIO_CODE(kept_msr), .run = entry_load,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_CET}}},
    {"exit.load_cet", SCENARIO_CODE(kept_msr), .run = exit_any,
     .needs = {{[CONTROL_EXIT] = EXIT_LOAD_CET}}},
};

SCENARIO_SUITE(selftest_entry_exit_msrs, scenarios);
