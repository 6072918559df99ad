/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/capabilities.h"

#include "kernel/cpu.h"
#include "kernel/log.h"

#define RANGE(msr) control_range_decode(rdmsr(MSR_##msr), #msr)

/* The TRUE MSRs, where they are, tell which of the default1 bits may be 0 after all. */
static void read_ranges(struct vmx_capabilities *capabilities)
{
    struct control_range *range = capabilities->range;

    if (capabilities->basic & VMX_BASIC_TRUE) {
        range[CONTROL_PIN] = RANGE(IA32_VMX_TRUE_PINBASED_CTLS);
        range[CONTROL_PRIMARY] = RANGE(IA32_VMX_TRUE_PROCBASED_CTLS);
        range[CONTROL_EXIT] = RANGE(IA32_VMX_TRUE_EXIT_CTLS);
        range[CONTROL_ENTRY] = RANGE(IA32_VMX_TRUE_ENTRY_CTLS);
    } else {
        range[CONTROL_PIN] = RANGE(IA32_VMX_PINBASED_CTLS);
        range[CONTROL_PRIMARY] = RANGE(IA32_VMX_PROCBASED_CTLS);
        range[CONTROL_EXIT] = RANGE(IA32_VMX_EXIT_CTLS);
        range[CONTROL_ENTRY] = RANGE(IA32_VMX_ENTRY_CTLS);
    }
    range[CONTROL_SECONDARY] = control_range_decode(0, "IA32_VMX_PROCBASED_CTLS2");
    if (range[CONTROL_PRIMARY].may_be_1 & PRIMARY_SECONDARY) {
        range[CONTROL_SECONDARY] = RANGE(IA32_VMX_PROCBASED_CTLS2);
    }
    if (range[CONTROL_PRIMARY].may_be_1 & PRIMARY_TERTIARY) {
        capabilities->tertiary = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS3);
    }
    if (range[CONTROL_EXIT].may_be_1 & EXIT_SECONDARY) {
        capabilities->exit2 = rdmsr(MSR_IA32_VMX_EXIT_CTLS2);
    }
    range[CONTROL_TERTIARY] =
        control_range_decode_64(capabilities->tertiary, "IA32_VMX_PROCBASED_CTLS3");
    range[CONTROL_EXIT2] = control_range_decode_64(capabilities->exit2, "IA32_VMX_EXIT_CTLS2");
}

void vmx_capabilities_read(struct vmx_capabilities *capabilities)
{
    *capabilities = (struct vmx_capabilities){
        .basic = rdmsr(MSR_IA32_VMX_BASIC),
        .misc = rdmsr(MSR_IA32_VMX_MISC),
        .cr0_fixed0 = rdmsr(MSR_IA32_VMX_CR0_FIXED0),
        .cr0_fixed1 = rdmsr(MSR_IA32_VMX_CR0_FIXED1),
        .cr4_fixed0 = rdmsr(MSR_IA32_VMX_CR4_FIXED0),
        .cr4_fixed1 = rdmsr(MSR_IA32_VMX_CR4_FIXED1),
        .vmcs_enum = rdmsr(MSR_IA32_VMX_VMCS_ENUM),
        .physical_width = cpuid(0x80000008, 0).eax & 0xFF,
        .page_1g = cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_1G,
        .pse_36 = cpuid(1, 0).edx & CPUID_1_EDX_PSE_36,
        .linear_width = cpuid(0x80000008, 0).eax >> 8 & 0xFF,
    };
    read_ranges(capabilities);
    if (capabilities->range[CONTROL_SECONDARY].may_be_1 & (SECONDARY_EPT | SECONDARY_VPID)) {
        capabilities->ept_vpid = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
    }
    if (capabilities->range[CONTROL_SECONDARY].may_be_1 & SECONDARY_VMFUNC) {
        capabilities->vmfunc = rdmsr(MSR_IA32_VMX_VMFUNC);
    }
}

void vmx_capabilities_log(const struct vmx_capabilities *capabilities)
{
    const struct control_range *range = capabilities->range;

    log_line("vmx",
             "capabilities revision=0x%lx region=%lu-bytes memory-type=%s true-controls=%s "
             "physical-width=%u",
             FIELD_GET(VMX_BASIC_REVISION, capabilities->basic),
             FIELD_GET(VMX_BASIC_REGION_SIZE, capabilities->basic),
             FIELD_GET(VMX_BASIC_MEMORY_TYPE, capabilities->basic) == MEMORY_TYPE_WB ? "wb" : "uc",
             capabilities->basic & VMX_BASIC_TRUE ? "yes" : "no", capabilities->physical_width);
    log_line("vmx",
             "controls that may be 1 pin=0x%x primary=0x%x secondary=0x%x exit=0x%x entry=0x%x "
             "ept-vpid=0x%lx",
             range[CONTROL_PIN].may_be_1, range[CONTROL_PRIMARY].may_be_1,
             range[CONTROL_SECONDARY].may_be_1, range[CONTROL_EXIT].may_be_1,
             range[CONTROL_ENTRY].may_be_1, capabilities->ept_vpid);
}
