/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/vmcs.h"

#include "kernel/panic.h"
#include "vmx/names.h"

void vmread_failed(struct vmcs_field field)
{
    const char *name = vmcs_field_name(field);

    panic("VMREAD failed field=%s encoding=0x%x", name != NULL ? name : "unknown", field.encoding);
}

void vmwrite_failed(struct vmcs_field field, uint64_t value)
{
    const char *name = vmcs_field_name(field);

    panic("VMWRITE failed field=%s encoding=0x%x value=0x%lx error=%lu",
          name != NULL ? name : "unknown", field.encoding, value,
          vmread(VMCS_VM_INSTRUCTION_ERROR));
}
