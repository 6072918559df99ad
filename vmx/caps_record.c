/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/caps_record.h"

#include "kernel/cpu.h"
#include "kernel/format.h"

/* An MSR exists only where one of these bits of another, which says so, is 1. */
static const struct {
    uint16_t msr, other;
    uint64_t bits;
} announced_by[] = {
#define MAY_BE_1(controls) ((uint64_t)(controls) << 32)
    {MSR_IA32_VMX_TRUE_PINBASED_CTLS, MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE},
    {MSR_IA32_VMX_TRUE_PROCBASED_CTLS, MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE},
    {MSR_IA32_VMX_TRUE_EXIT_CTLS, MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE},
    {MSR_IA32_VMX_TRUE_ENTRY_CTLS, MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE},
    {MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_PROCBASED_CTLS, MAY_BE_1(PRIMARY_SECONDARY)},
    {MSR_IA32_VMX_PROCBASED_CTLS3, MSR_IA32_VMX_PROCBASED_CTLS, MAY_BE_1(PRIMARY_TERTIARY)},
    {MSR_IA32_VMX_EXIT_CTLS2, MSR_IA32_VMX_EXIT_CTLS, MAY_BE_1(EXIT_SECONDARY)},
    {MSR_IA32_VMX_EPT_VPID_CAP, MSR_IA32_VMX_PROCBASED_CTLS2,
     MAY_BE_1(SECONDARY_EPT | SECONDARY_VPID)},
    {MSR_IA32_VMX_VMFUNC, MSR_IA32_VMX_PROCBASED_CTLS2, MAY_BE_1(SECONDARY_VMFUNC)},
};

bool caps_read(const struct caps_facts *facts, uint32_t msr, uint64_t *value)
{
    if (msr == MSR_IA32_FEATURE_CONTROL) {
        *value = facts->feature_control;
        return facts->feature_control_readable;
    }
    *value = facts->msr[msr - CAPS_FIRST_MSR];
    return facts->readable & UINT32_C(1) << (msr - CAPS_FIRST_MSR);
}

bool caps_present(const struct caps_facts *facts, uint32_t msr, uint64_t *value)
{
    uint64_t other;

    for (size_t i = 0; i < ARRAY_SIZE(announced_by); i++) {
        if (announced_by[i].msr == msr &&
            !(caps_present(facts, announced_by[i].other, &other) && other & announced_by[i].bits)) {
            return false;
        }
    }
    return caps_read(facts, msr, value);
}

static void tell(const struct report *report, const char *name, const char *value,
                 const char *source, const char *bits)
{
    char record[120];

    format_text(record, sizeof(record), "%s=%s%s%s", name, value, source, bits);
    report->sink(report->context, record);
}

void caps_tell_bits(const struct report *report, const char *name, const char *value,
                    const char *source, unsigned high, unsigned low)
{
    char bits[16];

    if (high == low) {
        format_text(bits, sizeof(bits), " bit=%u", low);
    } else {
        format_text(bits, sizeof(bits), " bits=%u:%u", high, low);
    }
    tell(report, name, value, source, bits);
}

void caps_tell_mask(const struct report *report, const char *group, const char *what, bool there_is,
                    uint64_t mask, const char *source)
{
    char name[48];
    char value[20] = "absent";

    format_text(name, sizeof(name), "%s.%s", group, what);
    if (there_is) {
        format_text(value, sizeof(value), "0x%lx", mask);
    }
    tell(report, name, value, source, "");
}
