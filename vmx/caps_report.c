/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/caps_report.h"

#include "kernel/cpu.h"
#include "kernel/format.h"
#include "vmx/caps_record.h"

#define CPUID_WIDTHS 0x80000008

enum form { FLAG, NUMBER, HEX, BYTES, MEMORY_TYPE, MSR_LIST };

struct capability {
    const char *name;
    uint16_t msr;
    uint8_t high, low, form;
};

static const struct capability capabilities[] = {
#define NOTE(text)
#define CAPABILITY(msr, symbol, high, low, name, form, title) {name, MSR_##msr, high, low, form},
#include "vmx/capability_bits.def"
#undef CAPABILITY
#undef NOTE
};

static void format_value(char *out, size_t size, enum form form, uint64_t value)
{
    switch (form) {
    case FLAG:
        format_text(out, size, "%s", value != 0 ? "yes" : "no");
        break;
    case NUMBER:
        format_text(out, size, "%lu", value);
        break;
    case BYTES:
        format_text(out, size, "%lu-bytes", value);
        break;
    case MSR_LIST:
        format_text(out, size, "%lu", 512 * (value + 1));
        break;
    case MEMORY_TYPE:
        if (value == MEMORY_TYPE_UC || value == MEMORY_TYPE_WB) {
            format_text(out, size, "%s", value == MEMORY_TYPE_WB ? "wb" : "uc");
        } else {
            format_text(out, size, "0x%lx", value);
        }
        break;
    case HEX:
        format_text(out, size, "0x%lx", value);
        break;
    }
}

static void tell_capabilities(const struct report *report, const char *group, uint32_t msr)
{
    uint64_t value = 0;
    bool there_is = caps_present(report->facts, msr, &value);
    uint64_t named = 0;
    char source[16];

    format_text(source, sizeof(source), " msr=0x%x", msr);
    for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
        const struct capability *one = &capabilities[i];
        char text[24] = "absent";

        if (one->msr == msr) {
            uint64_t mask = BITS(one->high, one->low);

            named |= mask;
            if (there_is) {
                format_value(text, sizeof(text), (enum form)one->form, FIELD_GET(mask, value));
            }
            caps_tell_bits(report, one->name, text, source, one->high, one->low);
        }
    }
    caps_tell_mask(report, group, "unknown", there_is, value & ~named, source);
}

/* Whether the processor has VT-x, and what the firmware lets one do with it. */
static void tell_vtx(const struct report *report)
{
    const char *firmware = "absent";
    uint64_t control;

    caps_tell_bits(report, "vtx.cpuid", report->facts->vmx ? "yes" : "no", " cpuid=0x1", 5, 5);
    if (caps_present(report->facts, MSR_IA32_FEATURE_CONTROL, &control)) {
        firmware = !(control & FEATURE_CONTROL_LOCK) ? "undecided"
                   : control & FEATURE_CONTROL_VMX   ? "on"
                                                     : "locked-off";
    }
    caps_tell_bits(report, "vtx.firmware", firmware, " msr=0x3a", 2, 0);
}

static void tell_widths(const struct report *report)
{
    const struct caps_facts *facts = report->facts;
    char physical[12] = "absent", linear[12] = "absent", source[20];

    if (facts->has_widths) {
        format_text(physical, sizeof(physical), "%u", facts->widths & 0xFF);
        format_text(linear, sizeof(linear), "%u", facts->widths >> 8 & 0xFF);
    }
    format_text(source, sizeof(source), " cpuid=0x%x", CPUID_WIDTHS);
    caps_tell_bits(report, "width.physical", physical, source, 7, 0);
    caps_tell_bits(report, "width.linear", linear, source, 15, 8);
}

/* What RDMSR gave, whether announced or not, so that nothing is lost. */
static void tell_raw(const struct report *report)
{
    static const char *const names[CAPS_MSRS] = {
#define NAME(msr) [MSR_##msr - CAPS_FIRST_MSR] = #msr
        NAME(IA32_VMX_BASIC),
        NAME(IA32_VMX_PINBASED_CTLS),
        NAME(IA32_VMX_PROCBASED_CTLS),
        NAME(IA32_VMX_EXIT_CTLS),
        NAME(IA32_VMX_ENTRY_CTLS),
        NAME(IA32_VMX_MISC),
        NAME(IA32_VMX_CR0_FIXED0),
        NAME(IA32_VMX_CR0_FIXED1),
        NAME(IA32_VMX_CR4_FIXED0),
        NAME(IA32_VMX_CR4_FIXED1),
        NAME(IA32_VMX_VMCS_ENUM),
        NAME(IA32_VMX_PROCBASED_CTLS2),
        NAME(IA32_VMX_EPT_VPID_CAP),
        NAME(IA32_VMX_TRUE_PINBASED_CTLS),
        NAME(IA32_VMX_TRUE_PROCBASED_CTLS),
        NAME(IA32_VMX_TRUE_EXIT_CTLS),
        NAME(IA32_VMX_TRUE_ENTRY_CTLS),
        NAME(IA32_VMX_VMFUNC),
        NAME(IA32_VMX_PROCBASED_CTLS3),
        NAME(IA32_VMX_EXIT_CTLS2),
    };
    uint64_t value;
    bool readable = caps_read(report->facts, MSR_IA32_FEATURE_CONTROL, &value);

    caps_tell_mask(report, "raw", "IA32_FEATURE_CONTROL", readable, value, " msr=0x3a");
    for (unsigned i = 0; i < CAPS_MSRS; i++) {
        char source[16];

        readable = caps_read(report->facts, CAPS_FIRST_MSR + i, &value);
        format_text(source, sizeof(source), " msr=0x%x", CAPS_FIRST_MSR + i);
        caps_tell_mask(report, "raw", names[i], readable, value, source);
    }
}

void caps_report(const struct caps_facts *facts, caps_sink sink, void *context)
{
    const struct report report = {facts, sink, context};

    tell_vtx(&report);
    tell_capabilities(&report, "feature_control", MSR_IA32_FEATURE_CONTROL);
    tell_widths(&report);
    tell_capabilities(&report, "basic", MSR_IA32_VMX_BASIC);
    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        caps_tell_controls(&report, (enum control_group)group);
    }
    tell_capabilities(&report, "ept", MSR_IA32_VMX_EPT_VPID_CAP);
    tell_capabilities(&report, "vmfunc", MSR_IA32_VMX_VMFUNC);
    caps_tell_registers(&report);
    tell_capabilities(&report, "misc", MSR_IA32_VMX_MISC);
    tell_capabilities(&report, "vmcs_enum", MSR_IA32_VMX_VMCS_ENUM);
    tell_raw(&report);
}
