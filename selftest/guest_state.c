/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the guest state that VM entry loads and VM exit saves, and of what neither touches.
 * SDM vol. 3C, "Loading Guest State", "Saving Guest State".
 */
#include "selftest/rig.h"

extern const char code_segments[], code_segments_end[];
extern const char code_segments_loaded[], code_segments_loaded_end[];
extern const char code_limits[], code_limits_end[];
extern const char code_state_tables[], code_state_tables_end[];
extern const char code_cr3[], code_cr3_end[];
extern const char code_rflags[], code_rflags_end[];
extern const char code_sysenter[], code_sysenter_end[];
extern const char code_bases[], code_bases_end[];
extern const char code_untouched[], code_untouched_end[];

/* Of descriptors, and what an exit makes of them. */
#define DATA_BYTES  UINT64_C(0x0040931230000FFF) /* base 123000H, limit FFFH, D/B */
#define DATA_PAGES  UINT64_C(0x00C0911240000001) /* base 124000H, two pages, read-only, D/B */
#define TABLE_LOCAL UINT64_C(0x000082122000007F) /* base 122000H = RIG_PAGE_C, limit 7FH */

#define RIGHTS_DATA_BYTES UINT64_C(0x4093)
#define RIGHTS_DATA_PAGES UINT64_C(0xC091)
#define RIGHTS_LOCAL      UINT64_C(0x0082)
#define RIGHTS_CODE_64    UINT64_C(0xA09B)
#define UNUSABLE          BIT(16)

/* What the guest loads from its GDT is in the fields: selector, base, limit in bytes, rights. */
static void segments(struct rig *rig)
{
    uint64_t *gdt = rig_memory(rig, RIG_GDT);

    gdt[RIG_SPARE / 8] = DATA_BYTES;
    gdt[RIG_SPARE / 8 + 1] = DATA_PAGES;
    gdt[RIG_SPARE / 8 + 2] = TABLE_LOCAL;
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want_field(rig, VMCS_GUEST_FS_SELECTOR, RIG_SPARE);
    rig_want_field(rig, VMCS_GUEST_FS_BASE, 0x123000);
    rig_want_field(rig, VMCS_GUEST_FS_LIMIT, 0xFFF);
    rig_want_field(rig, VMCS_GUEST_FS_AR, RIGHTS_DATA_BYTES);
    rig_want_field(rig, VMCS_GUEST_GS_SELECTOR, RIG_SPARE + 8);
    rig_want_field(rig, VMCS_GUEST_GS_BASE, 0x124000);
    rig_want_field(rig, VMCS_GUEST_GS_LIMIT, 0x1FFF);
    rig_want_field(rig, VMCS_GUEST_GS_AR, RIGHTS_DATA_PAGES);
    rig_want_field(rig, VMCS_GUEST_LDTR_SELECTOR, RIG_SPARE + 16);
    rig_want_field(rig, VMCS_GUEST_LDTR_BASE, RIG_PAGE_C.value);
    rig_want_field(rig, VMCS_GUEST_LDTR_LIMIT, 0x7F);
    rig_want_field(rig, VMCS_GUEST_LDTR_AR, RIGHTS_LOCAL);
    rig_want_field(rig, VMCS_GUEST_ES_SELECTOR, 0);
    rig_want_bits(rig, "ES's access rights", vmread(VMCS_GUEST_ES_AR), UNUSABLE, UNUSABLE);
    rig_want_field(rig, VMCS_GUEST_CS_SELECTOR, RIG_CODE_64);
    rig_want_field(rig, VMCS_GUEST_CS_AR, RIGHTS_CODE_64);
    rig_want_field(rig, VMCS_GUEST_TR_SELECTOR, RIG_TSS_SELECTOR);
    rig_want_field(rig, VMCS_GUEST_TR_BASE, RIG_TSS.value);
}

/* The guest has what is in the fields; its descriptors are not looked at. */
static void segments_loaded(struct rig *rig)
{
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = 0xA;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_B) = 0xB;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_C) = DATA_BYTES; /* the local table's first */
    vmwrite(VMCS_GUEST_FS_SELECTOR, 0x1238);
    vmwrite(VMCS_GUEST_FS_BASE, RIG_PAGE_A.value);
    vmwrite(VMCS_GUEST_FS_LIMIT, 0xFFF);
    vmwrite(VMCS_GUEST_FS_AR, RIGHTS_DATA_BYTES);
    vmwrite(VMCS_GUEST_GS_BASE, RIG_PAGE_B.value);
    vmwrite(VMCS_GUEST_LDTR_SELECTOR, 0x5678);
    vmwrite(VMCS_GUEST_LDTR_BASE, RIG_PAGE_C.value);
    vmwrite(VMCS_GUEST_LDTR_LIMIT, 7);
    vmwrite(VMCS_GUEST_LDTR_AR, RIGHTS_LOCAL);
    vmwrite(VMCS_GUEST_TR_SELECTOR, 0x9AB8);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "FS", rig_gpr(rig, RAX), 0x1238);
        rig_want(rig, "what is read by FS", rig_gpr(rig, RBX), 0xA);
        rig_want(rig, "what is read by GS, unusable", rig_gpr(rig, RCX), 0xB);
        rig_want(rig, "LDTR", rig_gpr(rig, RDX), 0x5678);
        rig_want(rig, "TR", rig_gpr(rig, RSI), 0x9AB8);
        rig_want_field(rig, VMCS_GUEST_ES_BASE, 0x123000);
    }
    if (rig_expect_event(rig, VECTOR_GP)) { /* beyond the local table's limit */
        rig_want(rig, "the error code", rig->event.error_code, 0xC);
    }
}

/* In protected mode, a limit counts. */
static void limits(struct rig *rig)
{
    rig_go_protected(rig, true, RIG_CODE.value);
    vmwrite(VMCS_GUEST_FS_SELECTOR, RIG_DATA);
    vmwrite(VMCS_GUEST_FS_BASE, RIG_PAGE_A.value);
    vmwrite(VMCS_GUEST_FS_LIMIT, 0xFFF);
    vmwrite(VMCS_GUEST_FS_AR, RIGHTS_DATA_BYTES);
    ((uint32_t *)rig_memory(rig, RIG_PAGE_A))[1023] = 0x5EED;
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the last doubleword of FS", rig_gpr(rig, RBX), 0x5EED);
    }
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the error code", rig->event.error_code, 0);
    }
}

/* GDTR and IDTR: bases and limits. The guest stores what it has, and loads others. */
static void tables(struct rig *rig)
{
    uint64_t gdtr = vmread(VMCS_GUEST_GDTR_BASE);
    uint64_t idtr = vmread(VMCS_GUEST_IDTR_BASE);
    struct descriptor_table *stored = rig_memory(rig, RIG_PAGE_A);
    struct descriptor_table *loaded = rig_memory(rig, RIG_PAGE_B);

    loaded[0] = (struct descriptor_table){.limit = 0x123, .base = 0x4567890};
    loaded[1] = (struct descriptor_table){.limit = 0xFFFE, .base = 0x1234567};
    vmwrite(VMCS_GUEST_GDTR_LIMIT, 0xABC);
    if (!rig_expect(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "GDTR's base", stored[0].base, gdtr);
    rig_want(rig, "GDTR's limit", stored[0].limit, 0xABC);
    rig_want(rig, "IDTR's base", stored[1].base, idtr);
    rig_want(rig, "IDTR's limit", stored[1].limit, PAGE_SIZE - 1);
    rig_want_field(rig, VMCS_GUEST_GDTR_BASE, 0x4567890);
    rig_want_field(rig, VMCS_GUEST_GDTR_LIMIT, 0x123);
    rig_want_field(rig, VMCS_GUEST_IDTR_BASE, 0x1234567);
    rig_want_field(rig, VMCS_GUEST_IDTR_LIMIT, 0xFFFE);
}

/* CR3 has other bits than its address too. */
static void cr3(struct rig *rig)
{
    uint64_t value = vmread(VMCS_GUEST_CR3);

    vmwrite(VMCS_GUEST_CR3, value | BIT(3));
    rig_set_gpr(rig, RSI, value | BIT(4));
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR3", rig_gpr(rig, RBX), value | BIT(3));
        rig_want_field(rig, VMCS_GUEST_CR3, value | BIT(4));
    }
}

static void rflags(struct rig *rig)
{
    const uint64_t flags = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT;
    const uint64_t others = RFLAGS_FIXED | RFLAGS_ZF | RFLAGS_AC | RFLAGS_ID;

    vmwrite(VMCS_GUEST_RFLAGS, flags);
    rig_set_gpr(rig, RSI, others);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "RFLAGS", rig_gpr(rig, RBX), flags);
        rig_want_field(rig, VMCS_GUEST_RFLAGS, others);
        rig_want_field(rig, VMCS_GUEST_RSP, rig->vm.start.rsp.value);
    }
}

/* MSRs that have fields of their own, with no control: loaded, saved, and loaded for the host. */
static void sysenter(struct rig *rig)
{
    uint64_t esp = vmread(VMCS_HOST_SYSENTER_ESP);

    vmwrite(VMCS_GUEST_SYSENTER_CS, 0x1000);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0x2000);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0x3000);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0x4000);
    rig_set_gpr(rig, RSI, 0x5000);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "IA32_SYSENTER_CS", rig_gpr(rig, R8), 0x1000);
        rig_want(rig, "IA32_SYSENTER_ESP", rig_gpr(rig, R9), 0x2000);
        rig_want(rig, "IA32_SYSENTER_EIP", rig_gpr(rig, R10), 0x3000);
        rig_want_field(rig, VMCS_GUEST_SYSENTER_CS, 0x5000);
        rig_want_field(rig, VMCS_GUEST_SYSENTER_ESP, 0x5001);
        rig_want_field(rig, VMCS_GUEST_SYSENTER_EIP, 0x5002);
        rig_want(rig, "IA32_SYSENTER_ESP of the host", rdmsr(MSR_IA32_SYSENTER_ESP), 0x4000);
    }
    vmwrite(VMCS_HOST_SYSENTER_ESP, esp);
}

static void bases(struct rig *rig)
{
    uint64_t fs = rdmsr(MSR_IA32_FS_BASE);
    uint64_t gs = rdmsr(MSR_IA32_GS_BASE);

    vmwrite(VMCS_GUEST_FS_BASE, 0x1000);
    vmwrite(VMCS_GUEST_GS_BASE, 0x2000);
    rig_set_gpr(rig, RSI, 0x5000);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "IA32_FS_BASE", rig_gpr(rig, R8), 0x1000);
        rig_want(rig, "IA32_GS_BASE", rig_gpr(rig, R9), 0x2000);
        rig_want_field(rig, VMCS_GUEST_FS_BASE, 0x5000);
        rig_want_field(rig, VMCS_GUEST_GS_BASE, 0x5001);
        rig_want(rig, "IA32_FS_BASE of the host", rdmsr(MSR_IA32_FS_BASE), fs);
        rig_want(rig, "IA32_GS_BASE of the host", rdmsr(MSR_IA32_GS_BASE), gs);
    }
}

/* CR2 and DR0 to DR3 go to the guest as the host has left them, and back. */
static void untouched(struct rig *rig)
{
    write_cr2(0x1000);
    write_dr0(0x2000);
    write_dr3(0x3000);
    rig_set_gpr(rig, RSI, 0x5000);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR2", rig_gpr(rig, R8), 0x1000);
        rig_want(rig, "DR0", rig_gpr(rig, R9), 0x2000);
        rig_want(rig, "DR3", rig_gpr(rig, R10), 0x3000);
        rig_want(rig, "CR2 after the exit", read_cr2(), 0x5000);
        rig_want(rig, "DR0 after the exit", read_dr0(), 0x5000);
        rig_want(rig, "DR3 after the exit", read_dr3(), 0x5000);
    }
}

static const struct scenario scenarios[] = {
    {"state.segments", SCENARIO_CODE(segments), .run = segments},
    {"state.segments.loaded", SCENARIO_CODE(segments_loaded), .run = segments_loaded},
    {"state.segments.limits", SCENARIO_CODE(limits), .run = limits},
    {"state.tables", SCENARIO_CODE(state_tables), .run = tables},
    {"state.cr3", SCENARIO_CODE(cr3), .run = cr3},
    {"state.rflags", SCENARIO_CODE(rflags), .run = rflags},
    {"state.sysenter", SCENARIO_CODE(sysenter), .run = sysenter},
    {"state.fs_gs_base", SCENARIO_CODE(bases), .run = bases},
    {"state.untouched", SCENARIO_CODE(untouched), .run = untouched},
};

SCENARIO_SUITE(selftest_guest_state, scenarios);
