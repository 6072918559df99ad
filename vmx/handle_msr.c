/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR. The MSRs that belong to the guest alone it reaches without an exit; a few more
 * are emulated; all others it does not have: #GP(0), as on a processor without them. SDM vol. 3C,
 * "MSR-Bitmap Address"; vol. 4.
 */
#include "kernel/fault.h"
#include "kernel/string.h"
#include "vmx/guest_mode.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/msr_bitmap.h"
#include "vmx/mutant.h"
#include "vmx/vmcs.h"

/* Restored by hardware (VMCS) or on leaving the VM (host_state.c), so the guest may have them. */
static const uint32_t passed_through[] = {
    MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,   MSR_IA32_SYSENTER_EIP, MSR_IA32_STAR,
    MSR_IA32_LSTAR,       MSR_IA32_CSTAR,          MSR_IA32_FMASK,        MSR_IA32_FS_BASE,
    MSR_IA32_GS_BASE,     MSR_IA32_KERNEL_GS_BASE, MSR_IA32_TSC_AUX,
};

static void allow(void *bitmap, uint32_t msr, bool write)
{
    msr_bitmap_set(bitmap, MUTATE(MSR_BITMAP, msr), write, false);
}

void msr_bitmap_fill(const struct vcpu *vcpu, void *bitmap)
{
    bool tsc_aux = vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_RDTSCP;

    memset(bitmap, 0xFF, PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(passed_through); i++) {
        if (passed_through[i] != MSR_IA32_TSC_AUX || tsc_aux) {
            allow(bitmap, passed_through[i], false);
            allow(bitmap, passed_through[i], true);
        }
    }
    allow(bitmap, MSR_IA32_TIME_STAMP_COUNTER, false); /* offset by the processor */
}

enum action handle_rdmsr(struct vcpu *vcpu)
{
    uint64_t value;

    vcpu->exit->subject = (uint32_t)vcpu->frame.gpr[RCX];

    switch ((uint32_t)vcpu->frame.gpr[RCX]) {
    case MSR_IA32_EFER:
        value = vmread(VMCS_GUEST_EFER);
        break;
    case MSR_IA32_PAT:
        value = vmread(VMCS_GUEST_PAT);
        break;
    case MSR_IA32_MISC_ENABLE:
    case MSR_IA32_BIOS_SIGN_ID:
        if (rdmsr_safe((uint32_t)vcpu->frame.gpr[RCX], &value) != STATUS_OK) {
            return inject_gp(vcpu);
        }
        break;
    case MSR_IA32_XSS: /* no supervisor state component is offered */
        value = 0;
        break;
    default:
        return inject_gp(vcpu);
    }
    vcpu->frame.gpr[RAX] = (uint32_t)value;
    vcpu->frame.gpr[RDX] = value >> 32;
    return ACTION_ADVANCE;
}

static enum action write_efer(struct vcpu *vcpu, uint64_t value)
{
    struct guest_mode mode = guest_mode_read(vcpu);

    if (!guest_efer_valid(&mode, value)) {
        return inject_gp(vcpu);
    }
    vmwrite(VMCS_GUEST_EFER, (value & ~EFER_LMA) | (mode.efer & EFER_LMA)); /* LMA is read-only */
    guest_tlb_flush(vcpu);
    return ACTION_ADVANCE;
}

static enum action write_pat(struct vcpu *vcpu, uint64_t value)
{
    if (!guest_pat_valid(value)) {
        return inject_gp(vcpu);
    }
    vmwrite(VMCS_GUEST_PAT, value);
    return ACTION_ADVANCE;
}

/* The guest's TSC is the processor's plus an offset. */
static enum action write_tsc(struct vcpu *vcpu, uint64_t value)
{
    if (!(vcpu->controls.bits[CONTROL_PRIMARY] & PRIMARY_TSC_OFFSET)) {
        return inject_gp(vcpu);
    }
    vmwrite(VMCS_TSC_OFFSET, value - rdtsc());
    return ACTION_ADVANCE;
}

enum action handle_wrmsr(struct vcpu *vcpu)
{
    uint64_t value = (vcpu->frame.gpr[RAX] & UINT32_MAX) | vcpu->frame.gpr[RDX] << 32;
    uint32_t msr = (uint32_t)vcpu->frame.gpr[RCX];
    uint64_t now;

    vcpu->exit->subject = msr;
    switch (msr) {
    case MSR_IA32_EFER:
        return write_efer(vcpu, value);
    case MSR_IA32_PAT:
        return write_pat(vcpu, value);
    case MSR_IA32_TIME_STAMP_COUNTER:
        return write_tsc(vcpu, value);
    case MSR_IA32_BIOS_SIGN_ID: /* written with 0 before the microcode's revision is read */
        return ACTION_ADVANCE;
    case MSR_IA32_MISC_ENABLE: /* may be written back as it is */
        return rdmsr_safe(msr, &now) == STATUS_OK && value == now ? ACTION_ADVANCE
                                                                  : inject_gp(vcpu);
    case MSR_IA32_XSS:
        return value == 0 ? ACTION_ADVANCE : inject_gp(vcpu);
    default:
        return inject_gp(vcpu);
    }
}
