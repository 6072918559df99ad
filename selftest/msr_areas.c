/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the areas of MSRs that VM entry loads, and VM exit stores and loads. SDM vol. 3C,
 * "Loading MSRs", "Saving MSRs", "VM-Entry Failures During or After Loading Guest State".
 */
#include "kernel/image.h"
#include "selftest/rig.h"
#include "vmx/msr_area.h"

extern const char code_msr_area[], code_msr_area_end[];

/* The guest reads them into R8 to R11, then writes RSI to RSI + 3 to them. None has a field. */
static const uint32_t msrs[] = {MSR_IA32_STAR, MSR_IA32_LSTAR, MSR_IA32_CSTAR,
                                MSR_IA32_KERNEL_GS_BASE};
#define MSRS    ARRAY_SIZE(msrs)
#define BY_HOST UINT64_C(0x1000)
#define BY_AREA UINT64_C(0x2000)
#define WRITTEN UINT64_C(0x3000)
#define POISON  UINT64_C(0x5A5A5A5A5A5A5A5A)

/* An area of all four and once more the second, with another value. NULL: the scenario has failed.
 */
static struct msr_entry *make_area(struct rig *rig, struct vmcs_field address,
                                   struct vmcs_field count)
{
    struct msr_entry *area = rig_host_page(rig);

    if (area != NULL) {
        for (uint32_t i = 0; i < MSRS; i++) {
            area[i] = (struct msr_entry){.index = msrs[i], .data = BY_AREA + i};
        }
        area[MSRS] = (struct msr_entry){.index = msrs[1], .data = BY_AREA + MSRS};
        vmwrite(address, hpa_of(area).value);
        vmwrite(count, MSRS + 1);
    }
    return area;
}

/* The MSRs as the host leaves them to the guest. */
static void write_host(void)
{
    for (uint32_t i = 0; i < MSRS; i++) {
        wrmsr(msrs[i], BY_HOST + i);
    }
}

static void want_read(struct rig *rig, uint64_t first)
{
    for (unsigned i = 0; i < MSRS; i++) {
        rig_want(rig, "an MSR as the guest reads it", rig_gpr(rig, R8 + i),
                 first == BY_AREA && i == 1 ? BY_AREA + MSRS : first + i);
    }
}

static void want_host(struct rig *rig, uint64_t first)
{
    for (unsigned i = 0; i < MSRS; i++) {
        rig_want(rig, "an MSR after the exit", rdmsr(msrs[i]),
                 first == BY_AREA && i == 1 ? BY_AREA + MSRS : first + i);
    }
}

/* All are loaded, in their order. */
static void entry_load(struct rig *rig)
{
    rig_set_gpr(rig, RSI, WRITTEN);
    write_host();
    if (make_area(rig, VMCS_ENTRY_MSR_LOAD_ADDRESS, VMCS_ENTRY_MSR_LOAD_COUNT) == NULL) {
        return;
    }
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        want_read(rig, BY_AREA);
        want_host(rig, WRITTEN); /* an exit that loads nothing leaves the guest's */
    }
    write_host();
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    if (rig_expect(rig, EXIT_VMCALL)) {
        want_read(rig, BY_HOST);
    }
}

/* The area comes after the fields: its IA32_PAT is the guest's. */
static void entry_load_after_fields(struct rig *rig)
{
    struct msr_entry *area = rig_host_page(rig);
    uint64_t pat = rdmsr(MSR_IA32_PAT);

    if (area == NULL) {
        return;
    }
    area[0] = (struct msr_entry){.index = MSR_IA32_PAT, .data = pat ^ BIT(56)};
    vmwrite(VMCS_ENTRY_MSR_LOAD_ADDRESS, hpa_of(area).value);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
    vmwrite(VMCS_GUEST_PAT, pat);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_field(rig, VMCS_GUEST_PAT, pat ^ BIT(56));
        rig_want(rig, "the host's IA32_PAT", rdmsr(MSR_IA32_PAT), pat);
    }
}

/* What no area may have: the entry fails, and tells which it was, from 1 on. */
static void entry_load_bad(struct rig *rig)
{
    static const struct msr_entry bad[] = {
        {MSR_IA32_FS_BASE, 0, 0},     {MSR_IA32_GS_BASE, 0, 0},
        {MSR_X2APIC_FIRST, 0, 0},     {MSR_X2APIC_FIRST + 0xFF, 0, 0},
        {MSR_IA32_CSTAR, 1, 0},       {MSR_IA32_CSTAR, UINT32_C(1) << 31, 0},
        {MSR_IA32_LSTAR, 0, BIT(63)}, /* not canonical: WRMSR is #GP */
    };
    struct msr_entry *area = make_area(rig, VMCS_ENTRY_MSR_LOAD_ADDRESS, VMCS_ENTRY_MSR_LOAD_COUNT);

    for (uint32_t i = 0; i < ARRAY_SIZE(bad) && area != NULL; i++) {
        struct msr_entry *entry = &area[i % MSRS];
        struct msr_entry good = *entry;

        *entry = bad[i];
        (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_MSR, i % MSRS + 1);
        *entry = good;
    }
    if (area != NULL && rig_expect(rig, EXIT_VMCALL)) {
        want_read(rig, BY_AREA);
    }
}

/* All are stored, the bits that are no part of the value stay, and so do entries beyond the count.
 */
static void exit_store(struct rig *rig)
{
    struct msr_entry *area = make_area(rig, VMCS_EXIT_MSR_STORE_ADDRESS, VMCS_EXIT_MSR_STORE_COUNT);

    if (area == NULL) {
        return;
    }
    vmwrite(VMCS_EXIT_MSR_STORE_COUNT, MSRS);
    rig_set_gpr(rig, RSI, WRITTEN);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        for (uint32_t i = 0; i < MSRS; i++) {
            rig_want(rig, "the index of an entry", area[i].index, msrs[i]);
            rig_want(rig, "the value that was stored", area[i].data, WRITTEN + i);
        }
        rig_want(rig, "the entry beyond the count", area[MSRS].data, BY_AREA + MSRS);
    }
    vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
    area[0].data = POISON;
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "the area of no entries", area[0].data, POISON);
    }
}

/* Loaded in their order, after the guest's have been stored. */
static void exit_load(struct rig *rig)
{
    struct msr_entry *stored =
        make_area(rig, VMCS_EXIT_MSR_STORE_ADDRESS, VMCS_EXIT_MSR_STORE_COUNT);
    struct msr_entry *loaded = make_area(rig, VMCS_EXIT_MSR_LOAD_ADDRESS, VMCS_EXIT_MSR_LOAD_COUNT);

    if (stored == NULL || loaded == NULL) {
        return;
    }
    rig_set_gpr(rig, RSI, WRITTEN);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        want_host(rig, BY_AREA);
        rig_want(rig, "the guest's MSR", stored[0].data, WRITTEN);
        rig_want(rig, "the guest's MSR that stands twice", stored[MSRS].data, WRITTEN + 1);
    }
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    if (rig_expect(rig, EXIT_VMCALL)) {
        want_read(rig, BY_AREA); /* an entry that loads nothing leaves the host's */
        want_host(rig, WRITTEN);
    }
}

/* An entry that fails has loaded the host's state, and stored nothing of the guest's. */
static void want_failed_like_exit(struct rig *rig, enum exit_reason reason, uint64_t qualification)
{
    struct msr_entry *stored =
        make_area(rig, VMCS_EXIT_MSR_STORE_ADDRESS, VMCS_EXIT_MSR_STORE_COUNT);
    uint64_t rflags = vmread(VMCS_GUEST_RFLAGS) | RFLAGS_CF;

    if (stored == NULL ||
        make_area(rig, VMCS_EXIT_MSR_LOAD_ADDRESS, VMCS_EXIT_MSR_LOAD_COUNT) == NULL) {
        return;
    }
    write_host();
    vmwrite(VMCS_GUEST_RFLAGS, rflags);
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED_1 | DR7_KIND_0);
    if (rig_expect_failed(rig, reason, qualification)) {
        want_host(rig, BY_AREA);
        rig_want(rig, "an entry of the MSR-store area", stored[0].data, BY_AREA);
        rig_want_field(rig, VMCS_GUEST_RFLAGS, rflags);
        rig_want_field(rig, VMCS_GUEST_RIP, RIG_CODE.value);
        rig_want(rig, "DR7", read_dr7(), DR7_FIXED_1);
        rig_want(rig, "the limit of the GDT", read_gdtr().limit, UINT16_MAX);
    }
}

/* Blocking by STI and by MOV SS exclude each other. */
static void failed_guest_state(struct rig *rig)
{
    uint64_t cr0 = vmread(VMCS_GUEST_CR0);

    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, BIT(0) | BIT(1)); /* STI and MOV SS, both at once */
    want_failed_like_exit(rig, EXIT_ENTRY_FAILURE_GUEST, 0);
    rig_want_field(rig, VMCS_GUEST_CR0, cr0);
    /* The VMCS is as it was: mended, it is launched. */
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* The link pointer has a qualification of its own. */
static void failed_link_pointer(struct rig *rig)
{
    vmwrite(VMCS_VMCS_LINK_POINTER, 1);
    (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_GUEST, 4);
    vmwrite(VMCS_VMCS_LINK_POINTER, UINT64_MAX);
    (void)rig_expect(rig, EXIT_VMCALL);
}

static void failed_msr_load(struct rig *rig)
{
    struct msr_entry *area = make_area(rig, VMCS_ENTRY_MSR_LOAD_ADDRESS, VMCS_ENTRY_MSR_LOAD_COUNT);

    if (area == NULL) {
        return;
    }
    area[2].index = MSR_IA32_GS_BASE;
    want_failed_like_exit(rig, EXIT_ENTRY_FAILURE_MSR, 3);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 2);
    (void)rig_expect(rig, EXIT_VMCALL);
}

static const struct scenario scenarios[] = {
    {"entry.msr_load", SCENARIO_CODE(msr_area), .run = entry_load},
    {"entry.msr_load.after_fields", SCENARIO_CODE(msr_area), .run = entry_load_after_fields},
    {"entry.msr_load.bad", SCENARIO_CODE(msr_area), .run = entry_load_bad},
    {"exit.msr_store", SCENARIO_CODE(msr_area), .run = exit_store},
    {"exit.msr_load", SCENARIO_CODE(msr_area), .run = exit_load},
    {"entry.failed_guest_state", SCENARIO_CODE(msr_area), .run = failed_guest_state},
    {"entry.failed_guest_state.link_pointer", SCENARIO_CODE(msr_area), .run = failed_link_pointer},
    {"entry.failed_msr_load", SCENARIO_CODE(msr_area), .run = failed_msr_load},
};

SCENARIO_SUITE(selftest_msr_areas, scenarios);
