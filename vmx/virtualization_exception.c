/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/virtualization_exception.h"

#include "kernel/image.h"
#include "kernel/string.h"
#include "vmx/vmcs.h"

_Static_assert(offsetof(struct ve_information, qualification) == 8 &&
                   offsetof(struct ve_information, physical) == 24 &&
                   offsetof(struct ve_information, eptp_index) == 32,
               "SDM: Format of the Virtualization-Exception Information Area");

enum status ve_start(const struct vcpu *vcpu, gpa_t area)
{
    void *page = guest_access(vcpu->vm, area, PAGE_SIZE);

    if (page == NULL) {
        return STATUS_INVALID;
    }
    memset(page, 0, PAGE_SIZE);
    vmwrite(VMCS_VE_INFORMATION_ADDRESS, hpa_of(page).value);
    vmwrite(VMCS_EPTP_INDEX, 0);
    return STATUS_OK;
}
