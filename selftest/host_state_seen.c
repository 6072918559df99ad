/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the host state that VM exit loads: the guest leaves the processor otherwise, and the
 * host looks. SDM vol. 3C, "Loading Host State".
 */
#include "selftest/rig.h"
#include "vmx/host_state.h"

extern const char code_disorder[], code_disorder_end[];
extern const char code_registers_left[], code_registers_left_end[];

/* Selectors are the fields', LDTR's is null; the bases of FS and GS are the fields' too. */
static void host_segments(struct rig *rig)
{
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "CS", read_cs(), vmread(VMCS_HOST_CS_SELECTOR));
    rig_want(rig, "SS", read_ss(), vmread(VMCS_HOST_SS_SELECTOR));
    rig_want(rig, "DS", read_ds(), vmread(VMCS_HOST_DS_SELECTOR));
    rig_want(rig, "ES", read_es(), vmread(VMCS_HOST_ES_SELECTOR));
    rig_want(rig, "FS", read_fs(), vmread(VMCS_HOST_FS_SELECTOR));
    rig_want(rig, "GS", read_gs(), vmread(VMCS_HOST_GS_SELECTOR));
    rig_want(rig, "TR", read_tr(), vmread(VMCS_HOST_TR_SELECTOR));
    rig_want(rig, "LDTR", read_ldtr(), 0);
    rig_want(rig, "FS's base", rdmsr(MSR_IA32_FS_BASE), vmread(VMCS_HOST_FS_BASE));
    rig_want(rig, "GS's base", rdmsr(MSR_IA32_GS_BASE), vmread(VMCS_HOST_GS_BASE));
    rig_want_field(rig, VMCS_GUEST_ES_SELECTOR, 0);
    rig_want_field(rig, VMCS_GUEST_LDTR_SELECTOR, RIG_SPARE);
}

/* Bases are the fields', limits are FFFFH. */
static void host_tables(struct rig *rig)
{
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "GDTR's base", read_gdtr().base, vmread(VMCS_HOST_GDTR_BASE));
        rig_want(rig, "GDTR's limit", read_gdtr().limit, UINT16_MAX);
        rig_want(rig, "IDTR's base", read_idtr().base, vmread(VMCS_HOST_IDTR_BASE));
        rig_want(rig, "IDTR's limit", read_idtr().limit, UINT16_MAX);
        rig_want_field(rig, VMCS_GUEST_GDTR_LIMIT, 0x123);
    }
}

/* RFLAGS is 2; what the hypervisor has computed since then is left out. */
static void host_rflags(struct rig *rig)
{
    const uint64_t kept = RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;

    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | kept);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "RFLAGS of the guest", vmread(VMCS_GUEST_RFLAGS), kept, kept);
        rig_want_bits(rig, "RFLAGS", read_rflags(), kept | RFLAGS_IF | RFLAGS_TF | RFLAGS_FIXED,
                      RFLAGS_FIXED);
    }
}

/* CR0, CR3 and CR4 are the fields', which need not be what they were before the entry. */
static void host_control_registers(struct rig *rig)
{
    uint64_t cr0 = read_cr0();
    uint64_t cr4 = read_cr4();

    vmwrite(VMCS_HOST_CR0, cr0 ^ CR0_AM);
    vmwrite(VMCS_HOST_CR4, cr4 ^ CR4_TSD);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR0", read_cr0(), cr0 ^ CR0_AM);
        rig_want(rig, "CR3", read_cr3(), vmread(VMCS_HOST_CR3));
        rig_want(rig, "CR4", read_cr4(), cr4 ^ CR4_TSD);
        rig_want_bits(rig, "CR0.TS of the guest", vmread(VMCS_GUEST_CR0), CR0_TS, CR0_TS);
        rig_want_bits(rig, "CR4.DE of the guest", vmread(VMCS_GUEST_CR4), CR4_DE, CR4_DE);
    }
    write_cr0(cr0);
    write_cr4(cr4);
    vmwrite(VMCS_HOST_CR0, cr0);
    vmwrite(VMCS_HOST_CR4, cr4);
}

/* What an exit loads is what was there before the entry, wherever the guest has left it. */
static void host_as_before(struct rig *rig)
{
    static const uint32_t msrs[] = {
        MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, MSR_IA32_FS_BASE,
        MSR_IA32_GS_BASE,     MSR_IA32_PAT,          MSR_IA32_EFER};
    const uint64_t control[] = {read_cr0(), read_cr3(), read_cr4()};
    uint64_t before[ARRAY_SIZE(msrs)];

    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        before[i] = rdmsr(msrs[i]);
    }
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        if (rdmsr(msrs[i]) != before[i]) {
            rig_fail(rig, "MSR 0x%x is 0x%lx, was 0x%lx", msrs[i], rdmsr(msrs[i]), before[i]);
        }
    }
    rig_want(rig, "CR0", read_cr0(), control[0]);
    rig_want(rig, "CR3", read_cr3(), control[1]);
    rig_want(rig, "CR4", read_cr4(), control[2]);
    rig_want_field(rig, VMCS_HOST_TR_BASE, (uint64_t)&this_cpu()->tss);
}

/* What no exit loads, Lintel saves and restores itself. */
static void host_restored(struct rig *rig)
{
    char names[120];

    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "DR3 as the guest leaves it", read_dr3(), 0x3333);
    rig_want(rig, "CR2 as the guest leaves it", read_cr2(), 0x2222);
    rig_want(rig, "CR8 as the guest leaves it", read_cr8(), 4);
    host_state_restore(&rig->vcpu->host);
    if (host_state_compare(&rig->vcpu->host, names, sizeof(names)) != 0) {
        rig_fail(rig, "not as before the entry: %s", names);
    }
}

static const struct scenario scenarios[] = {
    {"state.host_segments", SCENARIO_CODE(disorder), .run = host_segments},
    {"state.host_tables", SCENARIO_CODE(disorder), .run = host_tables},
    {"state.host_rflags", SCENARIO_CODE(disorder), .run = host_rflags},
    {"state.host_control_registers", SCENARIO_CODE(disorder), .run = host_control_registers},
    {"state.host_as_before", SCENARIO_CODE(disorder), .run = host_as_before},
    {"state.host_restored", SCENARIO_CODE(registers_left), .run = host_restored},
};

SCENARIO_SUITE(selftest_host_state_seen, scenarios);
