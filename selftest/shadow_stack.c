/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of supervisor shadow stacks: SSP, and the secondary VM-exit control "prematurely busy
 * shadow stack". SDM vol. 3C, "Basic VM-Exit Information", "VM-Exit Controls"; vol. 1, "Supervisor
 * Shadow Stack Token".
 */
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_busy[], code_busy_end[];
extern const char code_cet_ssp[], code_cet_ssp_end[];

#define VECTOR      UINT64_C(0x21)
#define REASON_BUSY BIT(25)
#define TOKEN       (RIG_ROOMY - PAGE_SIZE) /* the first of its page */
#define TOKEN_BUSY  BIT(0)
#define STACK_TOP   (RIG_ROOMY - 64 * KIB)

/* The second 2 MiB of the guest become a shadow stack: read-only, and dirty. */
static void use_shadow_stack(struct rig *rig, uint64_t top, uint64_t table)
{
    uint64_t *directory = rig_memory(rig, GPA(RIG_TABLES.value + 2 * PAGE_SIZE));

    directory[1] = (directory[1] & ~GUEST_PTE_RW) | GUEST_PTE_D;
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_CET);
    vmwrite(VMCS_GUEST_S_CET, S_CET_SH_STK_EN);
    vmwrite(VMCS_GUEST_SSP, top);
    vmwrite(VMCS_GUEST_INTERRUPT_SSP_TABLE, table);
}

/* SSP is in no MSR: a guest reads it where shadow stacks are on. It is saved at each exit. */
static void entry_load_ssp(struct rig *rig)
{
    uint64_t top = RIG_ROOMY - PAGE_SIZE;
    uint64_t s_cet = rdmsr(MSR_IA32_S_CET);

    use_shadow_stack(rig, top, rdmsr(MSR_IA32_INTERRUPT_SSP));
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "SSP", rig_gpr(rig, RBX), top);
        rig_want_field(rig, VMCS_GUEST_SSP, top + 8);
    }
    wrmsr(MSR_IA32_S_CET, s_cet); /* the exit has left the guest's */
}

/* INT changes to another shadow stack, by the gate's IST: its token becomes busy, and then nothing
 * can be pushed, as the page below cannot be written. */
static void prepare(struct rig *rig)
{
    uint64_t *gates = rig_memory(rig, GPA(vmread(VMCS_GUEST_IDTR_BASE)));
    uint64_t *table = rig_memory(rig, RIG_PAGE_B);
    uint64_t *token = rig_memory(rig, GPA(TOKEN));
    uint8_t *tss = rig_memory(rig, RIG_TSS);
    const uint64_t stack = RIG_STACK;

    use_shadow_stack(rig, STACK_TOP, RIG_PAGE_B.value);
    gates[VECTOR * 2] |= UINT64_C(1) << 32; /* IST 1 */
    memcpy(tss + 36, &stack, sizeof(stack));
    table[1] = TOKEN;
    *token = TOKEN;
    rig_protect(rig, GPA(TOKEN - PAGE_SIZE), EPT_READ);
}

static void prematurely_busy(struct rig *rig)
{
    uint64_t *token = rig_memory(rig, GPA(TOKEN));
    uint64_t s_cet = rdmsr(MSR_IA32_S_CET);
    uint64_t table = rdmsr(MSR_IA32_INTERRUPT_SSP);

    prepare(rig);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want_bits(rig, "the exit reason's bit", vmread(VMCS_EXIT_REASON), REASON_BUSY,
                      REASON_BUSY);
        rig_want(rig, "guest-physical address", rig->exit->physical.value, TOKEN - 8);
        rig_want(rig, "the token", *token, TOKEN | TOKEN_BUSY);
    }
    *token = TOKEN;
    if (rig_switch(rig, CONTROL_EXIT2, EXIT2_PREMATURELY_BUSY, false) &&
        rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want_bits(rig, "the exit reason's bit", vmread(VMCS_EXIT_REASON), REASON_BUSY, 0);
    }
    wrmsr(MSR_IA32_S_CET, s_cet); /* the exits have left the guest's */
    wrmsr(MSR_IA32_INTERRUPT_SSP, table);
}

static const struct scenario scenarios[] = {
    {"entry.load_cet.ssp", SCENARIO_CODE(cet_ssp), .run = entry_load_ssp, .roomy = true,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_CET}}},
    {"exit2.prematurely_busy", SCENARIO_CODE(busy), .run = prematurely_busy, .roomy = true,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_CET, [CONTROL_EXIT2] = EXIT2_PREMATURELY_BUSY}}},
};

SCENARIO_SUITE(selftest_shadow_stack, scenarios);
