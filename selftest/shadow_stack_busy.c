/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenario of the secondary VM-exit control "prematurely busy shadow stack". SDM vol. 3C,
 * "Basic VM-Exit Information", "VM-Exit Controls"; vol. 1, "Supervisor Shadow Stack Token".
 */
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_busy[], code_busy_end[];

#define VECTOR      UINT64_C(0x21)
#define REASON_BUSY BIT(25)
#define TOKEN       (RIG_ROOMY - PAGE_SIZE) /* the first of its page */
#define TOKEN_BUSY  BIT(0)
#define STACK_TOP   (RIG_ROOMY - 64 * KIB)

/* INT changes to another shadow stack, by the gate's IST: its token becomes busy, and then nothing
 * can be pushed, as the page below cannot be written. */
static void prepare(struct rig *rig)
{
    uint64_t *directory = rig_memory(rig, GPA(RIG_TABLES.value + 2 * PAGE_SIZE));
    uint64_t *gates = rig_memory(rig, GPA(vmread(VMCS_GUEST_IDTR_BASE)));
    uint64_t *table = rig_memory(rig, RIG_PAGE_B);
    uint64_t *token = rig_memory(rig, GPA(TOKEN));
    uint8_t *tss = rig_memory(rig, RIG_TSS);
    const uint64_t stack = RIG_STACK;

    directory[1] = (directory[1] & ~GUEST_PTE_RW) | GUEST_PTE_D;
    gates[VECTOR * 2] |= UINT64_C(1) << 32; /* IST 1 */
    memcpy(tss + 36, &stack, sizeof(stack));
    table[1] = TOKEN;
    *token = TOKEN;
    rig_protect(rig, GPA(TOKEN - PAGE_SIZE), EPT_READ);
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_CET);
    vmwrite(VMCS_GUEST_S_CET, S_CET_SH_STK_EN);
    vmwrite(VMCS_GUEST_SSP, STACK_TOP);
    vmwrite(VMCS_GUEST_INTERRUPT_SSP_TABLE, RIG_PAGE_B.value);
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
    {"exit2.prematurely_busy", SCENARIO_CODE(busy), .run = prematurely_busy, .roomy = true,
     .needs = {{[CONTROL_ENTRY] = ENTRY_LOAD_CET, [CONTROL_EXIT2] = EXIT2_PREMATURELY_BUSY}}},
};

SCENARIO_SUITE(selftest_shadow_stack_busy, scenarios);
