/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/inject.h"

#include "vmx/advance.h"
#include "vmx/handlers.h"
#include "vmx/mutant.h"
#include "vmx/vmcs.h"

static void inject(uint32_t information, uint32_t error_code, uint32_t length)
{
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, MUTATE(EVENT, information));
    if (information & INTERRUPTION_ERROR_CODE) {
        vmwrite(VMCS_ENTRY_EXCEPTION_ERROR_CODE, error_code);
    }
    if (length != 0) {
        vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, length);
    }
}

/* A guest in real-address mode takes no error codes: the entry would be refused. */
static enum action exception(struct vcpu *vcpu, enum vector vector, bool with_error_code,
                             uint32_t error_code)
{
    uint64_t with =
        with_error_code && vmread(VMCS_GUEST_CR0) & CR0_PE ? INTERRUPTION_ERROR_CODE : 0;

    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_RF); /* as a fault pushes it */
    vcpu->exit->injected = (uint8_t)vector;
    inject((uint32_t)(INTERRUPTION_VALID | with | vector |
                      FIELD_PUT(INTERRUPTION_TYPE, INTERRUPTION_HARDWARE_EXCEPTION)),
           error_code, 0);
    return ACTION_RESUME;
}

static bool is_contributory(uint64_t vector)
{
    return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP) ||
           vector == VECTOR_CP;
}

/* Whether a fault on the way to the handler of exception `first` makes a double fault, or after one
 * a shutdown. SDM vol. 3A, "Interrupt 8—Double Fault Exception (#DF)". */
static bool is_compounded(uint64_t first, enum vector second)
{
    if (second == VECTOR_PF) {
        return first == VECTOR_PF || first == VECTOR_VE || first == VECTOR_DF;
    }
    return is_contributory(second) && (is_contributory(first) || first == VECTOR_PF ||
                                       first == VECTOR_VE || first == VECTOR_DF);
}

/* The same, but where the exit came while an exception was delivered. Another event that was
 * delivered then is lost, or comes again with its instruction, as on a processor. */
static enum action fault(struct vcpu *vcpu, enum vector vector, uint32_t error_code)
{
    uint32_t vectoring = exit_vectoring(vcpu->exit);
    uint64_t first = FIELD_GET(INTERRUPTION_VECTOR, vectoring);

    if (!(vectoring & INTERRUPTION_VALID) ||
        FIELD_GET(INTERRUPTION_TYPE, vectoring) != INTERRUPTION_HARDWARE_EXCEPTION ||
        !is_compounded(first, vector)) {
        return exception(vcpu, vector, true, error_code);
    }
    if (first == VECTOR_DF) {
        return exit_handlers[EXIT_TRIPLE_FAULT](vcpu);
    }
    return exception(vcpu, VECTOR_DF, true, 0);
}

enum action inject_ud(struct vcpu *vcpu)
{
    return exception(vcpu, VECTOR_UD, false, 0);
}

enum action inject_gp(struct vcpu *vcpu)
{
    return fault(vcpu, VECTOR_GP, 0);
}

enum action inject_pf(struct vcpu *vcpu, uint64_t linear, uint32_t error_code)
{
    write_cr2(linear); /* VM entry leaves CR2 alone: it is the guest's while its VM exists */
    return fault(vcpu, VECTOR_PF, error_code);
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
    if (type == INTERRUPTION_NMI) { /* its delivery began the blocking that would refuse it now */
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
                vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~(uint64_t)INTERRUPTIBILITY_NMI);
    }
    inject(exit->vectoring & (uint32_t)(INTERRUPTION_VALID | INTERRUPTION_ERROR_CODE |
                                        INTERRUPTION_TYPE | INTERRUPTION_VECTOR),
           exit->vectoring_error, length);
}

static void set_nmi_window(struct vcpu *vcpu, bool on)
{
    uint32_t *primary = &vcpu->controls.bits[CONTROL_PRIMARY];

    if (vcpu->controls.bits[CONTROL_PIN] & PIN_VIRTUAL_NMI &&
        on != !!(*primary & PRIMARY_NMI_WINDOW)) {
        *primary ^= PRIMARY_NMI_WINDOW;
        vmwrite(VMCS_PRIMARY_CONTROLS, *primary);
    }
}

void offer_nmi(struct vcpu *vcpu)
{
    bool blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY) &
                   (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_STI);

    if (vcpu->nmi_pending && !blocked &&
        !(vmread(VMCS_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID)) {
        vcpu->nmi_pending = false;
        inject((uint32_t)(INTERRUPTION_VALID | VECTOR_NMI |
                          FIELD_PUT(INTERRUPTION_TYPE, INTERRUPTION_NMI)),
               0, 0);
    }
    set_nmi_window(vcpu, vcpu->nmi_pending);
}
