/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of a guest's paging modes, user mode and compatibility mode. SDM vol. 3A, "Paging";
 * vol. 3C, "Loading Page-Directory-Pointer-Table Entries"; vol. 1, "Modes of Operation".
 */
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_modes_window_32[], code_modes_window_32_end[];
extern const char code_modes_pae[], code_modes_pae_end[];
extern const char code_modes_user[], code_modes_user_end[];
extern const char code_modes_compatibility[], code_modes_compatibility_end[];
extern const char code_modes_five_level[], code_modes_five_level_end[];

#define PF_P  BIT(0)
#define PF_US BIT(2)

#define KNOWN UINT64_C(0x5EED)

/* Linear addresses that the guests use: modes_code.asm has them too. */
#define WINDOW_32   UINT64_C(0x00800000) /* PAGE_A is at this + PAGE_A */
#define HOLE_32     UINT64_C(0x00C00000) /* and here is nothing */
#define WINDOW_PAE  UINT64_C(0x40000000)
#define SUPERVISORS UINT64_C(0x00600000)

/* Pages of the guest's memory that are nothing of the rig's. */
static gpa_t free_page(unsigned n)
{
    return GPA(0x30000 + n * PAGE_SIZE);
}

static void want_page_fault(struct rig *rig, uint64_t address, uint32_t error_code, uint16_t cs)
{
    if (rig_expect_event(rig, VECTOR_PF)) {
        rig_want(rig, "CR2", read_cr2(), address);
        rig_want(rig, "the error code", rig->event.error_code, error_code);
        rig_want(rig, "the selector on the stack", rig->event.cs, cs);
    }
}

/* 32-bit paging in pages of 4 MiB; needs no unrestricted guest. */
static void protected_paging(struct rig *rig)
{
    uint32_t *directory;

    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = KNOWN;
    (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED, false);
    rig_go_protected(rig, true, RIG_CODE.value);
    directory = rig_memory(rig, GPA(vmread(VMCS_GUEST_CR3)));
    directory[WINDOW_32 >> 22] = (uint32_t)(GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS);
    directory[HOLE_32 >> 22] = 0;
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read through the window", rig_gpr(rig, RAX), KNOWN);
        rig_want(rig, "CR0.PE and CR0.PG as the guest reads them",
                 rig_gpr(rig, RBX) & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
        rig_want(rig, "EFER.LMA", vmread(VMCS_GUEST_EFER) & EFER_LMA, 0);
    }
    want_page_fault(rig, HOLE_32, 0, RIG_CODE_32);
}

static const struct vmcs_field *const pdptes[] = {&VMCS_GUEST_PDPTE0, &VMCS_GUEST_PDPTE1,
                                                  &VMCS_GUEST_PDPTE2, &VMCS_GUEST_PDPTE3};

/* PDPTE 1 stands in the VMCS alone: VM entry takes it from there, MOV to CR3 from memory. */
static void pae(struct rig *rig)
{
    uint64_t *table = rig_memory(rig, free_page(0));
    uint64_t *directory = rig_memory(rig, free_page(1));

    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = KNOWN;
    table[0] = free_page(1).value | GUEST_PTE_P;
    directory[0] = GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS;
    rig_go_protected(rig, true, RIG_CODE.value);
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_PAE);
    vmwrite(VMCS_GUEST_CR3, free_page(0).value);
    for (unsigned i = 0; i < ARRAY_SIZE(pdptes); i++) {
        vmwrite(*pdptes[i], i < 2 ? table[0] : 0);
    }
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read through PDPTE 1", rig_gpr(rig, RAX), KNOWN);
        for (unsigned i = 0; i < ARRAY_SIZE(pdptes); i++) {
            rig_want(rig, "a PDPTE as the VM exit saves it", vmread(*pdptes[i]),
                     i < 2 ? table[0] : 0);
        }
    }
    if (!rig_can_switch(rig, CONTROL_PRIMARY, PRIMARY_CR3_LOAD, false)) {
        return; /* MOV to CR3 exits */
    }
    want_page_fault(rig, WINDOW_PAE + RIG_PAGE_A.value, 0, RIG_CODE_32);
    if (!rig->failed) {
        rig_want(rig, "PDPTE 0 after MOV to CR3", vmread(VMCS_GUEST_PDPTE0), table[0]);
        rig_want(rig, "PDPTE 1 after MOV to CR3", vmread(VMCS_GUEST_PDPTE1), 0);
    }
}

/* A page fault and #GP, each from CPL 3 to a handler at CPL 0, and VMCALL, which exits at any. */
static void user(struct rig *rig)
{
    uint64_t *directory = rig_memory(rig, GPA(RIG_TABLES.value + 2 * PAGE_SIZE));

    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = KNOWN;
    rig_go_user(rig, RIG_CODE.value);
    directory[SUPERVISORS / (2 * MIB)] = GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS;
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "CS as the guest reads it", rig_gpr(rig, RBX), RIG_USER_CODE_64);
        rig_want(rig, "what a user's page holds", rig_gpr(rig, RAX), KNOWN);
    }
    want_page_fault(rig, SUPERVISORS, PF_P | PF_US, RIG_USER_CODE_64);
    rig_return(rig, rig->event.rip + 8); /* MOV RAX, [disp32] */
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the error code of CLI", rig->event.error_code, 0);
        rig_want(rig, "SS on the stack", rig->event.ss, RIG_USER_DATA);
        rig_want(rig, "RSP on the stack", rig->event.rsp, rig_gpr(rig, RCX));
        rig_want(rig, "CPL in the handler", vmread(VMCS_GUEST_CS_SELECTOR) & 3, 0);
    }
    rig_return(rig, rig->event.rip + 1);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CPL after IRET", vmread(VMCS_GUEST_CS_SELECTOR) & 3, 3);
    }
}

/* 32-bit code in IA-32e mode: its exceptions go to a 64-bit handler, and back. */
static void compatibility(struct rig *rig)
{
    const uint64_t rights_code_32 = 0xC09B;

    vmwrite(VMCS_GUEST_CS_SELECTOR, RIG_CODE_32);
    vmwrite(VMCS_GUEST_CS_AR, rights_code_32);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what DEC EAX, NOP make of 0", rig_gpr(rig, RAX), UINT32_MAX);
        rig_want(rig, "EFER.LMA", vmread(VMCS_GUEST_EFER) & EFER_LMA, EFER_LMA);
        rig_want(rig, "CS as the guest reads it", rig_gpr(rig, RBX), RIG_CODE_32);
    }
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the selector on the stack", rig->event.cs, RIG_CODE_32);
        rig_want(rig, "CS in the handler", vmread(VMCS_GUEST_CS_SELECTOR), RIG_CODE_64);
    }
    rig_return(rig, rig->event.rip + 2);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CS after IRET", vmread(VMCS_GUEST_CS_SELECTOR), RIG_CODE_32);
        rig_want(rig, "its rights after IRET", vmread(VMCS_GUEST_CS_AR), rights_code_32);
    }
}

/*
 * A linear address of 57 bits, which is not canonical with four levels. The guest goes to 64-bit
 * mode by itself, and with five levels back again: so VM entry and exit change CR4.LA57 while
 * neither side uses it.
 */
static void five_level(struct rig *rig)
{
    uint64_t *top = rig_memory(rig, free_page(0));
    uint64_t idt = vmread(VMCS_GUEST_IDTR_BASE);
    uint64_t cr4;

    if (!(rig->operation->capabilities.cr4_fixed1 & CR4_LA57)) {
        rig_skip(rig, "IA32_VMX_CR4_FIXED1 bit 12 (CR4.LA57)");
        return;
    }
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = KNOWN;
    top[0] = top[1] = RIG_TABLES.value | GUEST_PTE_P | GUEST_PTE_RW;
    rig_go_protected(rig, false, RIG_CODE.value);
    rig->mode = RIG_LONG; /* whose IDT is used, if any */
    vmwrite(VMCS_GUEST_IDTR_BASE, idt);
    vmwrite(VMCS_GUEST_EFER, EFER_LME);
    vmwrite(VMCS_CR0_MASK, 0);
    vmwrite(VMCS_CR4_MASK, 0);
    cr4 = vmread(VMCS_GUEST_CR4) | CR4_PAE;
    rig_set_gpr(rig, RBX, cr4 | CR4_LA57);
    rig_set_gpr(rig, RCX, free_page(0).value);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read at 2^48 + PAGE_A", rig_gpr(rig, RSI), KNOWN);
        rig_want(rig, "CR4.LA57 while the guest was there", rig_gpr(rig, RDI) & CR4_LA57, CR4_LA57);
    }
    rig_set_gpr(rig, RBX, cr4);
    rig_set_gpr(rig, RCX, RIG_TABLES.value);
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the error code", rig->event.error_code, 0);
        rig_want(rig, "the address", rig_gpr(rig, RDX), BIT(48) + RIG_PAGE_A.value);
    }
}

static const struct scenario scenarios[] = {
    {"modes.protected_paging", SCENARIO_CODE(modes_window_32), .run = protected_paging},
    {"modes.pae", SCENARIO_CODE(modes_pae), .run = pae},
    {"modes.user", SCENARIO_CODE(modes_user), .run = user},
    {"modes.compatibility", SCENARIO_CODE(modes_compatibility), .run = compatibility},
    {"modes.five_level", SCENARIO_CODE(modes_five_level), .run = five_level,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_UNRESTRICTED}}},
};

SCENARIO_SUITE(selftest_modes_paging, scenarios);
