/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the processor's own answer, less what the guest cannot use: VMX and SMX, which are hidden;
 * features whose MSRs it does not reach; instructions that a control would have to enable. Leaves
 * that only describe such features read as zero. SDM vol. 2A, "CPUID—CPU Identification".
 */
#include "kernel/cpu.h"
#include "vmx/handlers.h"
#include "vmx/vmcs.h"

#define BIT32(n) (UINT32_C(1) << (n))

/* Leaf 01H: hidden are DTES64, MONITOR, DS_CPL, VMX, SMX, EIST, TM2, SDBG, PDCM, x2APIC,
 * TSC-Deadline and, of the hypervisor below, its presence; MCE, APIC (a guest has none), MTRR, MCA,
 * DS, ACPI, TM. */
#define ECX_1_HIDDEN                                                                               \
    (BIT32(2) | BIT32(3) | BIT32(4) | BIT32(5) | BIT32(6) | BIT32(7) | BIT32(8) | BIT32(11) |      \
     BIT32(15) | BIT32(21) | BIT32(24) | BIT32(31))
#define EDX_1_HIDDEN                                                                               \
    (BIT32(7) | BIT32(9) | BIT32(12) | BIT32(14) | BIT32(21) | BIT32(22) | BIT32(29))

/* Leaf 07H: what is shown is instructions, and bits of CR4 that the guest may set (CR4_GUEST).
 * EBX: FSGSBASE, BMI1, AVX2, FDP_EXCPTN_ONLY, SMEP, BMI2, ERMS, INVPCID; FCS/FDS deprecation;
 * AVX512F, AVX512DQ, RDSEED, ADX, SMAP, AVX512_IFMA; CLFLUSHOPT, CLWB; AVX512PF, ER, CD, SHA,
 * AVX512BW, VL. ECX: PREFETCHWT1, AVX512_VBMI, UMIP, PKU; AVX512_VBMI2; GFNI, VAES, VPCLMULQDQ,
 * AVX512_VNNI, BITALG; AVX512_VPOPCNTDQ; RDPID; CLDEMOTE; MOVDIRI, MOVDIR64B. EDX: AVX512_4VNNIW,
 * 4FMAPS, FSRM; AVX512_VP2INTERSECT; SERIALIZE, hybrid; AMX-BF16, AVX512_FP16, AMX-TILE, AMX-INT8.
 */
#define EBX_7_SHOWN                                                                                \
    (BIT32(0) | BIT32(3) | BIT32(5) | BIT32(6) | BIT32(7) | BIT32(8) | BIT32(9) | BIT32(10) |      \
     BIT32(13) | BIT32(16) | BIT32(17) | BIT32(18) | BIT32(19) | BIT32(20) | BIT32(21) |           \
     BIT32(23) | BIT32(24) | BIT32(26) | BIT32(27) | BIT32(28) | BIT32(29) | BIT32(30) |           \
     BIT32(31))
#define ECX_7_SHOWN                                                                                \
    (BIT32(0) | BIT32(1) | BIT32(2) | BIT32(3) | BIT32(6) | BIT32(8) | BIT32(9) | BIT32(10) |      \
     BIT32(11) | BIT32(12) | BIT32(14) | BIT32(22) | BIT32(25) | BIT32(27) | BIT32(28))
#define EDX_7_SHOWN                                                                                \
    (BIT32(2) | BIT32(3) | BIT32(4) | BIT32(8) | BIT32(14) | BIT32(15) | BIT32(22) | BIT32(23) |   \
     BIT32(24) | BIT32(25))
#define EBX_7_INVPCID BIT32(10)
#define ECX_7_RDPID   BIT32(22)

/* Leaf 0DH, subleaf 1: no XFD; XSAVES by its control. */
#define EAX_D1_SHOWN  (BIT32(0) | BIT32(1) | BIT32(2) | BIT32(3))
#define EAX_D1_XSAVES BIT32(3)

/* The range that hypervisors answer in. */
#define HYPERVISOR_LEAVES(leaf) ((leaf) >> 28 == 4)

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
    leaf->ecx &= ~ECX_1_HIDDEN;
    leaf->edx &= ~EDX_1_HIDDEN;
    follow_cr4(&leaf->ecx, CPUID_1_ECX_OSXSAVE, CR4_OSXSAVE);
}

/* Only subleaf 0 is shown: the others name features that are hidden, or none. */
static void hide_structured(const struct vcpu *vcpu, uint32_t subleaf, struct cpuid *leaf)
{
    if (subleaf != 0) {
        *leaf = (struct cpuid){0};
        return;
    }
    leaf->eax = 0;
    leaf->ebx &= EBX_7_SHOWN & (enabled(vcpu, SECONDARY_INVPCID) ? UINT32_MAX : ~EBX_7_INVPCID);
    leaf->ecx &= ECX_7_SHOWN & (enabled(vcpu, SECONDARY_RDTSCP) ? UINT32_MAX : ~ECX_7_RDPID);
    leaf->edx &= EDX_7_SHOWN;
    if (leaf->ecx & BIT32(3)) {
        follow_cr4(&leaf->ecx, CPUID_7_ECX_OSPKE, CR4_PKE);
    }
}

static void hide_xstate(const struct vcpu *vcpu, uint32_t subleaf, struct cpuid *leaf)
{
    if (subleaf == 1) {
        leaf->eax &= EAX_D1_SHOWN & (enabled(vcpu, SECONDARY_XSAVES) ? UINT32_MAX : ~EAX_D1_XSAVES);
        leaf->ecx = leaf->edx = 0; /* no component that IA32_XSS would enable */
    }
}

static void adapt(const struct vcpu *vcpu, uint32_t number, uint32_t subleaf, struct cpuid *leaf)
{
    switch (number) {
    case 0x00:
        break;
    case 0x01:
        hide_features(leaf);
        break;
    case 0x07:
        hide_structured(vcpu, subleaf, leaf);
        break;
    case 0x0D:
        hide_xstate(vcpu, subleaf, leaf);
        break;
    case 0x05: /* MONITOR/MWAIT */
    case 0x06: /* thermal and power management */
    case 0x0A: /* performance monitoring */
    case 0x0F: /* resource monitoring, */
    case 0x10: /* and allocation */
    case 0x12: /* SGX */
    case 0x14: /* processor trace */
    case 0x19: /* key locker */
    case 0x1B: /* PCONFIG */
    case 0x1C: /* last-branch records */
    case 0x20: /* HRESET */
    case 0x23: /* performance monitoring, extended */
        *leaf = (struct cpuid){0};
        break;
    case 0x80000001:
        if (!enabled(vcpu, SECONDARY_RDTSCP)) {
            leaf->edx &= ~(uint32_t)CPUID_80000001_EDX_TSCP;
        }
        break;
    default:
        if (HYPERVISOR_LEAVES(number)) {
            *leaf = (struct cpuid){0};
        }
        break;
    }
}

enum action handle_cpuid(struct vcpu *vcpu)
{
    uint64_t *gpr = vcpu->frame.gpr;
    uint32_t number = (uint32_t)gpr[RAX];
    uint32_t subleaf = (uint32_t)gpr[RCX];
    struct cpuid leaf = cpuid(number, subleaf);

    vcpu->exit->subject = number;
    adapt(vcpu, number, subleaf, &leaf);
    gpr[RAX] = leaf.eax;
    gpr[RBX] = leaf.ebx;
    gpr[RCX] = leaf.ecx;
    gpr[RDX] = leaf.edx;
    return ACTION_ADVANCE;
}
