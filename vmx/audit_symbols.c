/* SPDX-License-Identifier: BSD-2-Clause */
/* What the symbols of mutations stand for on this processor. Pure. */
#include "vmx/audit_symbols.h"
#include "vmx/audit_rule.h"

/* The lowest bit of `allowed` that is 0; 0: all are 1. */
static uint64_t lowest_refused(uint64_t allowed)
{
    return ~allowed & (allowed + 1);
}

/* Symbols that are 1 where something holds, and 0 where not. */
static uint64_t condition(const struct audit *audit, enum audit_symbol symbol)
{
    const struct vmx_capabilities *can = audit->can;

    switch (symbol) {
    case SYMBOL_NO_AD:
        return !(can->ept_vpid & EPT_CAP_AD);
    case SYMBOL_AD:
        return (can->ept_vpid & EPT_CAP_AD) != 0;
    case SYMBOL_NO_EPT_SHADOW_STACK:
        return !(can->ept_vpid & EPT_CAP_SHADOW_STACK);
    case SYMBOL_NO_EPT_UC:
        return !(can->ept_vpid & EPT_CAP_MEMORY_UC);
    case SYMBOL_EPT_UC:
        return (can->ept_vpid & EPT_CAP_MEMORY_UC) != 0;
    case SYMBOL_NO_LENGTH_0:
        return !(can->misc & VMX_MISC_LENGTH_0);
    case SYMBOL_LENGTH_0:
        return (can->misc & VMX_MISC_LENGTH_0) != 0;
    case SYMBOL_ERROR_CODE_STRICT:
        return !(can->basic & VMX_BASIC_ERROR_CODE);
    case SYMBOL_ERROR_CODE_FREE:
        return (can->basic & VMX_BASIC_ERROR_CODE) != 0;
    case SYMBOL_HLT:
        return (can->misc & VMX_MISC_HLT) != 0;
    case SYMBOL_SHUTDOWN:
        return (can->misc & VMX_MISC_SHUTDOWN) != 0;
    case SYMBOL_WAIT_FOR_SIPI:
        return (can->misc & VMX_MISC_WAIT_FOR_SIPI) != 0;
    case SYMBOL_NO_RTM:
        return !audit->facts->rtm;
    case SYMBOL_RTM:
        return audit->facts->rtm;
    case SYMBOL_NO_SGX:
        return !audit->facts->sgx;
    case SYMBOL_SGX:
        return audit->facts->sgx;
    case SYMBOL_NO_TRACING:
        return !audit->facts->tracing;
    case SYMBOL_TRACING:
        return audit->facts->tracing;
    case SYMBOL_EPTP_SWITCHING:
        return can->vmfunc & 1;
    case SYMBOL_CR4_CET:
        return (can->cr4_fixed1 & CR4_CET) != 0;
    case SYMBOL_CR4_PCIDE:
        return (can->cr4_fixed1 & CR4_PCIDE) != 0;
    case SYMBOL_NO_MTF:
        return !control_offered(can, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP);
    case SYMBOL_MTF:
        return control_offered(can, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP);
    default:
        return 0;
    }
}

uint64_t audit_symbol(const struct audit *audit, const struct audit_sandbox *sandbox,
                      enum audit_symbol symbol)
{
    const struct vmx_capabilities *can = audit->can;
    const struct audit_facts *facts = audit->facts;

    switch (symbol) {
    case SYMBOL_WIDTH:
        return audit->address_reserved & -audit->address_reserved;
    case SYMBOL_TOP:
        return (audit->address_reserved & -audit->address_reserved) >> 1;
    case SYMBOL_CR3_WIDTH:
        return BIT(audit->physical_width);
    case SYMBOL_CR3_TOP:
        return BIT(audit->physical_width - 1);
    case SYMBOL_NOT_CANONICAL:
        return BIT(audit->linear_width - 1);
    case SYMBOL_NOT_CANONICAL_48:
        return BIT(47);
    case SYMBOL_CANONICAL:
        return BIT(audit->linear_width - 1) - 1;
    case SYMBOL_CANONICAL_UPPER:
        return ~UINT64_C(0) << (audit->linear_width - 1);
    case SYMBOL_BEYOND_LINEAR:
        return BIT(audit->linear_width);
    case SYMBOL_SANDBOX:
        return sandbox->hpa.value;
    case SYMBOL_VMCS:
        return audit->vmcs.value;
    case SYMBOL_REVISION:
        return FIELD_GET(VMX_BASIC_REVISION, can->basic);
    case SYMBOL_SHADOW_REVISION:
        return FIELD_GET(VMX_BASIC_REVISION, can->basic) | BIT(31);
    case SYMBOL_CR0_REFUSED:
        return lowest_refused(can->cr0_fixed1 | CR0_NW | CR0_CD);
    case SYMBOL_CR4_REFUSED:
        return lowest_refused(can->cr4_fixed1);
    case SYMBOL_EFER_REFUSED:
        return lowest_refused(facts->efer_allowed);
    case SYMBOL_DEBUGCTL_REFUSED:
        return lowest_refused(facts->debugctl_allowed);
    case SYMBOL_PERF_REFUSED:
        return lowest_refused(facts->perf_global_allowed);
    case SYMBOL_PERF_ALLOWED:
        return facts->perf_global_allowed;
    case SYMBOL_CR3_TARGETS:
        return FIELD_GET(VMX_MISC_CR3_TARGETS, can->misc);
    case SYMBOL_HLAT_PREFIX:
        return FIELD_GET(EPT_CAP_HLAT_PREFIX, can->ept_vpid);
    case SYMBOL_VMFUNC_REFUSED:
        return lowest_refused(can->vmfunc);
    default:
        return condition(audit, symbol);
    }
}

const char *audit_symbol_need(enum audit_symbol symbol)
{
    switch (symbol) {
    case SYMBOL_NO_AD:
        return "IA32_VMX_EPT_VPID_CAP bit 21 to be 0";
    case SYMBOL_AD:
        return "IA32_VMX_EPT_VPID_CAP bit 21";
    case SYMBOL_NO_EPT_SHADOW_STACK:
        return "IA32_VMX_EPT_VPID_CAP bit 23 to be 0";
    case SYMBOL_NO_EPT_UC:
        return "IA32_VMX_EPT_VPID_CAP bit 8 to be 0";
    case SYMBOL_EPT_UC:
        return "IA32_VMX_EPT_VPID_CAP bit 8";
    case SYMBOL_NO_LENGTH_0:
        return "IA32_VMX_MISC bit 30 to be 0";
    case SYMBOL_LENGTH_0:
        return "IA32_VMX_MISC bit 30";
    case SYMBOL_ERROR_CODE_STRICT:
        return "IA32_VMX_BASIC bit 56 to be 0";
    case SYMBOL_ERROR_CODE_FREE:
        return "IA32_VMX_BASIC bit 56";
    case SYMBOL_HLT:
        return "IA32_VMX_MISC bit 6";
    case SYMBOL_SHUTDOWN:
        return "IA32_VMX_MISC bit 7";
    case SYMBOL_WAIT_FOR_SIPI:
        return "IA32_VMX_MISC bit 8";
    case SYMBOL_NO_RTM:
        return "CPUID.07H:EBX bit 11 to be 0";
    case SYMBOL_RTM:
        return "CPUID.07H:EBX bit 11";
    case SYMBOL_NO_SGX:
        return "CPUID.07H:EBX bit 2 to be 0";
    case SYMBOL_SGX:
        return "CPUID.07H:EBX bit 2";
    case SYMBOL_TRACING:
        return "Intel PT to trace (IA32_RTIT_CTL bit 0)";
    case SYMBOL_EPTP_SWITCHING:
        return "IA32_VMX_VMFUNC bit 0";
    case SYMBOL_CR4_CET:
        return "IA32_VMX_CR4_FIXED1 bit 23";
    case SYMBOL_CR4_PCIDE:
        return "IA32_VMX_CR4_FIXED1 bit 17";
    case SYMBOL_NO_MTF:
        return "IA32_VMX_PROCBASED_CTLS bit 59 to be 0";
    case SYMBOL_MTF:
        return "IA32_VMX_PROCBASED_CTLS bit 59";
    default:
        return "a bit that must be 0";
    }
}
