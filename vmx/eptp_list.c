/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/eptp_list.h"

#include "kernel/image.h"
#include "kernel/memory.h"
#include "vmx/vmcs.h"

#define VM_FUNCTION_EPTP_SWITCHING BIT(0)

enum status eptp_list_start(struct vcpu *vcpu)
{
    enum status status;
    void *page;

    if (!(vcpu->capabilities->vmfunc & VM_FUNCTION_EPTP_SWITCHING)) {
        return STATUS_UNSUPPORTED;
    }
    status = page_take_cleared(&page);
    if (status == STATUS_OK) {
        vcpu->eptp_list = page;
        vmwrite(VMCS_VM_FUNCTION_CONTROLS, VM_FUNCTION_EPTP_SWITCHING);
        vmwrite(VMCS_EPTP_LIST_ADDRESS, hpa_of(page).value);
    }
    return status;
}

void eptp_list_set(const struct vcpu *vcpu, unsigned index, uint64_t ept_pointer)
{
    vcpu->eptp_list[index] = ept_pointer;
}

void eptp_list_stop(struct vcpu *vcpu)
{
    if (vcpu->eptp_list != NULL) {
        page_give(hpa_of(vcpu->eptp_list), 1);
        vcpu->eptp_list = NULL;
    }
}
