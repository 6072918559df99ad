/* SPDX-License-Identifier: BSD-2-Clause */
/* The capability report: bits that are fixed, or may be 0 or 1: controls, CR0 and CR4. */
#include "kernel/cpu.h"
#include "kernel/format.h"
#include "vmx/caps_record.h"

/* Whether each bit of a group of controls, or of CR0 or CR4, may be 0 and may be 1. */
struct fixed {
    bool present;
    uint64_t must_be_1, may_be_1;
    uint64_t named;  /* bits that had a record of their own */
    const char *msr; /* where it was read, as the records have it */
};

static void tell_fixed_bit(const struct report *report, struct fixed *fixed, const char *name,
                           unsigned bit)
{
    /* By "may be 1" and "must be 1"; no processor should claim the second without the first. */
    static const char *const words[] = {"must-be-0", "contradiction", "may-be-1", "must-be-1"};
    unsigned index = (fixed->may_be_1 >> bit & 1) << 1 | (fixed->must_be_1 >> bit & 1);

    caps_tell_bits(report, name, fixed->present ? words[index] : "absent", fixed->msr, bit, bit);
    fixed->named |= BIT(bit);
}

/* What the bits without a name do: those that are 1 whatever one wants, and those that could be
 * switched on if one knew what for. */
static void tell_unnamed(const struct report *report, const struct fixed *fixed, const char *group)
{
    caps_tell_mask(report, group, "reserved_1", fixed->present, fixed->must_be_1 & ~fixed->named,
                   fixed->msr);
    caps_tell_mask(report, group, "unknown", fixed->present,
                   fixed->may_be_1 & ~fixed->must_be_1 & ~fixed->named, fixed->msr);
}

void caps_tell_controls(const struct report *report, enum control_group group)
{
    /* The TRUE MSR, where there is one, stands second. */
    static const struct {
        uint16_t msr, true_msr;
    } groups[CONTROL_GROUPS] = {
        [CONTROL_PIN] = {MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS},
        [CONTROL_PRIMARY] = {MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS},
        [CONTROL_SECONDARY] = {MSR_IA32_VMX_PROCBASED_CTLS2, 0},
        [CONTROL_EXIT] = {MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS},
        [CONTROL_ENTRY] = {MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS},
        [CONTROL_TERTIARY] = {MSR_IA32_VMX_PROCBASED_CTLS3, 0},
        [CONTROL_EXIT2] = {MSR_IA32_VMX_EXIT_CTLS2, 0},
    };
    uint32_t msr = groups[group].true_msr;
    uint64_t value = 0;
    struct fixed fixed = {0};
    char source[16];

    fixed.present = msr != 0 && caps_present(report->facts, msr, &value);
    if (!fixed.present) {
        msr = groups[group].msr;
        fixed.present = caps_present(report->facts, msr, &value);
    }
    format_text(source, sizeof(source), " msr=0x%x", msr);
    fixed.msr = source;
    if (group == CONTROL_TERTIARY || group == CONTROL_EXIT2) {
        fixed.may_be_1 = value; /* all 64 bits; none has to be 1 */
    } else {
        fixed.must_be_1 = (uint32_t)value;
        fixed.may_be_1 = value >> 32;
    }
    for (unsigned bit = 0; bit < 32; bit++) { /* names end there */
        if (control_name(group, bit) != NULL) {
            tell_fixed_bit(report, &fixed, control_name(group, bit), bit);
        }
    }
    tell_unnamed(report, &fixed, control_group_name(group));
}

struct register_bit {
    const char *name;
    uint64_t mask;
};

static void tell_register(const struct report *report, const char *name, uint32_t fixed0,
                          const struct register_bit *bits, size_t count)
{
    struct fixed fixed = {0};
    char source[24];

    fixed.present = caps_present(report->facts, fixed0, &fixed.must_be_1);
    fixed.present &= caps_present(report->facts, fixed0 + 1, &fixed.may_be_1);
    format_text(source, sizeof(source), " msr=0x%x-0x%x", fixed0, fixed0 + 1);
    fixed.msr = source;
    for (size_t i = 0; i < count; i++) {
        tell_fixed_bit(report, &fixed, bits[i].name, (unsigned)__builtin_ctzll(bits[i].mask));
    }
    tell_unnamed(report, &fixed, name);
}

void caps_tell_registers(const struct report *report)
{
    static const struct register_bit cr0[] = {
        {"cr0.pe", CR0_PE}, {"cr0.mp", CR0_MP}, {"cr0.em", CR0_EM}, {"cr0.ts", CR0_TS},
        {"cr0.et", CR0_ET}, {"cr0.ne", CR0_NE}, {"cr0.wp", CR0_WP}, {"cr0.am", CR0_AM},
        {"cr0.nw", CR0_NW}, {"cr0.cd", CR0_CD}, {"cr0.pg", CR0_PG},
    };
    static const struct register_bit cr4[] = {
        {"cr4.vme", CR4_VME},
        {"cr4.pvi", CR4_PVI},
        {"cr4.tsd", CR4_TSD},
        {"cr4.de", CR4_DE},
        {"cr4.pse", CR4_PSE},
        {"cr4.pae", CR4_PAE},
        {"cr4.mce", CR4_MCE},
        {"cr4.pge", CR4_PGE},
        {"cr4.pce", CR4_PCE},
        {"cr4.osfxsr", CR4_OSFXSR},
        {"cr4.osxmmexcpt", CR4_OSXMMEXCPT},
        {"cr4.umip", CR4_UMIP},
        {"cr4.la57", CR4_LA57},
        {"cr4.vmxe", CR4_VMXE},
        {"cr4.smxe", CR4_SMXE},
        {"cr4.fsgsbase", CR4_FSGSBASE},
        {"cr4.pcide", CR4_PCIDE},
        {"cr4.osxsave", CR4_OSXSAVE},
        {"cr4.kl", CR4_KL},
        {"cr4.smep", CR4_SMEP},
        {"cr4.smap", CR4_SMAP},
        {"cr4.pke", CR4_PKE},
        {"cr4.cet", CR4_CET},
        {"cr4.pks", CR4_PKS},
        {"cr4.uintr", CR4_UINTR},
        {"cr4.lass", CR4_LASS},
        {"cr4.lam_sup", CR4_LAM_SUP},
        {"cr4.fred", CR4_FRED},
    };

    tell_register(report, "cr0", MSR_IA32_VMX_CR0_FIXED0, cr0, ARRAY_SIZE(cr0));
    tell_register(report, "cr4", MSR_IA32_VMX_CR4_FIXED0, cr4, ARRAY_SIZE(cr4));
}
