/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/inject.h"

#include "vmx/vmcs.h"

static void inject(uint32_t information, uint32_t error_code, uint32_t length)
{
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, information);
    if (information & INTERRUPTION_ERROR_CODE) {
        vmwrite(VMCS_ENTRY_EXCEPTION_ERROR_CODE, error_code);
    }
    if (length != 0) {
        vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, length);
    }
}

/* A guest in real-address mode takes no error codes: the entry would be refused. */
static uint32_t exception(struct vcpu *vcpu, enum vector vector, bool with_error_code)
{
    uint64_t error_code =
        with_error_code && vmread(VMCS_GUEST_CR0) & CR0_PE ? INTERRUPTION_ERROR_CODE : 0;

    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_RF); /* as a fault pushes it */
    vcpu->exit->injected = (uint8_t)vector;
    return (uint32_t)(INTERRUPTION_VALID | error_code | vector |
                      FIELD_PUT(INTERRUPTION_TYPE, INTERRUPTION_HARDWARE_EXCEPTION));
}

enum action inject_ud(struct vcpu *vcpu)
{
    inject(exception(vcpu, VECTOR_UD, false), 0, 0);
    return ACTION_RESUME;
}

enum action inject_gp(struct vcpu *vcpu)
{
    inject(exception(vcpu, VECTOR_GP, true), 0, 0);
    return ACTION_RESUME;
}

enum action inject_pf(struct vcpu *vcpu, uint64_t linear, uint32_t error_code)
{
    write_cr2(linear); /* VM entry leaves CR2 alone: it is the guest's while its VM exists */
    inject(exception(vcpu, VECTOR_PF, true), error_code, 0);
    return ACTION_RESUME;
}

enum action inject_bp(struct vcpu *vcpu)
{
    vcpu->exit->injected = VECTOR_BP;
    inject((uint32_t)(INTERRUPTION_VALID | VECTOR_BP |
                      FIELD_PUT(INTERRUPTION_TYPE, INTERRUPTION_SOFTWARE_EXCEPTION)),
           0, (uint32_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
    return ACTION_RESUME;
}

/* SDM vol. 3C, "Information for VM Exits During Event Delivery". */
void reinject_vectored_event(const struct vcpu *vcpu)
{
    const struct vmx_exit *exit = vcpu->exit;
    uint64_t type = FIELD_GET(INTERRUPTION_TYPE, exit->vectoring);
    uint32_t length = 0;

    if (type == INTERRUPTION_SOFTWARE_INTERRUPT || type == INTERRUPTION_PRIVILEGED_SOFTWARE ||
        type == INTERRUPTION_SOFTWARE_EXCEPTION) {
        length = (uint32_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
    }
    inject(exit->vectoring & (uint32_t)(INTERRUPTION_VALID | INTERRUPTION_ERROR_CODE |
                                        INTERRUPTION_TYPE | INTERRUPTION_VECTOR),
           exit->vectoring_error, length);
}
