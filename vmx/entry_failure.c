/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/entry_failure.h"

#include "kernel/format.h"
#include "kernel/log.h"
#include "vmx/audit_read.h"
#include "vmx/entry_audit.h"
#include "vmx/msr_area.h"
#include "vmx/trace.h"

void entry_refused(struct vcpu *vcpu, enum vmx_result result)
{
    const char *instruction = vcpu->launched ? "VMRESUME" : "VMLAUNCH";
    uint64_t error = result == VMX_FAIL_VALID ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0;
    const char *name = vmx_instruction_error_name(error);
    enum entry_answer answer = entry_answer_of_error(error);

    if (result == VMX_FAIL_INVALID) {
        name = "VMfailInvalid: there is no current VMCS";
    }
    log_line("vmx",
             "VM entry refused vm=%u vcpu=%u instruction=%s stage=%s error=%lu meaning=\"%s\"",
             vcpu->vm->id, vcpu->id, instruction,
             answer != ANSWER_OTHER ? entry_answer_name(answer) : "instruction", error,
             name != NULL ? name : "an error number that the SDM does not define");
    if (result == VMX_FAIL_VALID) { /* else there is no VMCS to read */
        audit_after_refusal(vcpu, answer, error);
    }
    (void)vm_stop(vcpu, true, 0, "%s refused: error %lu", instruction, error);
}

/* SDM vol. 3C, "Exit Qualification" of entry failures: only these values are defined. */
static const char *guest_state_detail(uint64_t qualification)
{
    switch (qualification) {
    case 2:
        return "loading the PDPTEs failed";
    case 3:
        return "an NMI was to be injected into a guest that blocks by STI";
    case 4:
        return "the VMCS link pointer is not valid";
    default:
        return "the processor does not say which field";
    }
}

/* The entry of the area at which loading stopped, counted from 1. */
static void log_msr_failure(const struct vcpu *vcpu)
{
    uint64_t number = vcpu->exit->qualification;
    hpa_t address =
        HPA(vmread(VMCS_ENTRY_MSR_LOAD_ADDRESS) + (number - 1) * sizeof(struct msr_entry));
    const struct msr_entry *entry = physical_at(&audit_memory, address, sizeof(*entry));

    if (entry == NULL) {
        log_line("vmx", "VM entry failed on loading MSRs vm=%u vcpu=%u stage=msr-load entry=%lu",
                 vcpu->vm->id, vcpu->id, number);
        return;
    }
    log_line("vmx",
             "VM entry failed on loading MSRs vm=%u vcpu=%u stage=msr-load entry=%lu msr=0x%x "
             "reserved=0x%x value=0x%lx",
             vcpu->vm->id, vcpu->id, number, entry->index, entry->reserved, entry->data);
}

static void log_failure(const struct vcpu *vcpu, const char *stage, const char *detail)
{
    log_line("vmx", "VM entry failed vm=%u vcpu=%u stage=%s meaning=\"%s\" detail=\"%s\"",
             vcpu->vm->id, vcpu->id, stage, exit_reason_title(vcpu->exit->reason), detail);
}

void entry_failed(struct vcpu *vcpu)
{
    struct vmx_exit *exit = vcpu->exit;
    char detail[48];

    exit->action = ACTION_STOP;
    trace_drain(vcpu);
    switch (exit->reason) {
    case EXIT_ENTRY_FAILURE_MSR:
        log_msr_failure(vcpu);
        break;
    case EXIT_ENTRY_FAILURE_GUEST:
        log_failure(vcpu, "guest", guest_state_detail(exit->qualification));
        break;
    case EXIT_ENTRY_FAILURE_MC:
        log_failure(vcpu, "machine-check", "the processor found itself at fault, not the VMCS");
        break;
    default:
        format_text(detail, sizeof(detail), "exit reason %u is no entry failure of the SDM's",
                    exit->reason);
        log_failure(vcpu, "unknown", detail);
        break;
    }
    audit_after_refusal(vcpu, entry_answer_of_failure(exit->reason), exit->qualification);
    (void)vm_stop(vcpu, true, 0, "VM entry failed: reason %u", exit->reason);
}
