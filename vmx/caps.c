/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/caps.h"

#include "kernel/fault.h"
#include "kernel/log.h"
#include "vmx/caps_report.h"
#include "vmx/operation.h"

#define CPUID_EXTENDED 0x80000000
#define CPUID_WIDTHS   0x80000008

static void read_facts(const struct vmx_facts *vmx, struct caps_facts *facts)
{
    *facts = (struct caps_facts){
        .vmx = vmx->leaf1.ecx & CPUID_1_ECX_VMX,
        .has_widths = cpuid(CPUID_EXTENDED, 0).eax >= CPUID_WIDTHS,
        .feature_control = vmx->feature_control,
        .feature_control_readable = vmx->feature_control_read,
    };
    if (facts->has_widths) {
        facts->widths = cpuid(CPUID_WIDTHS, 0).eax;
    }
    for (unsigned i = 0; facts->vmx && i < CAPS_MSRS; i++) {
        if (rdmsr_safe(CAPS_FIRST_MSR + i, &facts->msr[i]) == STATUS_OK) {
            facts->readable |= UINT32_C(1) << i;
        }
    }
}

static void log_record(void *context, const char *record)
{
    (void)context;
    log_line("cap", "%s", record);
}

enum status caps_log(void)
{
    struct vmx_facts vmx;
    struct vmx_offer offer;
    struct caps_facts facts;

    vmx_facts_read(&vmx);
    offer = vmx_offer_decide(&vmx);
    if (!(vmx.leaf1.ecx & CPUID_1_ECX_VMX)) {
        log_line("vmx", "no VT-x: %s", offer.sentence);
    } else if (offer.must_enable) {
        log_line("vmx",
                 "the firmware left VT-x undecided (IA32_FEATURE_CONTROL unlocked): left so, "
                 "a run would switch it on");
    } else {
        log_line("vmx", "%s", offer.sentence);
    }
    read_facts(&vmx, &facts);
    caps_report(&facts, log_record, NULL);
    return facts.vmx ? STATUS_OK : STATUS_UNSUPPORTED;
}
