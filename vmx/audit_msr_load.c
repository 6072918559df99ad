/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the entries in the VM-entry MSR-load area. What a processor's own MSRs refuse beyond
 * these is not known here: a failed load (34) then has no finding, and the report says which entry
 * it was. Pure.
 */
#include "vmx/audit_rule.h"
#include "vmx/msr_area.h"

#define X2APIC_MSRS         0x8 /* bits 31:8 of their indices */
#define MSR_SMM_MONITOR_CTL 0x9B
#define MSR_BIOS_UPDT_TRIG  0x79

/* SDM vol. 3D, "Miscellaneous Data": more than this is not recommended. */
static uint64_t most_entries(const struct audit *audit)
{
    return 512 * (FIELD_GET(VMX_MISC_MSR_LIST, audit->can->misc) + 1);
}

/* Whether entry `n`, from 0, can be read. */
static bool read_entry(const struct audit *audit, uint64_t n, struct msr_entry *entry)
{
    uint64_t address = V(ENTRY_MSR_LOAD_ADDRESS) + n * sizeof(*entry);
    const void *bytes;

    if (!IS_ALIGNED(address, sizeof(*entry)) || address & audit->address_reserved) {
        return false;
    }
    bytes = physical_at(audit->memory, HPA(address), sizeof(*entry));
    if (bytes != NULL) {
        __builtin_memcpy(entry, bytes, sizeof(*entry));
    }
    return bytes != NULL;
}

/* The first entry that `keeps` says no of; true: there is none. */
static bool all_entries(const struct audit *audit, struct audit_answer *answer,
                        bool (*keeps)(const struct audit *audit, const struct msr_entry *entry,
                                      struct audit_answer *answer))
{
    uint64_t count = MIN(V(ENTRY_MSR_LOAD_COUNT), most_entries(audit));
    struct msr_entry entry;

    for (uint64_t n = 0; n < count && read_entry(audit, n, &entry); n++) {
        if (!keeps(audit, &entry, answer)) {
            answer->entry = (uint32_t)n + 1;
            return false;
        }
    }
    return true;
}

static bool is_loadable(const struct audit *audit, const struct msr_entry *entry,
                        struct audit_answer *answer)
{
    (void)audit;
    return (entry->index != MSR_IA32_FS_BASE && entry->index != MSR_IA32_GS_BASE) ||
           answer_zero(answer, entry->index);
}

static bool is_no_x2apic(const struct audit *audit, const struct msr_entry *entry,
                         struct audit_answer *answer)
{
    (void)audit;
    return entry->index >> 8 != X2APIC_MSRS || answer_zero(answer, entry->index);
}

static bool is_no_smm(const struct audit *audit, const struct msr_entry *entry,
                      struct audit_answer *answer)
{
    (void)audit;
    return entry->index != MSR_SMM_MONITOR_CTL || answer_zero(answer, entry->index);
}

static bool is_no_microcode(const struct audit *audit, const struct msr_entry *entry,
                            struct audit_answer *answer)
{
    (void)audit;
    return (entry->index != MSR_BIOS_UPDT_TRIG && entry->index != MSR_IA32_BIOS_SIGN_ID) ||
           answer_zero(answer, entry->index);
}

static bool reserves(const struct audit *audit, const struct msr_entry *entry,
                     struct audit_answer *answer)
{
    (void)audit;
    return answer_zero(answer, entry->reserved);
}

/* Of MSRs whose values the SDM itself restricts. */
static bool takes_value(const struct audit *audit, const struct msr_entry *entry,
                        struct audit_answer *answer)
{
    switch (entry->index) {
    case MSR_IA32_SYSENTER_ESP:
    case MSR_IA32_SYSENTER_EIP:
    case MSR_IA32_LSTAR:
    case MSR_IA32_CSTAR:
    case MSR_IA32_KERNEL_GS_BASE:
        return answer_canonical(answer, entry->data, audit->linear_width);
    case MSR_IA32_EFER:
        return answer_zero(answer, entry->data & ~audit->facts->efer_allowed);
    default:
        return true;
    }
}

#define MSR_RULE(name, keeps)                                                                      \
    static bool name(const struct audit *audit, const struct audit_rule *rule,                     \
                     struct audit_answer *answer)                                                  \
    {                                                                                              \
        (void)rule;                                                                                \
        return all_entries(audit, answer, keeps);                                                  \
    }
MSR_RULE(keeps_base, is_loadable)
MSR_RULE(keeps_x2apic, is_no_x2apic)
MSR_RULE(keeps_smm, is_no_smm)
MSR_RULE(keeps_microcode, is_no_microcode)
MSR_RULE(keeps_reserved, reserves)
MSR_RULE(keeps_value, takes_value)

/* One or two entries in place of the poison; where they are kept, the guest runs, and exits at
 * once. */
#define ENTRY_1(index, data) POKE(SANDBOX_MSRS, index), POKE(SANDBOX_MSRS + 8, data), CLEAN
#define CLEAN                POKE(SANDBOX_MSRS + 4, 0), POKE(SANDBOX_MSRS + 12, 0)
#define HARMLESS             ENTRY_1(MSR_IA32_SYSENTER_CS, 0)
#define SECOND(index)                                                                              \
    POKE(SANDBOX_MSRS + 16, index), POKE(SANDBOX_MSRS + 20, 0), SET(ENTRY_MSR_LOAD_COUNT, 2)
#define FIELDS FIELDS_2(ENTRY_MSR_LOAD_ADDRESS, ENTRY_MSR_LOAD_COUNT)

static const struct audit_rule rules[] = {
    {"msr.base", "IA32_FS_BASE and IA32_GS_BASE are not loaded from the area", keeps_base,
     PROOFS(BREAKS, ENTRY_1(MSR_IA32_FS_BASE, 0), BREAKS, ENTRY_1(MSR_IA32_GS_BASE, 0), BREAKS,
            HARMLESS, SECOND(MSR_IA32_GS_BASE), KEEPS, HARMLESS),
     FIELDS},
    {"msr.x2apic", "MSRs of the x2APIC (800H to 8FFH) are not loaded from the area", keeps_x2apic,
     PROOFS(BREAKS, ENTRY_1(0x800, 0), BREAKS, ENTRY_1(0x8FF, 0), KEEPS, HARMLESS), FIELDS},
    {"msr.smm", "IA32_SMM_MONITOR_CTL is loaded in SMM alone", keeps_smm,
     PROOFS(BREAKS, ENTRY_1(MSR_SMM_MONITOR_CTL, 0), KEEPS, HARMLESS), FIELDS},
    {"msr.microcode", "the MSRs of microcode updates are not loaded from the area", keeps_microcode,
     PROOFS(BREAKS, ENTRY_1(MSR_BIOS_UPDT_TRIG, 0), BREAKS, ENTRY_1(MSR_IA32_BIOS_SIGN_ID, 0),
            KEEPS, HARMLESS),
     FIELDS, .flags = AUDIT_MODEL_SPECIFIC},
    {"msr.reserved", "bits 63:32 of an entry must be 0", keeps_reserved,
     PROOFS(BREAKS, HARMLESS, POKE(SANDBOX_MSRS + 4, 1), BREAKS, HARMLESS,
            POKE(SANDBOX_MSRS + 4, 0x80000000), KEEPS, HARMLESS),
     FIELDS},
    {"msr.value", "the value must be one that WRMSR takes at CPL 0", keeps_value,
     PROOFS(BREAKS, HARMLESS, POKE(SANDBOX_MSRS, MSR_IA32_LSTAR),
            POKE(SANDBOX_MSRS + 12, 0x80000000), BREAKS, HARMLESS,
            POKE(SANDBOX_MSRS, MSR_IA32_SYSENTER_EIP), POKE(SANDBOX_MSRS + 12, 0x10000000), KEEPS,
            HARMLESS, POKE(SANDBOX_MSRS, MSR_IA32_LSTAR), POKE(SANDBOX_MSRS + 8, 0x1000)),
     FIELDS},
};

const struct audit_section audit_msr_load = SECTION("Loading MSRs", AUDIT_MSR_LOAD, rules);
