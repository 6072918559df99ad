/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the guest/host masks and read shadows of CR0 and CR4, and of the PDPTEs. SDM vol.
 * 3C, "Guest/Host Masks and Read Shadows for CR0 and CR4", "Changes to Instruction Behavior in VMX
 * Non-Root Operation", "Exit Qualification for Control-Register Accesses", "Loading
 * Page-Directory-Pointer-Table Entries".
 */
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_cr0_mask[], code_cr0_mask_end[];
extern const char code_cr4_mask[], code_cr4_mask_end[];
extern const char code_clts[], code_clts_end[];
extern const char code_lmsw[], code_lmsw_end[];
extern const char code_smsw[], code_smsw_end[];
extern const char code_pdptes[], code_pdptes_end[];

#define ACCESS_TYPE    BITS(5, 4)
#define ACCESS_MEMORY  BIT(6) /* LMSW's operand */
#define ACCESS_GPR     BITS(11, 8)
#define ACCESS_SOURCE  BITS(31, 16)
#define MOV_FROM_R9(n) (FIELD_PUT(ACCESS_GPR, R9) | (n))

struct control_register {
    unsigned number;
    const struct vmcs_field *mask, *shadow, *guest;
    uint64_t owned, free; /* a bit of each kind, both 0 at first */
};

/* The guest reads owned bits from the shadow, and others as they are; what it writes to others is
 * done, and a write that would change an owned bit exits. With an empty mask all are its own. */
static void try_mask(struct rig *rig, const struct control_register *cr)
{
    uint64_t real = vmread(*cr->guest);

    vmwrite(*cr->mask, cr->owned);
    vmwrite(*cr->shadow, real | cr->owned | cr->free);
    if (rig_expect_and_skip(rig, EXIT_CONTROL_REGISTER)) {
        rig_want(rig, "the qualification", rig->exit->qualification, MOV_FROM_R9(cr->number));
        rig_want(rig, "the length", rig->exit->length, 4);
        rig_want(rig, "what the guest read", rig_gpr(rig, RBX), real | cr->owned);
        rig_want_field(rig, *cr->guest, real | cr->free);
        rig_want(rig, "what it was to be", rig_gpr(rig, R9), real | cr->free);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the guest reads again", rig_gpr(rig, RDI), real | cr->owned | cr->free);
    }
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    vmwrite(*cr->mask, 0);
    vmwrite(*cr->shadow, 0);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the guest reads without a mask", rig_gpr(rig, RBX), real | cr->free);
        rig_want(rig, "what it has written", rig_gpr(rig, RDI), real | cr->owned | cr->free);
        rig_want_field(rig, *cr->guest, real | cr->owned | cr->free);
    }
}

static void cr0_mask(struct rig *rig)
{
    static const struct control_register cr0 = {
        0, &VMCS_CR0_MASK, &VMCS_CR0_SHADOW, &VMCS_GUEST_CR0, CR0_TS, CR0_AM};

    try_mask(rig, &cr0);
}

static void cr4_mask(struct rig *rig)
{
    static const struct control_register cr4 = {
        4, &VMCS_CR4_MASK, &VMCS_CR4_SHADOW, &VMCS_GUEST_CR4, CR4_TSD, CR4_DE};

    try_mask(rig, &cr4);
}

/* TS, and whose it is. */
static void set_ts(bool owned, bool shadow, bool real)
{
    uint64_t cr0 = vmread(VMCS_GUEST_CR0) & ~CR0_TS;

    vmwrite(VMCS_CR0_MASK, owned ? CR0_TS : 0);
    vmwrite(VMCS_CR0_SHADOW, shadow ? cr0 | CR0_TS : cr0);
    vmwrite(VMCS_GUEST_CR0, real ? cr0 | CR0_TS : cr0);
}

/* CLTS exits where TS is owned and its shadow is 1; where the shadow is 0, it does nothing; where
 * TS is the guest's, it clears it. */
static void clts(struct rig *rig)
{
    set_ts(true, true, false);
    if (rig_expect_and_skip(rig, EXIT_CONTROL_REGISTER)) {
        rig_want(rig, "the qualification", rig->exit->qualification,
                 FIELD_PUT(ACCESS_TYPE, CR_CLTS));
        rig_want(rig, "the length", rig->exit->length, 2);
    }
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "TS as the guest reads it", rig_gpr(rig, RBX), CR0_TS, CR0_TS);
    }
    set_ts(true, false, true);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "TS as the guest reads it", rig_gpr(rig, RBX), CR0_TS, 0);
        rig_want_bits(rig, "TS itself", vmread(VMCS_GUEST_CR0), CR0_TS, CR0_TS);
    }
    set_ts(false, true, true);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "the guest's own TS", vmread(VMCS_GUEST_CR0), CR0_TS, 0);
    }
}

/* LMSW of a register and of memory: the qualification has the source. What it has of the owned bits
 * may be as the shadow has them, and PE 0: then it is done. */
static void lmsw(struct rig *rig)
{
    const uint16_t source = 0x5A5A & ~(CR0_PE | CR0_MP | CR0_EM);

    set_ts(true, false, false);
    vmwrite(VMCS_CR0_MASK, CR0_TS | CR0_PE);
    *(uint16_t *)rig_memory(rig, RIG_PAGE_A) = source | CR0_EM;
    rig_set_gpr(rig, RAX, source);
    if (rig_expect_and_skip(rig, EXIT_CONTROL_REGISTER)) {
        rig_want(rig, "the qualification", rig->exit->qualification,
                 FIELD_PUT(ACCESS_TYPE, CR_LMSW) | FIELD_PUT(ACCESS_SOURCE, source));
        rig_want(rig, "the length", rig->exit->length, 3);
    }
    if (rig_expect_and_skip(rig, EXIT_CONTROL_REGISTER)) {
        rig_want(rig, "the qualification", rig->exit->qualification,
                 FIELD_PUT(ACCESS_TYPE, CR_LMSW) | ACCESS_MEMORY |
                     FIELD_PUT(ACCESS_SOURCE, source | CR0_EM));
        rig_want(rig, "the linear address", rig->exit->linear.value, RIG_PAGE_A.value);
        rig_want(rig, "the length", rig->exit->length, 8);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "CR0 after LMSW", vmread(VMCS_GUEST_CR0),
                      CR0_PE | CR0_MP | CR0_EM | CR0_TS, CR0_PE | CR0_EM);
    }
}

/* SMSW sees what a MOV from CR0 sees. */
static void smsw(struct rig *rig)
{
    uint64_t seen;

    set_ts(true, true, false);
    seen = vmread(VMCS_GUEST_CR0) | CR0_TS;
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR0 by MOV", rig_gpr(rig, RAX), seen);
        rig_want(rig, "CR0's low word by SMSW", rig_gpr(rig, RBX), seen & UINT16_MAX);
        rig_want(rig, "the same to memory", *(uint16_t *)rig_memory(rig, RIG_PAGE_A),
                 seen & UINT16_MAX);
    }
    set_ts(false, false, true);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "the guest's own TS by SMSW", rig_gpr(rig, RBX), CR0_TS, CR0_TS);
    }
}

/* With EPT, a guest with PAE paging gets its PDPTEs from the fields, whatever its memory has; its
 * MOV to CR3 reads memory; an exit saves them. */
static void pdptes(struct rig *rig)
{
    uint64_t *directory = rig_memory(rig, RIG_PAGE_A);
    uint64_t *pointers = rig_memory(rig, RIG_PAGE_B);
    uint64_t pdpte = RIG_PAGE_A.value | GUEST_PTE_P;

    for (uint64_t i = 0; i < 512; i++) {
        directory[i] = i * 2 * MIB | GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS;
    }
    pointers[0] = pdpte; /* the page that CR3 has first stays empty */
    pointers[3] = pdpte;
    rig_go_protected(rig, true, RIG_CODE.value);
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_PAE);
    vmwrite(VMCS_CR4_SHADOW, vmread(VMCS_CR4_SHADOW) | CR4_PAE);
    vmwrite(VMCS_GUEST_CR3, RIG_PAGE_C.value);
    vmwrite(VMCS_GUEST_PDPTE0, pdpte);
    vmwrite(VMCS_GUEST_PDPTE1, pdpte);
    vmwrite(VMCS_GUEST_PDPTE2, 0);
    vmwrite(VMCS_GUEST_PDPTE3, 0);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read by PDPTE1", rig_gpr(rig, RBX), pdpte);
        rig_want_field(rig, VMCS_GUEST_PDPTE1, pdpte);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read by PDPTE3", rig_gpr(rig, RBX), pdpte);
        rig_want_field(rig, VMCS_GUEST_PDPTE0, pdpte);
        rig_want_field(rig, VMCS_GUEST_PDPTE1, 0);
        rig_want_field(rig, VMCS_GUEST_PDPTE3, pdpte);
    }
}

static const struct scenario scenarios[] = {
    {"cr.cr0_mask", SCENARIO_CODE(cr0_mask), .run = cr0_mask},
    {"cr.cr4_mask", SCENARIO_CODE(cr4_mask), .run = cr4_mask},
    {"cr.clts", SCENARIO_CODE(clts), .run = clts},
    {"cr.lmsw", SCENARIO_CODE(lmsw), .run = lmsw},
    {"cr.smsw", SCENARIO_CODE(smsw), .run = smsw},
    {"cr.pdptes", SCENARIO_CODE(pdptes), .run = pdptes},
};

SCENARIO_SUITE(selftest_cr_masks, scenarios);
