/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the processor's own answer, less what the guest cannot use: VMX and SMX, which are hidden;
 * features whose MSRs it does not reach; instructions that a control would have to enable.
 * SDM vol. 2A, "CPUID—CPU Identification".
 */
#include "kernel/cpu.h"
#include "vmx/handlers.h"
#include "vmx/vmcs.h"

#define LEAF_FEATURES   0x01
#define LEAF_STRUCTURED 0x07
#define LEAF_PERFMON    0x0A
#define LEAF_XSTATE     0x0D
#define LEAF_EXTENDED   0x80000001

#define BIT32(n) (UINT32_C(1) << (n))

/* Leaf 01H: what goes with MSRs that the guest does not reach. */
#define ECX_DTES64 BIT32(2)
#define ECX_DS_CPL BIT32(4)
#define ECX_VMX    BIT32(5)
#define ECX_SMX    BIT32(6)
#define ECX_EIST   BIT32(7)
#define ECX_TM2    BIT32(8)
#define ECX_PDCM   BIT32(15)
#define ECX_X2APIC BIT32(21)
#define ECX_TSC_DL BIT32(24)
#define EDX_MCE    BIT32(7)
#define EDX_MTRR   BIT32(12)
#define EDX_MCA    BIT32(14)
#define EDX_DS     BIT32(21)
#define EDX_ACPI   BIT32(22)
#define EDX_TM     BIT32(29)

/* Leaf 07H, subleaf 0. */
#define EBX_SGX         BIT32(2)
#define EBX_INVPCID     BIT32(10)
#define EBX_RDT_M       BIT32(12)
#define EBX_RDT_A       BIT32(15)
#define EBX_PT          BIT32(25)
#define ECX_WAITPKG     BIT32(5)
#define ECX_CET_SS      BIT32(7)
#define ECX_PKS         BIT32(31)
#define EDX_UINTR       BIT32(5)
#define EDX_PCONFIG     BIT32(18)
#define EDX_LBR         BIT32(19)
#define EDX_CET_IBT     BIT32(20)
#define EDX_SPECULATION (BIT32(26) | BIT32(27) | BIT32(28) | BIT32(29) | BIT32(30) | BIT32(31))

#define EAX_XSAVES BIT32(3) /* leaf 0DH, subleaf 1 */

static bool enabled(const struct vcpu *vcpu, enum control control)
{
    return vcpu->controls.bits[CONTROL_SECONDARY] & (uint32_t)control;
}

/* The bits in leaf 1 and leaf 7 that follow the guest's CR4, not the hypervisor's. */
static void follow_cr4(uint32_t *ecx, uint32_t bit, uint64_t cr4_bit)
{
    *ecx = vmread(VMCS_GUEST_CR4) & cr4_bit ? *ecx | bit : *ecx & ~bit;
}

static void hide_features(struct cpuid *leaf)
{
    leaf->ecx &= ~(ECX_DTES64 | ECX_DS_CPL | ECX_VMX | ECX_SMX | ECX_EIST | ECX_TM2 | ECX_PDCM |
                   ECX_X2APIC | ECX_TSC_DL);
    leaf->edx &= ~(EDX_MCE | EDX_MTRR | EDX_MCA | EDX_DS | EDX_ACPI | EDX_TM);
    follow_cr4(&leaf->ecx, CPUID_1_ECX_OSXSAVE, CR4_OSXSAVE);
}

static void hide_structured(const struct vcpu *vcpu, struct cpuid *leaf)
{
    leaf->ebx &= ~(EBX_SGX | EBX_RDT_M | EBX_RDT_A | EBX_PT);
    leaf->ecx &= ~(ECX_CET_SS | ECX_PKS);
    leaf->edx &= ~(EDX_UINTR | EDX_PCONFIG | EDX_LBR | EDX_CET_IBT | EDX_SPECULATION);
    if (!enabled(vcpu, SECONDARY_INVPCID)) {
        leaf->ebx &= ~EBX_INVPCID;
    }
    if (!enabled(vcpu, SECONDARY_USER_WAIT_PAUSE)) {
        leaf->ecx &= ~ECX_WAITPKG;
    }
    follow_cr4(&leaf->ecx, CPUID_7_ECX_OSPKE, CR4_PKE);
}

static void adapt(const struct vcpu *vcpu, uint32_t number, uint32_t subleaf, struct cpuid *leaf)
{
    switch (number) {
    case LEAF_FEATURES:
        hide_features(leaf);
        break;
    case LEAF_STRUCTURED:
        if (subleaf == 0) {
            hide_structured(vcpu, leaf);
        }
        break;
    case LEAF_PERFMON:
        *leaf = (struct cpuid){0};
        break;
    case LEAF_XSTATE:
        if (subleaf == 1 && !enabled(vcpu, SECONDARY_XSAVES)) {
            leaf->eax &= ~EAX_XSAVES;
        }
        break;
    case LEAF_EXTENDED:
        if (!enabled(vcpu, SECONDARY_RDTSCP)) {
            leaf->edx &= ~(uint32_t)CPUID_80000001_EDX_TSCP;
        }
        break;
    default:
        break;
    }
}

enum action handle_cpuid(struct vcpu *vcpu)
{
    uint64_t *gpr = vcpu->frame.gpr;
    uint32_t number = (uint32_t)gpr[RAX];
    uint32_t subleaf = (uint32_t)gpr[RCX];
    struct cpuid leaf = cpuid(number, subleaf);

    adapt(vcpu, number, subleaf, &leaf);
    gpr[RAX] = leaf.eax;
    gpr[RBX] = leaf.ebx;
    gpr[RCX] = leaf.ecx;
    gpr[RDX] = leaf.edx;
    return ACTION_ADVANCE;
}
