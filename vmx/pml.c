/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/pml.h"

#include "kernel/image.h"
#include "kernel/memory.h"
#include "vmx/vmcs.h"

/* The index goes down from 511; FFFFH says that the log is full. */
#define PML_FIRST (PML_ENTRIES - 1)

enum status pml_start(struct vcpu *vcpu)
{
    void *page;
    enum status status = page_take_cleared(&page);

    if (status == STATUS_OK) {
        vcpu->pml = page;
        vmwrite(VMCS_PML_ADDRESS, hpa_of(page).value);
        vmwrite(VMCS_PML_INDEX, PML_FIRST);
    }
    return status;
}

void pml_stop(struct vcpu *vcpu)
{
    if (vcpu->pml != NULL) {
        page_give(hpa_of(vcpu->pml), 1);
        vcpu->pml = NULL;
    }
}

unsigned pml_drain(const struct vcpu *vcpu, pml_sink *sink, void *context)
{
    uint64_t index = vmread(VMCS_PML_INDEX);
    unsigned next = index > PML_FIRST ? 0 : (unsigned)index + 1; /* the newest record's */

    for (unsigned i = PML_ENTRIES; i-- > next;) {
        sink(context, GPA(vcpu->pml[i]));
    }
    vmwrite(VMCS_PML_INDEX, PML_FIRST);
    return PML_ENTRIES - next;
}
