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

#define VMX_BASIC_REVISION    BITS(30, 0)
#define VMX_BASIC_REGION_SIZE BITS(44, 32)
#define VMX_BASIC_32BIT       BIT(48) /* structures must lie below 4 GiB */
#define VMX_BASIC_MEMORY_TYPE BITS(53, 50)
#define VMX_BASIC_IO_INFO     BIT(54) /* INS and OUTS exits have instruction information */
#define VMX_BASIC_TRUE        BIT(55)
#define VMX_BASIC_ERROR_CODE  BIT(56) /* an injected exception may have an error code or none */

#define VMX_MISC_TIMER_RATE    BITS(4, 0) /* the preemption timer counts TSC >> this */
#define VMX_MISC_HLT           BIT(6)     /* activity states */
#define VMX_MISC_SHUTDOWN      BIT(7)
#define VMX_MISC_WAIT_FOR_SIPI BIT(8)
#define VMX_MISC_CR3_TARGETS   BITS(24, 16)
#define VMX_MISC_MSR_LIST      BITS(27, 25) /* 512 * (this + 1) MSRs fit an area */
#define VMX_MISC_LENGTH_0      BIT(30)      /* software events may be injected with length 0 */

#define EPT_CAP_WALK_4          BIT(6)
#define EPT_CAP_WALK_5          BIT(7)
#define EPT_CAP_MEMORY_UC       BIT(8)
#define EPT_CAP_MEMORY_WB       BIT(14)
#define EPT_CAP_2M              BIT(16)
#define EPT_CAP_1G              BIT(17)
#define EPT_CAP_INVEPT          BIT(20)
#define EPT_CAP_AD              BIT(21)
#define EPT_CAP_SHADOW_STACK    BIT(23) /* supervisor shadow-stack control */
#define EPT_CAP_INVEPT_SINGLE   BIT(25)
#define EPT_CAP_INVEPT_ALL      BIT(26)
#define VPID_CAP_INVVPID        BIT(32)
#define VPID_CAP_SINGLE_CONTEXT BIT(41)
#define VPID_CAP_ALL_CONTEXTS   BIT(42)

struct vmx_capabilities {
    uint64_t basic, misc;
    uint64_t ept_vpid; /* 0 where neither EPT nor VPID can be enabled */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t vmcs_enum, vmfunc; /* vmfunc: 0 where VM functions cannot be enabled */
    uint64_t tertiary, exit2;   /* what may be 1, all 64 bits; 0 where there is no such group */
    struct control_range range[CONTROL_GROUPS];
    unsigned physical_width; /* CPUID.80000008H:EAX[7:0] */
    unsigned linear_width;   /* CPUID.80000008H:EAX[15:8] */
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
