/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this processor's VT-x offers, read once and constant after. SDM vol. 3D, appendix "VMX
 * Capability Reporting Facility".
 */
#ifndef VMX_CAPABILITIES_H
#define VMX_CAPABILITIES_H

#include "vmx/controls.h"

#define MSR_IA32_VMX_BASIC               0x480
#define MSR_IA32_VMX_PINBASED_CTLS       0x481
#define MSR_IA32_VMX_PROCBASED_CTLS      0x482
#define MSR_IA32_VMX_EXIT_CTLS           0x483
#define MSR_IA32_VMX_ENTRY_CTLS          0x484
#define MSR_IA32_VMX_MISC                0x485
#define MSR_IA32_VMX_CR0_FIXED0          0x486
#define MSR_IA32_VMX_CR0_FIXED1          0x487
#define MSR_IA32_VMX_CR4_FIXED0          0x488
#define MSR_IA32_VMX_CR4_FIXED1          0x489
#define MSR_IA32_VMX_VMCS_ENUM           0x48A
#define MSR_IA32_VMX_PROCBASED_CTLS2     0x48B
#define MSR_IA32_VMX_EPT_VPID_CAP        0x48C
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS  0x48D
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48E
#define MSR_IA32_VMX_TRUE_EXIT_CTLS      0x48F
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS     0x490
#define MSR_IA32_VMX_VMFUNC              0x491
#define MSR_IA32_VMX_PROCBASED_CTLS3     0x492
#define MSR_IA32_VMX_EXIT_CTLS2          0x493

/* Values of VMX_BASIC_MEMORY_TYPE. */
#define MEMORY_TYPE_UC 0
#define MEMORY_TYPE_WB 6

/* The bits and fields that are no controls, as masks. */
#define NOTE(text)
#define CAPABILITY(msr, symbol, high, low, name, form, title) symbol = BITS(high, low),
enum vmx_capability_bits {
#include "vmx/capability_bits.def"
};
#undef CAPABILITY
#undef NOTE

struct vmx_capabilities {
    uint64_t basic, misc;
    uint64_t ept_vpid; /* 0 where neither EPT nor VPID can be enabled */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t vmcs_enum, vmfunc; /* vmfunc: 0 where VM functions cannot be enabled */
    uint64_t tertiary, exit2;   /* what may be 1, all 64 bits; 0 where there is no such group */
    struct control_range range[CONTROL_GROUPS];
    unsigned physical_width; /* CPUID.80000008H:EAX[7:0] */
    unsigned linear_width;   /* CPUID.80000008H:EAX[15:8] */
    bool page_1g, pse_36;    /* of ordinary paging: CPUID.80000001H:EDX[26], CPUID.01H:EDX[17] */
};

/* Reads them on the running processor, which must have VT-x. */
void vmx_capabilities_read(struct vmx_capabilities *capabilities);

/* Logs the basic facts in a few lines. */
void vmx_capabilities_log(const struct vmx_capabilities *capabilities);

/* Whether every bit of `bits` may be 1. */
static inline bool control_offered(const struct vmx_capabilities *capabilities,
                                   enum control_group group, uint32_t bits)
{
    return (capabilities->range[group].may_be_1 & bits) == bits;
}

#endif
