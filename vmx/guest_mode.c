/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_mode.h"

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "vmx/segment.h"

/* SDM vol. 3C, "Guest/Host Masks and Read Shadows for CR0 and CR4". */
static uint64_t as_guest_sees(struct vmcs_field real, struct vmcs_field mask,
                              struct vmcs_field shadow)
{
    uint64_t owned = vmread(mask);

    return (vmread(real) & ~owned) | (vmread(shadow) & owned);
}

uint64_t guest_cr0_read(void)
{
    return as_guest_sees(VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW);
}

uint64_t guest_cr4_read(void)
{
    return as_guest_sees(VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW);
}

void guest_pdptes_read(uint64_t pdptes[4])
{
    pdptes[0] = vmread(VMCS_GUEST_PDPTE0);
    pdptes[1] = vmread(VMCS_GUEST_PDPTE1);
    pdptes[2] = vmread(VMCS_GUEST_PDPTE2);
    pdptes[3] = vmread(VMCS_GUEST_PDPTE3);
}

struct guest_mode guest_mode_read(const struct vcpu *vcpu)
{
    struct guest_mode mode = {
        .cr0 = guest_cr0_read(),
        .cr3 = vmread(VMCS_GUEST_CR3),
        .cr4 = guest_cr4_read(),
        .efer = vmread(VMCS_GUEST_EFER),
        .cr4_allowed = vcpu->cr4_fixed1 & ~CR4_OWNED,
        .physical_width = vcpu->vm->ept_abilities.physical_width,
    };

    mode.cs_l = vmread(VMCS_GUEST_CS_AR) & RIGHTS_L;
    mode.code_64 = mode.efer & EFER_LMA && mode.cs_l;
    mode.user = FIELD_GET(RIGHTS_DPL, vmread(VMCS_GUEST_SS_AR)) == 3;
    return mode;
}

/* Without VPID, each VM entry does this by itself. SDM vol. 3C, "Operations that Invalidate Cached
 * Mappings". */
void guest_tlb_flush(const struct vcpu *vcpu)
{
    if (vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_VPID &&
        invvpid(INVVPID_SINGLE_CONTEXT, vcpu->vpid) != VMX_SUCCEED &&
        invvpid(INVVPID_ALL_CONTEXTS, 0) != VMX_SUCCEED) {
        panic("INVVPID failed vpid=%u error=%lu", vcpu->vpid, vmread(VMCS_VM_INSTRUCTION_ERROR));
    }
}
