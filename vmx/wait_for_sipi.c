/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/wait_for_sipi.h"

#include "kernel/cpu.h"
#include "kernel/string.h"
#include "vmx/guest_mode.h"
#include "vmx/report.h"
#include "vmx/request.h"
#include "vmx/setup.h"
#include "vmx/vmcs.h"

#define INIT_CR0         UINT64_C(0x60000010)
#define INIT_CS          0xF000
#define INIT_CS_BASE     UINT64_C(0xFFFF0000)
#define INIT_RIP         0xFFF0
#define INIT_DR7         0x400
#define REAL_LIMIT       0xFFFF
#define RIGHTS_REAL_CODE 0x9B /* present, accessed, execute/read */
#define RIGHTS_REAL_DATA 0x93
#define RIGHTS_LDT       0x82
#define RIGHTS_BUSY_TSS  0x8B

bool can_wait_for_sipi(const struct vmx_capabilities *capabilities, const char **what)
{
    if (!control_offered(capabilities, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED)) {
        *what = "secondary.unrestricted";
        return false;
    }
    if (!(capabilities->misc & VMX_MISC_WAIT_FOR_SIPI) || !(capabilities->misc & VMX_MISC_HLT)) {
        *what = "activity states HLT and wait-for-SIPI (IA32_VMX_MISC bits 6, 8)";
        return false;
    }
    return true;
}

struct segment {
    const struct vmcs_field *selector, *base, *limit, *rights;
    uint32_t value;
};

#define SEGMENT(symbol, value)                                                                     \
    (struct segment)                                                                               \
    {                                                                                              \
        &VMCS_GUEST_##symbol##_SELECTOR, &VMCS_GUEST_##symbol##_BASE,                              \
            &VMCS_GUEST_##symbol##_LIMIT, &VMCS_GUEST_##symbol##_AR, value                         \
    }

static void set_segments(void)
{
    static const struct segment segments[] = {
        SEGMENT(CS, RIGHTS_REAL_CODE), SEGMENT(SS, RIGHTS_REAL_DATA), SEGMENT(DS, RIGHTS_REAL_DATA),
        SEGMENT(ES, RIGHTS_REAL_DATA), SEGMENT(FS, RIGHTS_REAL_DATA), SEGMENT(GS, RIGHTS_REAL_DATA),
        SEGMENT(LDTR, RIGHTS_LDT),     SEGMENT(TR, RIGHTS_BUSY_TSS),
    };

    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        vmwrite(*segments[i].selector, 0);
        vmwrite(*segments[i].base, 0);
        vmwrite(*segments[i].limit, REAL_LIMIT);
        vmwrite(*segments[i].rights, segments[i].value);
    }
    vmwrite(VMCS_GUEST_CS_SELECTOR, INIT_CS);
    vmwrite(VMCS_GUEST_CS_BASE, INIT_CS_BASE);
    vmwrite(VMCS_GUEST_GDTR_BASE, 0);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, REAL_LIMIT);
    vmwrite(VMCS_GUEST_IDTR_BASE, 0);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, REAL_LIMIT);
}

void wait_for_sipi(struct vcpu *vcpu)
{
    vcpu->controls.bits[CONTROL_ENTRY] &= ~(uint32_t)ENTRY_IA32E_GUEST;
    write_controls(vcpu);
    set_segments();
    vmwrite(VMCS_GUEST_CR0, (INIT_CR0 | vcpu->cr0_fixed0) & vcpu->cr0_fixed1);
    vmwrite(VMCS_CR0_SHADOW, INIT_CR0);
    vmwrite(VMCS_GUEST_CR3, 0);
    vmwrite(VMCS_GUEST_CR4, vcpu->cr4_fixed0 & vcpu->cr4_fixed1);
    vmwrite(VMCS_CR4_SHADOW, 0);
    vmwrite(VMCS_GUEST_EFER, 0);
    vmwrite(VMCS_GUEST_DR7, INIT_DR7);
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
    vmwrite(VMCS_GUEST_RIP, INIT_RIP);
    vmwrite(VMCS_GUEST_RSP, 0);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
    write_cr2(0);
    guest_tlb_flush(vcpu);
    memset(vcpu->apic, 0, sizeof(vcpu->apic));
    memset(vcpu->frame.gpr, 0, sizeof(vcpu->frame.gpr));
    vcpu->frame.gpr[RDX] = cpuid(1, 0).eax;
    vcpu->nmi_pending = false;
    vcpu->sipi_waits = !vcpu->vm->alone;
    if (vcpu->vm->alone) {
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
        vcpu->hurries = true;
        request_waits(vcpu, true);
    } else {
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
    }
}

void keep_waiting(const struct vcpu *vcpu)
{
    if (vcpu->sipi_waits) {
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
    }
}

void start_by_sipi(struct vcpu *vcpu, uint8_t vector)
{
    vcpu->sipi_waits = false;
    vmwrite(VMCS_GUEST_CS_SELECTOR, (uint64_t)vector << 8);
    vmwrite(VMCS_GUEST_CS_BASE, (uint64_t)vector << PAGE_SHIFT);
    vmwrite(VMCS_GUEST_RIP, 0);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0); /* the wait's own blocking of NMIs may be saved here */
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
}

/*
 * Who starts a processor sends INIT and then start-up IPIs, 200 microseconds apart. A start-up IPI
 * that finds this processor in the hypervisor is lost, so there is no slow work on this way. An
 * INIT that came while the guest waited has been kept: it comes right after the first start-up IPI,
 * and the second one starts the guest.
 */
enum action handle_init(struct vcpu *vcpu)
{
    const char *what;

    if (vcpu->id == 0 || !can_wait_for_sipi(vcpu->capabilities, &what)) {
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "INIT signal to virtual CPU %u", vcpu->id);
    }
    wait_for_sipi(vcpu);
    return ACTION_RESUME;
}

enum action handle_sipi(struct vcpu *vcpu)
{
    vcpu->hurries = true;
    request_waits(vcpu, false);
    start_by_sipi(vcpu, (uint8_t)vcpu->exit->qualification);
    return ACTION_RESUME;
}
