/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/audit_read.h"

#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"

#define MSR_IA32_PERF_CAPABILITIES 0x345
#define MSR_IA32_RTIT_CTL          0x570
#define PERF_METRICS               BIT(15)
#define RTIT_CTL_TRACE_EN          BIT(0)

#define CPUID_1_ECX_PDCM         BIT(15)
#define CPUID_7_EBX_SGX          BIT(2)
#define CPUID_7_EBX_RTM          BIT(11)
#define CPUID_7_EBX_PT           BIT(25)
#define CPUID_7_ECX_SHADOW_STACK BIT(7)
#define CPUID_7_ECX_BUS_LOCK     BIT(24)
#define CPUID_7_EDX_IBT          BIT(20)
#define CPUID_71_EAX_LAM         BIT(26)
#define CPUID_80000001_SYSCALL   BIT(11)
#define CPUID_80000001_LM        BIT(29)

/* SDM vol. 4, "IA-32 Architectural MSRs". */
static uint64_t efer_allowed(void)
{
    uint32_t edx = cpuid(0x80000001, 0).edx;

    return (edx & CPUID_80000001_SYSCALL ? EFER_SCE : 0) |
           (edx & CPUID_80000001_LM ? EFER_LME | EFER_LMA : 0) |
           (edx & CPUID_80000001_EDX_NX ? EFER_NXE : 0);
}

/* SDM vol. 3B, "IA32_PERF_GLOBAL_CTRL": a bit a general-purpose counter, from bit 32 one a fixed
 * counter, and bit 48 for the performance metrics. */
static uint64_t perf_global_allowed(const struct cpuid *leaf1)
{
    struct cpuid leaf = cpuid(0, 0).eax >= 0xA ? cpuid(0xA, 0) : (struct cpuid){0};
    unsigned general = leaf.eax >> 8 & 0xFF;
    unsigned fixed = leaf.edx & 0x1F;
    uint64_t capabilities;
    uint64_t allowed = (general != 0 ? BITS(MIN(general, 32U) - 1, 0) : 0) |
                       (fixed != 0 ? BITS(32 + MIN(fixed, 16U) - 1, 32) : 0);

    if (leaf1->ecx & CPUID_1_ECX_PDCM &&
        rdmsr_safe(MSR_IA32_PERF_CAPABILITIES, &capabilities) == STATUS_OK &&
        capabilities & PERF_METRICS) {
        allowed |= BIT(48);
    }
    return allowed;
}

/* Bits 11:10 and 63:12 and 5:2 belong to indirect-branch tracking. */
static uint64_t s_cet_allowed(const struct cpuid *leaf7)
{
    return (leaf7->ecx & CPUID_7_ECX_SHADOW_STACK ? BITS(1, 0) : 0) |
           (leaf7->edx & CPUID_7_EDX_IBT ? BITS(63, 10) | BITS(5, 2) : 0);
}

static bool is_tracing(const struct cpuid *leaf7)
{
    uint64_t control;

    return leaf7->ebx & CPUID_7_EBX_PT && rdmsr_safe(MSR_IA32_RTIT_CTL, &control) == STATUS_OK &&
           control & RTIT_CTL_TRACE_EN;
}

void audit_facts_read(struct audit_facts *facts)
{
    struct cpuid leaf1 = cpuid(1, 0);
    struct cpuid leaf7 = cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    bool has_subleaf_1 = leaf7.eax >= 1;

    *facts = (struct audit_facts){
        .efer_allowed = efer_allowed(),
        .debugctl_allowed = BITS(1, 0) | BITS(14, 6) | (leaf7.ebx & CPUID_7_EBX_RTM ? BIT(15) : 0) |
                            (leaf7.ecx & CPUID_7_ECX_BUS_LOCK ? BIT(2) : 0),
        .perf_global_allowed = perf_global_allowed(&leaf1),
        .s_cet_allowed = s_cet_allowed(&leaf7),
        .rtit_ctl_allowed =
            BITS(17, 0) | BITS(22, 19) | BITS(27, 24) | BIT(31) | BITS(47, 32) | BITS(56, 55),
        .lbr_ctl_allowed = BITS(3, 0) | BITS(22, 16),
        .ia32e = rdmsr(MSR_IA32_EFER) & EFER_LMA,
        .la57 = read_cr4() & CR4_LA57,
        .lam = has_subleaf_1 && cpuid(7, 1).eax & CPUID_71_EAX_LAM,
        .rtm = leaf7.ebx & CPUID_7_EBX_RTM,
        .sgx = leaf7.ebx & CPUID_7_EBX_SGX,
        .bus_lock = leaf7.ecx & CPUID_7_ECX_BUS_LOCK,
        .tracing = is_tracing(&leaf7),
    };
}

static const void *memory_at(const struct physical_reader *reader, hpa_t address, uint64_t length)
{
    (void)reader;
    return memory_readable(address, length) ? pointer_to(address) : NULL;
}

const struct physical_reader audit_memory = {memory_at};

void audit_read(struct audit *audit, const struct vmx_capabilities *capabilities,
                const struct audit_facts *facts, hpa_t vmcs)
{
    audit->can = capabilities;
    audit->facts = facts;
    audit->memory = &audit_memory;
    audit->vmcs = vmcs;
    vmcs_fields_present(capabilities, audit->present);
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        struct vmcs_field field = vmcs_field_at(i);

        audit->value[i] = 0;
        if (audit->present[i] && !vmread_try(field, &audit->value[i])) {
            audit->present[i] = false;
            log_line("audit", "a field that the capability MSRs promise cannot be read field=%s",
                     vmcs_field_name(field));
        }
    }
    audit_prepare(audit);
}
