/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the auditor looks at, recorded in Bochs 3.0 just before the first VM entry (guest=hlt):
 * capabilities, facts, the fields that are not 0, those that could not be read. Its memory is not
 * here: this VMCS leads entry to none. Written by tests/unit/record_vmcs.py, never by hand.
 */
#ifndef TESTS_UNIT_RECORDED_VMCS_H
#define TESTS_UNIT_RECORDED_VMCS_H

#include "vmx/audit.h"

struct recorded_machine {
    const char *name;
    struct vmx_capabilities can;
    struct audit_facts facts;
    uint64_t vmcs;
    uint64_t value[VMCS_FIELDS];
    bool unreadable[VMCS_FIELDS];
};

/* clang-format off */
static const struct recorded_machine recorded_machines[] = {
{
    "tigerlake",
    .can = {.basic = 0x1d8100000000004, .misc = 0x600401e0, .ept_vpid = 0xf0106f34141,
    .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff,
    .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0xf72fff,
    .vmcs_enum = 0x50, .vmfunc = 0x1, .tertiary = 0x0, .exit2 = 0x8,
    .physical_width = 40, .linear_width = 48, .range = {
        {0x16, 0xff, "IA32_VMX_TRUE_PINBASED_CTLS"},
        {0x4006172, 0xfff9fffe, "IA32_VMX_TRUE_PROCBASED_CTLS"},
        {0x0, 0x2d77fff, "IA32_VMX_PROCBASED_CTLS2"},
        {0x36dfb, 0xd07fffff, "IA32_VMX_TRUE_EXIT_CTLS"},
        {0x11fb, 0x10ffff, "IA32_VMX_TRUE_ENTRY_CTLS"}, {0x0, 0x0, "IA32_VMX_PROCBASED_CTLS3"},
        {0x0, 0x8, "IA32_VMX_EXIT_CTLS2"},
    }},
    .facts = {.efer_allowed = 0xd01, .debugctl_allowed = 0x7fc3,
    .perf_global_allowed = 0xf000000ff, .s_cet_allowed = 0xfffffffffffffc3f,
    .rtit_ctl_allowed = 0x80ffff8f7bffff, .lbr_ctl_allowed = 0x7f000f,
    .ia32e = 1, .la57 = 0, .lam = 0, .rtm = 0, .sgx = 0,
    .bus_lock = 0, .tracing = 0},
    .vmcs = 0x1ff59000, .value = {
        [INDEX_VPID] = 0x1, [INDEX_GUEST_ES_SELECTOR] = 0x10, [INDEX_GUEST_CS_SELECTOR] = 0x8,
        [INDEX_GUEST_SS_SELECTOR] = 0x10, [INDEX_GUEST_DS_SELECTOR] = 0x10,
        [INDEX_GUEST_TR_SELECTOR] = 0x18, [INDEX_HOST_ES_SELECTOR] = 0x10,
        [INDEX_HOST_CS_SELECTOR] = 0x8, [INDEX_HOST_SS_SELECTOR] = 0x10,
        [INDEX_HOST_DS_SELECTOR] = 0x10, [INDEX_HOST_TR_SELECTOR] = 0x18,
        [INDEX_IO_BITMAP_A] = 0x1ffcf000, [INDEX_IO_BITMAP_B] = 0x1ffd0000,
        [INDEX_MSR_BITMAP] = 0x1ffd1000, [INDEX_EPT_POINTER] = 0x1ffd205e,
        [INDEX_VMCS_LINK_POINTER] = 0xffffffffffffffff, [INDEX_GUEST_PAT] = 0x7040600070406,
        [INDEX_GUEST_EFER] = 0xd00, [INDEX_HOST_PAT] = 0x7040600070406, [INDEX_HOST_EFER] = 0xd00,
        [INDEX_PIN_CONTROLS] = 0x1f, [INDEX_PRIMARY_CONTROLS] = 0xb60065fa,
        [INDEX_EXCEPTION_BITMAP] = 0x40000, [INDEX_EXIT_CONTROLS] = 0x3fefff,
        [INDEX_ENTRY_CONTROLS] = 0xd3ff, [INDEX_SECONDARY_CONTROLS] = 0x1010aa,
        [INDEX_GUEST_ES_LIMIT] = 0xffffffff, [INDEX_GUEST_CS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_SS_LIMIT] = 0xffffffff, [INDEX_GUEST_DS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_FS_LIMIT] = 0xffffffff, [INDEX_GUEST_GS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_LDTR_LIMIT] = 0xffffffff, [INDEX_GUEST_TR_LIMIT] = 0x67,
        [INDEX_GUEST_GDTR_LIMIT] = 0x27, [INDEX_GUEST_ES_AR] = 0xc093, [INDEX_GUEST_CS_AR] = 0xa09b,
        [INDEX_GUEST_SS_AR] = 0xc093, [INDEX_GUEST_DS_AR] = 0xc093, [INDEX_GUEST_FS_AR] = 0x10000,
        [INDEX_GUEST_GS_AR] = 0x10000, [INDEX_GUEST_LDTR_AR] = 0x10000, [INDEX_GUEST_TR_AR] = 0x8b,
        [INDEX_CR0_MASK] = 0xe0000031, [INDEX_CR4_MASK] = 0xffffffffff88f040,
        [INDEX_CR0_SHADOW] = 0x80010033, [INDEX_CR4_SHADOW] = 0x620, [INDEX_GUEST_CR0] = 0x80010033,
        [INDEX_GUEST_CR3] = 0x164000, [INDEX_GUEST_CR4] = 0x2660, [INDEX_GUEST_TR_BASE] = 0x16b000,
        [INDEX_GUEST_GDTR_BASE] = 0x16a000, [INDEX_GUEST_DR7] = 0x400, [INDEX_GUEST_RSP] = 0x163ff8,
        [INDEX_GUEST_RIP] = 0x100000, [INDEX_GUEST_RFLAGS] = 0x2, [INDEX_HOST_CR0] = 0x80010033,
        [INDEX_HOST_CR3] = 0x1ffeb000, [INDEX_HOST_CR4] = 0x42660,
        [INDEX_HOST_GS_BASE] = 0xffffffff8013f800, [INDEX_HOST_TR_BASE] = 0xffffffff8013f858,
        [INDEX_HOST_GDTR_BASE] = 0xffffffff8013f830, [INDEX_HOST_IDTR_BASE] = 0xffffffff801422a0,
        [INDEX_HOST_RSP] = 0x1ff5a080, [INDEX_HOST_RIP] = 0xffffffff8011cab6,
    }, .unreadable = {
    },
},
{
    "sapphire_rapids",
    .can = {.basic = 0x1d8100000000004, .misc = 0x600401e0, .ept_vpid = 0xf0106f34141,
    .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff,
    .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3f73fff,
    .vmcs_enum = 0x50, .vmfunc = 0x1, .tertiary = 0x80, .exit2 = 0x100000c,
    .physical_width = 40, .linear_width = 57, .range = {
        {0x16, 0xff, "IA32_VMX_TRUE_PINBASED_CTLS"},
        {0x4006172, 0xfffbfffe, "IA32_VMX_TRUE_PROCBASED_CTLS"},
        {0x0, 0x6d77fff, "IA32_VMX_PROCBASED_CTLS2"},
        {0x36dfb, 0xf87fffff, "IA32_VMX_TRUE_EXIT_CTLS"},
        {0x11fb, 0x58ffff, "IA32_VMX_TRUE_ENTRY_CTLS"}, {0x0, 0x80, "IA32_VMX_PROCBASED_CTLS3"},
        {0x0, 0x100000c, "IA32_VMX_EXIT_CTLS2"},
    }},
    .facts = {.efer_allowed = 0xd01, .debugctl_allowed = 0x7fc3,
    .perf_global_allowed = 0xf000000ff, .s_cet_allowed = 0xfffffffffffffc3f,
    .rtit_ctl_allowed = 0x80ffff8f7bffff, .lbr_ctl_allowed = 0x7f000f,
    .ia32e = 1, .la57 = 0, .lam = 0, .rtm = 0, .sgx = 0,
    .bus_lock = 0, .tracing = 0},
    .vmcs = 0x1ff59000, .value = {
        [INDEX_VPID] = 0x1, [INDEX_GUEST_ES_SELECTOR] = 0x10, [INDEX_GUEST_CS_SELECTOR] = 0x8,
        [INDEX_GUEST_SS_SELECTOR] = 0x10, [INDEX_GUEST_DS_SELECTOR] = 0x10,
        [INDEX_GUEST_TR_SELECTOR] = 0x18, [INDEX_HOST_ES_SELECTOR] = 0x10,
        [INDEX_HOST_CS_SELECTOR] = 0x8, [INDEX_HOST_SS_SELECTOR] = 0x10,
        [INDEX_HOST_DS_SELECTOR] = 0x10, [INDEX_HOST_TR_SELECTOR] = 0x18,
        [INDEX_IO_BITMAP_A] = 0x1ffcf000, [INDEX_IO_BITMAP_B] = 0x1ffd0000,
        [INDEX_MSR_BITMAP] = 0x1ffd1000, [INDEX_EPT_POINTER] = 0x1ffd205e,
        [INDEX_VMCS_LINK_POINTER] = 0xffffffffffffffff, [INDEX_GUEST_PAT] = 0x7040600070406,
        [INDEX_GUEST_EFER] = 0xd00, [INDEX_HOST_PAT] = 0x7040600070406, [INDEX_HOST_EFER] = 0xd00,
        [INDEX_PIN_CONTROLS] = 0x1f, [INDEX_PRIMARY_CONTROLS] = 0xb60065fa,
        [INDEX_EXCEPTION_BITMAP] = 0x40000, [INDEX_EXIT_CONTROLS] = 0x3fefff,
        [INDEX_ENTRY_CONTROLS] = 0xd3ff, [INDEX_SECONDARY_CONTROLS] = 0x1010aa,
        [INDEX_GUEST_ES_LIMIT] = 0xffffffff, [INDEX_GUEST_CS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_SS_LIMIT] = 0xffffffff, [INDEX_GUEST_DS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_FS_LIMIT] = 0xffffffff, [INDEX_GUEST_GS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_LDTR_LIMIT] = 0xffffffff, [INDEX_GUEST_TR_LIMIT] = 0x67,
        [INDEX_GUEST_GDTR_LIMIT] = 0x27, [INDEX_GUEST_ES_AR] = 0xc093, [INDEX_GUEST_CS_AR] = 0xa09b,
        [INDEX_GUEST_SS_AR] = 0xc093, [INDEX_GUEST_DS_AR] = 0xc093, [INDEX_GUEST_FS_AR] = 0x10000,
        [INDEX_GUEST_GS_AR] = 0x10000, [INDEX_GUEST_LDTR_AR] = 0x10000, [INDEX_GUEST_TR_AR] = 0x8b,
        [INDEX_CR0_MASK] = 0xe0000031, [INDEX_CR4_MASK] = 0xffffffffff88f040,
        [INDEX_CR0_SHADOW] = 0x80010033, [INDEX_CR4_SHADOW] = 0x620, [INDEX_GUEST_CR0] = 0x80010033,
        [INDEX_GUEST_CR3] = 0x164000, [INDEX_GUEST_CR4] = 0x2660, [INDEX_GUEST_TR_BASE] = 0x16b000,
        [INDEX_GUEST_GDTR_BASE] = 0x16a000, [INDEX_GUEST_DR7] = 0x400, [INDEX_GUEST_RSP] = 0x163ff8,
        [INDEX_GUEST_RIP] = 0x100000, [INDEX_GUEST_RFLAGS] = 0x2, [INDEX_HOST_CR0] = 0x80010033,
        [INDEX_HOST_CR3] = 0x1ffeb000, [INDEX_HOST_CR4] = 0x42660,
        [INDEX_HOST_GS_BASE] = 0xffffffff8013f800, [INDEX_HOST_TR_BASE] = 0xffffffff8013f858,
        [INDEX_HOST_GDTR_BASE] = 0xffffffff8013f830, [INDEX_HOST_IDTR_BASE] = 0xffffffff801422a0,
        [INDEX_HOST_RSP] = 0x1ff5a080, [INDEX_HOST_RIP] = 0xffffffff8011cab6,
    }, .unreadable = {
    },
},
{
    "corei5_arrandale_m520",
    .can = {.basic = 0xd810000000002b, .misc = 0x401e0, .ept_vpid = 0xf0106114141,
    .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff,
    .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x67ff,
    .vmcs_enum = 0x50, .vmfunc = 0x0, .tertiary = 0x0, .exit2 = 0x0,
    .physical_width = 40, .linear_width = 48, .range = {
        {0x16, 0x7f, "IA32_VMX_TRUE_PINBASED_CTLS"},
        {0x4006172, 0xfff9fffe, "IA32_VMX_TRUE_PROCBASED_CTLS"},
        {0x0, 0xff, "IA32_VMX_PROCBASED_CTLS2"}, {0x36dfb, 0x407fffff, "IA32_VMX_TRUE_EXIT_CTLS"},
        {0x11fb, 0xffff, "IA32_VMX_TRUE_ENTRY_CTLS"}, {0x0, 0x0, "IA32_VMX_PROCBASED_CTLS3"},
        {0x0, 0x0, "IA32_VMX_EXIT_CTLS2"},
    }},
    .facts = {.efer_allowed = 0xd01, .debugctl_allowed = 0x7fc3,
    .perf_global_allowed = 0x70000000f, .s_cet_allowed = 0x0,
    .rtit_ctl_allowed = 0x80ffff8f7bffff, .lbr_ctl_allowed = 0x7f000f,
    .ia32e = 1, .la57 = 0, .lam = 0, .rtm = 0, .sgx = 0,
    .bus_lock = 0, .tracing = 0},
    .vmcs = 0x1ff59000, .value = {
        [INDEX_VPID] = 0x1, [INDEX_GUEST_ES_SELECTOR] = 0x10, [INDEX_GUEST_CS_SELECTOR] = 0x8,
        [INDEX_GUEST_SS_SELECTOR] = 0x10, [INDEX_GUEST_DS_SELECTOR] = 0x10,
        [INDEX_GUEST_TR_SELECTOR] = 0x18, [INDEX_HOST_ES_SELECTOR] = 0x10,
        [INDEX_HOST_CS_SELECTOR] = 0x8, [INDEX_HOST_SS_SELECTOR] = 0x10,
        [INDEX_HOST_DS_SELECTOR] = 0x10, [INDEX_HOST_TR_SELECTOR] = 0x18,
        [INDEX_IO_BITMAP_A] = 0x1ffcf000, [INDEX_IO_BITMAP_B] = 0x1ffd0000,
        [INDEX_MSR_BITMAP] = 0x1ffd1000, [INDEX_EPT_POINTER] = 0x1ffd201e,
        [INDEX_VMCS_LINK_POINTER] = 0xffffffffffffffff, [INDEX_GUEST_PAT] = 0x7040600070406,
        [INDEX_GUEST_EFER] = 0xd00, [INDEX_HOST_PAT] = 0x7040600070406, [INDEX_HOST_EFER] = 0xd00,
        [INDEX_PIN_CONTROLS] = 0x1f, [INDEX_PRIMARY_CONTROLS] = 0xb60065fa,
        [INDEX_EXCEPTION_BITMAP] = 0x40000, [INDEX_EXIT_CONTROLS] = 0x3fefff,
        [INDEX_ENTRY_CONTROLS] = 0xd3ff, [INDEX_SECONDARY_CONTROLS] = 0xaa,
        [INDEX_GUEST_ES_LIMIT] = 0xffffffff, [INDEX_GUEST_CS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_SS_LIMIT] = 0xffffffff, [INDEX_GUEST_DS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_FS_LIMIT] = 0xffffffff, [INDEX_GUEST_GS_LIMIT] = 0xffffffff,
        [INDEX_GUEST_LDTR_LIMIT] = 0xffffffff, [INDEX_GUEST_TR_LIMIT] = 0x67,
        [INDEX_GUEST_GDTR_LIMIT] = 0x27, [INDEX_GUEST_ES_AR] = 0xc093, [INDEX_GUEST_CS_AR] = 0xa09b,
        [INDEX_GUEST_SS_AR] = 0xc093, [INDEX_GUEST_DS_AR] = 0xc093, [INDEX_GUEST_FS_AR] = 0x10000,
        [INDEX_GUEST_GS_AR] = 0x10000, [INDEX_GUEST_LDTR_AR] = 0x10000, [INDEX_GUEST_TR_AR] = 0x8b,
        [INDEX_CR0_MASK] = 0xe0000031, [INDEX_CR4_MASK] = 0xffffffffff88f040,
        [INDEX_CR0_SHADOW] = 0x80010033, [INDEX_CR4_SHADOW] = 0x620, [INDEX_GUEST_CR0] = 0x80010033,
        [INDEX_GUEST_CR3] = 0x164000, [INDEX_GUEST_CR4] = 0x2660, [INDEX_GUEST_TR_BASE] = 0x16b000,
        [INDEX_GUEST_GDTR_BASE] = 0x16a000, [INDEX_GUEST_DR7] = 0x400, [INDEX_GUEST_RSP] = 0x163ff8,
        [INDEX_GUEST_RIP] = 0x100000, [INDEX_GUEST_RFLAGS] = 0x2, [INDEX_HOST_CR0] = 0x80010033,
        [INDEX_HOST_CR3] = 0x1ffeb000, [INDEX_HOST_CR4] = 0x2660,
        [INDEX_HOST_GS_BASE] = 0xffffffff8013f800, [INDEX_HOST_TR_BASE] = 0xffffffff8013f858,
        [INDEX_HOST_GDTR_BASE] = 0xffffffff8013f830, [INDEX_HOST_IDTR_BASE] = 0xffffffff801422a0,
        [INDEX_HOST_RSP] = 0x1ff5a080, [INDEX_HOST_RIP] = 0xffffffff8011cab6,
    }, .unreadable = {
    },
},
};
/* clang-format on */

#endif
