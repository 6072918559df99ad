/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/entry_failure.h"

#include "kernel/log.h"
#include "vmx/trace.h"

void entry_refused(struct vcpu *vcpu, enum vmx_result result)
{
    const char *instruction = vcpu->launched ? "VMRESUME" : "VMLAUNCH";
    uint64_t error = result == VMX_FAIL_VALID ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0;
    const char *name = vmx_instruction_error_name(error);

    if (result == VMX_FAIL_INVALID) {
        name = "VMfailInvalid: there is no current VMCS";
    }
    log_line("vmx", "VM entry refused vm=%u vcpu=%u instruction=%s error=%lu meaning=\"%s\"",
             vcpu->vm->id, vcpu->id, instruction, error,
             name != NULL ? name : "an error number that the SDM does not define");
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

void entry_failed(struct vcpu *vcpu)
{
    struct vmx_exit *exit = vcpu->exit;

    exit->action = ACTION_STOP;
    trace_drain(vcpu);
    if (exit->reason == EXIT_ENTRY_FAILURE_MSR) {
        log_line("vmx", "VM entry failed on loading MSRs vm=%u vcpu=%u entry=%lu", vcpu->vm->id,
                 vcpu->id, exit->qualification);
    } else {
        log_line("vmx", "VM entry failed vm=%u vcpu=%u meaning=\"%s\" detail=\"%s\"", vcpu->vm->id,
                 vcpu->id, exit_reason_title(exit->reason),
                 exit->reason == EXIT_ENTRY_FAILURE_GUEST ? guest_state_detail(exit->qualification)
                                                          : "machine check");
    }
    (void)vm_stop(vcpu, true, 0, "VM entry failed: reason %u", exit->reason);
}
