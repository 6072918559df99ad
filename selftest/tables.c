/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of descriptor-table exiting. SDM vol. 3C, "Instructions That Cause VM Exits
 * Conditionally", "Information for VM Exits Due to Instruction Execution": the tables for LIDT,
 * LGDT, SIDT, SGDT and for LLDT, LTR, SLDT, STR.
 */
#include "kernel/string.h"
#include "selftest/instruction.h"

extern const char code_tables[], code_tables_end[];
extern const char code_tables_store[], code_tables_store_end[];
extern const char code_tables_protected[], code_tables_protected_end[];

/* The instruction's identity. */
enum { ID_SGDT = 0, ID_SIDT = 1, ID_LGDT = 2, ID_LIDT = 3 };
enum { ID_SLDT = 0, ID_STR = 1, ID_LLDT = 2, ID_LTR = 3 };

#define OPERAND_SIZE_32 BIT(11)

static struct information identified(struct memory_operand operand, unsigned identity)
{
    return information_with_identity(information_of_memory(operand), identity);
}

static struct information identified_register(enum gpr gpr, unsigned identity)
{
    return information_with_identity(information_of_register(gpr), identity);
}

static void want_exits(struct rig *rig)
{
    const struct memory_operand base = {ADDRESS_64, SEGMENT_DS, RBX, GPRS, 0};
    const struct memory_operand scaled = {ADDRESS_64, SEGMENT_DS, R8, R9, 3};
    const struct memory_operand narrow = {ADDRESS_32, SEGMENT_DS, RBX, GPRS, 0};
    const struct instruction_exit want[] = {
        {EXIT_GDTR_OR_IDTR, 3, 0, identified(base, ID_SGDT)},
        {EXIT_GDTR_OR_IDTR, 4, 0x10, identified(base, ID_SIDT)},
        {EXIT_GDTR_OR_IDTR, 9, 0x1234, identified(scaled, ID_LGDT)},
        {EXIT_GDTR_OR_IDTR, 4, 0, identified(narrow, ID_LIDT)},
        {EXIT_LDTR_OR_TR, 3, 0, identified_register(RAX, ID_SLDT)},
        {EXIT_LDTR_OR_TR, 4, 0, identified_register(R9, ID_STR)},
        {EXIT_LDTR_OR_TR, 3, 0, identified_register(RCX, ID_LLDT)},
        {EXIT_LDTR_OR_TR, 3, 0, identified_register(RDX, ID_LTR)},
        {EXIT_LDTR_OR_TR, 4, 0x20, identified(base, ID_SLDT)},
        {EXIT_LDTR_OR_TR, 4, 0x20, identified(base, ID_STR)},
        {EXIT_LDTR_OR_TR, 4, 0x20, identified(base, ID_LLDT)},
        {EXIT_LDTR_OR_TR, 4, 0x20, identified(base, ID_LTR)},
    };

    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
}

static void descriptor_table(struct rig *rig)
{
    rig_set_gpr(rig, RBX, RIG_PAGE_A.value);
    rig_set_gpr(rig, RAX, 0x5EED);
    want_exits(rig);
    rig_want(rig, "RAX after the exit", rig_gpr(rig, RAX), 0x5EED);
    rig_want(rig, "the memory of SGDT's operand", *(uint64_t *)rig_memory(rig, RIG_PAGE_A), 0);
}

struct PACKED stored {
    struct descriptor_table gdtr;
    uint8_t gap[6];
    struct descriptor_table idtr;
};

/* Without the control each is executed, by a guest that stores, loads and stores again. */
static void executed(struct rig *rig)
{
    const struct stored *stored = rig_memory(rig, RIG_PAGE_A);

    rig_set_gpr(rig, RBX, RIG_PAGE_A.value);
    if (!rig_expect(rig, EXIT_GDTR_OR_IDTR) ||
        !rig_switch(rig, CONTROL_SECONDARY, SECONDARY_DESCRIPTOR_TABLE, false)) {
        return;
    }
    if (want_vmcall(rig)) {
        rig_want(rig, "GDTR's base as stored", stored->gdtr.base, vmread(VMCS_GUEST_GDTR_BASE));
        rig_want(rig, "GDTR's limit as stored", stored->gdtr.limit, vmread(VMCS_GUEST_GDTR_LIMIT));
        rig_want(rig, "IDTR's base as stored", stored->idtr.base, vmread(VMCS_GUEST_IDTR_BASE));
        rig_want(rig, "LDTR's selector as stored", rig_gpr(rig, RAX), 0);
        rig_want(rig, "TR's selector as stored", rig_gpr(rig, RCX), RIG_TSS_SELECTOR);
    }
    if (want_vmcall(rig)) {
        rig_want(rig, "GDTR's limit as loaded", vmread(VMCS_GUEST_GDTR_LIMIT),
                 stored->gdtr.limit - 8U);
        rig_want(rig, "IDTR's limit as loaded", vmread(VMCS_GUEST_IDTR_LIMIT),
                 stored->idtr.limit - 16U);
        rig_want(rig, "TR's selector as loaded", vmread(VMCS_GUEST_TR_SELECTOR), RIG_TSS_SELECTOR);
    }
}

/* Outside 64-bit mode, addresses have 16 or 32 bits. */
static void protected_mode(struct rig *rig)
{
    const struct memory_operand base = {ADDRESS_32, SEGMENT_DS, RBX, GPRS, 0};
    const struct memory_operand narrow = {ADDRESS_16, SEGMENT_DS, RBX, RSI, 0};
    const struct instruction_exit want[] = {
        {EXIT_GDTR_OR_IDTR, 3, 0, identified(base, ID_LGDT)},
        {EXIT_GDTR_OR_IDTR, 4, 0, identified(base, ID_LGDT)},
        {EXIT_GDTR_OR_IDTR, 6, 0x1234, identified(narrow, ID_SIDT)},
        {EXIT_LDTR_OR_TR, 4, 0, identified(narrow, ID_STR)},
    };

    rig_go_protected(rig, true, RIG_CODE.value);
    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
}

/* And the operand size is told, by a bit that is undefined in 64-bit mode. */
static void operand_size(struct rig *rig)
{
    struct instruction_exit want = {EXIT_GDTR_OR_IDTR, 3, 0, {OPERAND_SIZE_32, OPERAND_SIZE_32}};

    rig_go_protected(rig, true, RIG_CODE.value);
    (void)want_instruction(rig, want);
    want.length = 4;
    want.information.bits = 0;
    (void)want_instruction(rig, want);
}

static const struct scenario scenarios[] = {
    {"secondary.descriptor_table", SCENARIO_CODE(tables), .run = descriptor_table,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_DESCRIPTOR_TABLE}},
     .known_of_many = KNOWN_STALE_DISPLACEMENT},
    {"secondary.descriptor_table.executed", SCENARIO_CODE(tables_store), .run = executed,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_DESCRIPTOR_TABLE}}},
    {"secondary.descriptor_table.protected", SCENARIO_CODE(tables_protected), .run = protected_mode,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_DESCRIPTOR_TABLE}}},
    {"secondary.descriptor_table.operand_size", SCENARIO_CODE(tables_protected),
     .run = operand_size, .needs = {{[CONTROL_SECONDARY] = SECONDARY_DESCRIPTOR_TABLE}},
     .known_wrong = {"bochs-3.0", "does not tell the operand size"}},
};

SCENARIO_SUITE(selftest_tables, scenarios);
