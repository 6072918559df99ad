/* SPDX-License-Identifier: BSD-2-Clause */
/* VM entries that must not succeed, exits that Lintel's handlers deal with, MSRs that a scenario
 * gives to its guest. SDM vol. 3C, "VM Entries". */
#include "selftest/rig_build.h"
#include "vmx/handlers.h"
#include "vmx/msr_bitmap.h"
#include "vmx/run.h"

/* Tries the entry. */
static bool try_entry(struct rig *rig, enum vmx_result *result, bool *entry_failed)
{
    if (rig->failed || rig->skipped) {
        return false;
    }
    *result = vcpu_enter_once(rig->vcpu, entry_failed);
    rig->exit = rig->vcpu->exit;
    return true;
}

uint64_t rig_refusal(struct rig *rig)
{
    enum vmx_result result;
    bool entry_failed;

    if (!try_entry(rig, &result, &entry_failed)) {
        return 0;
    }
    if (result == VMX_SUCCEED) {
        rig_fail(rig, "the entry was not refused, but came to %s",
                 exit_reason_name(rig->exit->reason));
        return 0;
    }
    rig_want(rig, "CF or ZF", result, VMX_FAIL_VALID);
    return rig->failed ? 0 : vmread(VMCS_VM_INSTRUCTION_ERROR);
}

bool rig_expect_refused(struct rig *rig, uint64_t error)
{
    rig_want(rig, "the VM-instruction error", rig_refusal(rig), error);
    return !rig->failed;
}

bool rig_expect_failed(struct rig *rig, enum exit_reason reason, uint64_t qualification)
{
    enum vmx_result result;
    bool entry_failed;

    if (!try_entry(rig, &result, &entry_failed)) {
        return false;
    }
    if (result != VMX_SUCCEED) {
        rig_fail(rig, "VM entry refused, error %lu, wanted %s",
                 result == VMX_FAIL_VALID ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0,
                 exit_reason_name(reason));
        return false;
    }
    rig_want(rig, "the exit reason", vmread(VMCS_EXIT_REASON), reason | EXIT_REASON_ENTRY_FAILURE);
    rig_want(rig, "the qualification", vmread(VMCS_EXIT_QUALIFICATION), qualification);
    return !rig->failed;
}

bool rig_handle(struct rig *rig)
{
    enum exit_reason reason = (enum exit_reason)rig->exit->reason;

    if (!rig->handled || rig->failed || reason == EXIT_VMCALL || reason >= EXIT_REASONS ||
        exit_handlers[reason] == NULL) {
        return false;
    }
    switch (exit_handlers[reason](rig->vcpu)) {
    case ACTION_ADVANCE:
        vcpu_advance(rig->vcpu);
        return true;
    case ACTION_RESUME:
        return true;
    case ACTION_STOP:
    default:
        return false;
    }
}

void rig_pass_msr(const struct rig *rig, uint32_t msr, bool pass)
{
    msr_bitmap_set(rig->vm.msr_bitmap, msr, false, !pass);
    msr_bitmap_set(rig->vm.msr_bitmap, msr, true, !pass);
}
