/* SPDX-License-Identifier: BSD-2-Clause */
/* The host-state and guest-state areas. */
#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "vmx/mutant.h"
#include "vmx/run.h"
#include "vmx/segment.h"
#include "vmx/setup.h"

#define SELECTOR_RPL_TI BITS(2, 0) /* must be 0 in the host's selectors */

void setup_host_state(const struct vcpu *vcpu)
{
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_CS_SELECTOR, read_cs() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_SS_SELECTOR, read_ss() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_DS_SELECTOR, read_ds() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_ES_SELECTOR, read_es() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_FS_SELECTOR, read_fs() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_GS_SELECTOR, read_gs() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_TR_SELECTOR, read_tr() & ~SELECTOR_RPL_TI);
    vmwrite(VMCS_HOST_FS_BASE, rdmsr(MSR_IA32_FS_BASE));
    vmwrite(VMCS_HOST_GS_BASE, rdmsr(MSR_IA32_GS_BASE));
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&this_cpu()->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, read_gdtr().base);
    vmwrite(VMCS_HOST_IDTR_BASE, read_idtr().base);
    vmwrite(VMCS_HOST_SYSENTER_CS, rdmsr(MSR_IA32_SYSENTER_CS));
    vmwrite(VMCS_HOST_SYSENTER_ESP, rdmsr(MSR_IA32_SYSENTER_ESP));
    vmwrite(VMCS_HOST_SYSENTER_EIP, rdmsr(MSR_IA32_SYSENTER_EIP));
    if (vcpu->controls.bits[CONTROL_EXIT] & EXIT_LOAD_PAT) {
        vmwrite(VMCS_HOST_PAT, rdmsr(MSR_IA32_PAT));
    }
    if (vcpu->controls.bits[CONTROL_EXIT] & EXIT_LOAD_EFER) {
        vmwrite(VMCS_HOST_EFER, rdmsr(MSR_IA32_EFER));
    }
    vmwrite(VMCS_HOST_RSP, (uint64_t)&vcpu->frame.host_rsp);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
}

/* SDM vol. 3C, "Guest Register State", the table of access rights. */
#define RIGHTS_CODE_64  0xA09B /* present, accessed, execute/read, L, G */
#define RIGHTS_DATA     0xC093 /* present, accessed, read/write, D/B, G */
#define RIGHTS_TSS_BUSY 0x008B

#define GUEST_CODE 0x08
#define GUEST_DATA 0x10
#define GUEST_TSS  0x18

#define PAT_RESET     UINT64_C(0x0007040600070406)
#define NO_LINK       UINT64_MAX
#define TSS_64_LIMIT  0x67
#define SEGMENT_LIMIT UINT32_MAX

struct segment_fields {
    const struct vmcs_field *selector, *base, *limit, *rights;
};

#define SEGMENT(symbol)                                                                            \
    &(const struct segment_fields)                                                                 \
    {                                                                                              \
        &VMCS_GUEST_##symbol##_SELECTOR, &VMCS_GUEST_##symbol##_BASE,                              \
            &VMCS_GUEST_##symbol##_LIMIT, &VMCS_GUEST_##symbol##_AR                                \
    }

static void set_segment(const struct segment_fields *segment, uint16_t selector, uint64_t base,
                        uint32_t limit, uint64_t rights)
{
    vmwrite(*segment->selector, selector);
    vmwrite(*segment->base, base);
    vmwrite(*segment->limit, limit);
    vmwrite(*segment->rights, rights);
}

static void setup_guest_segments(const struct guest_start *start)
{
    set_segment(SEGMENT(CS), GUEST_CODE, 0, SEGMENT_LIMIT, RIGHTS_CODE_64);
    set_segment(SEGMENT(SS), GUEST_DATA, 0, SEGMENT_LIMIT, RIGHTS_DATA);
    set_segment(SEGMENT(DS), GUEST_DATA, 0, SEGMENT_LIMIT, MUTATE(RIGHTS, RIGHTS_DATA));
    set_segment(SEGMENT(ES), GUEST_DATA, 0, SEGMENT_LIMIT, RIGHTS_DATA);
    set_segment(SEGMENT(FS), 0, 0, SEGMENT_LIMIT, RIGHTS_UNUSABLE);
    set_segment(SEGMENT(GS), 0, 0, SEGMENT_LIMIT, RIGHTS_UNUSABLE);
    set_segment(SEGMENT(LDTR), 0, 0, SEGMENT_LIMIT, RIGHTS_UNUSABLE);
    set_segment(SEGMENT(TR), GUEST_TSS, start->tss_base, TSS_64_LIMIT, RIGHTS_TSS_BUSY);
    vmwrite(VMCS_GUEST_GDTR_BASE, start->gdt_base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, start->gdt_limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, 0); /* empty: an exception is a triple fault */
    vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
}

static void setup_guest_control_registers(const struct vcpu *vcpu)
{
    uint64_t cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    vmwrite(VMCS_GUEST_CR0, (cr0 | vcpu->cr0_fixed0) & vcpu->cr0_fixed1);
    vmwrite(VMCS_CR0_SHADOW, cr0);
    vmwrite(VMCS_GUEST_CR3, vcpu->vm->start.cr3);
    vmwrite(VMCS_GUEST_CR4, (cr4 | vcpu->cr4_fixed0) & vcpu->cr4_fixed1);
    vmwrite(VMCS_CR4_SHADOW, cr4);
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED_1);
}

static void setup_guest_msrs(const struct vcpu *vcpu)
{
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
    if (vcpu->controls.bits[CONTROL_ENTRY] & ENTRY_LOAD_PAT) {
        vmwrite(VMCS_GUEST_PAT, PAT_RESET);
    }
    if (vcpu->controls.bits[CONTROL_ENTRY] & ENTRY_LOAD_EFER) {
        vmwrite(VMCS_GUEST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    }
}

void setup_guest_state(const struct vcpu *vcpu)
{
    const struct guest_start *start = &vcpu->vm->start;

    setup_guest_control_registers(vcpu);
    setup_guest_segments(start);
    setup_guest_msrs(vcpu);
    vmwrite(VMCS_GUEST_RIP, start->rip.value);
    vmwrite(VMCS_GUEST_RSP, start->rsp.value);
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, 0);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmwrite(VMCS_VMCS_LINK_POINTER, NO_LINK);
}
