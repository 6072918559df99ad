/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of the instructions of VMX, which exit whatever the controls are. SDM vol. 3C, "Basic
 * VM-Exit Information" for the displacement as qualification, "Information for VM Exits Due to
 * Instruction Execution" for their operands.
 */
#include "selftest/instruction.h"

extern const char code_vmx_plain[], code_vmx_plain_end[];
extern const char code_vmx_memory[], code_vmx_memory_end[];
extern const char code_vmx_read[], code_vmx_read_end[];
extern const char code_vmx_invalidate[], code_vmx_invalidate_end[];

#define DISPLACEMENT UINT64_C(0x1234)

static void plain(struct rig *rig)
{
    static const struct instruction_exit want[] = {
        {EXIT_VMCALL, .length = 3},
        {EXIT_VMLAUNCH, .length = 3},
        {EXIT_VMRESUME, .length = 3},
        {EXIT_VMXOFF, .length = 3},
    };

    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
}

/* One operand, in memory, in all its forms. */
static void memory(struct rig *rig)
{
    const struct memory_operand plain_base = {ADDRESS_64, SEGMENT_DS, RBX, GPRS, 0};
    const struct memory_operand scaled = {ADDRESS_64, SEGMENT_DS, RBX, RSI, 2};
    const struct memory_operand high = {ADDRESS_64, SEGMENT_GS, R13, R12, 3};
    const struct memory_operand narrow = {ADDRESS_32, SEGMENT_FS, GPRS, RDI, 2};
    const struct memory_operand stack = {ADDRESS_64, SEGMENT_SS, RSP, GPRS, 0};
    const struct memory_operand no_register = {ADDRESS_64, SEGMENT_DS, GPRS, GPRS, 0};
    const struct instruction_exit want[] = {
        {EXIT_VMCLEAR, 4, 0, information_of_memory(plain_base)},
        {EXIT_VMPTRLD, 8, DISPLACEMENT, information_of_memory(scaled)},
        {EXIT_VMPTRST, 7, -UINT64_C(8), information_of_memory(high)},
        {EXIT_VMXON, 11, DISPLACEMENT, information_of_memory(narrow)},
        {EXIT_VMCLEAR, 6, 0x10, information_of_memory(stack)},
        {EXIT_VMPTRLD, 8, RIG_PAGE_A.value, information_of_memory(no_register)},
    };
    /* Relative to RIP: the sum of the displacement and the next instruction's RIP. */
    const struct instruction_exit relative = {
        .reason = EXIT_VMPTRST, .length = 7, .qualification = RIG_CODE.value};

    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_instruction(rig, relative);
    (void)want_vmcall(rig);
}

/* VMREAD and VMWRITE, with a register or memory, without VMCS shadowing. */
static void read_and_write(struct rig *rig)
{
    const struct memory_operand at = {ADDRESS_64, SEGMENT_DS, R10, RCX, 3};
    const struct instruction_exit want[] = {
        {EXIT_VMREAD, 3, 0, information_with_second(information_of_register(RDX), RBX)},
        {EXIT_VMREAD, 4, 0, information_with_second(information_of_register(R9), RSI)},
        {EXIT_VMREAD, 9, DISPLACEMENT, information_with_second(information_of_memory(at), R15)},
        {EXIT_VMWRITE, 3, 0, information_with_second(information_of_register(RDX), RBX)},
        {EXIT_VMWRITE, 4, 0, information_with_second(information_of_register(RSI), R9)},
        {EXIT_VMWRITE, 9, DISPLACEMENT, information_with_second(information_of_memory(at), RBP)},
    };

    rig_set_gpr(rig, RDX, 0x5EED);
    want_instructions(rig, want, ARRAY_SIZE(want));
    rig_want(rig, "RDX after the exit", rig_gpr(rig, RDX), 0x5EED);
    (void)want_vmcall(rig);
}

/* The exit comes before the operands are looked at: the type here is none. */
static void invalidate(struct rig *rig)
{
    const struct memory_operand plain_base = {ADDRESS_64, SEGMENT_DS, RBX, GPRS, 0};
    const struct memory_operand scaled = {ADDRESS_64, SEGMENT_DS, RAX, R14, 1};
    const struct instruction_exit want[] = {
        {EXIT_INVEPT, 5, 0, information_with_second(information_of_memory(plain_base), RCX)},
        {EXIT_INVVPID, 5, 0, information_with_second(information_of_memory(plain_base), RCX)},
        {EXIT_INVEPT, 8, 0x40, information_with_second(information_of_memory(scaled), R11)},
        {EXIT_INVVPID, 8, 0x40, information_with_second(information_of_memory(scaled), R11)},
    };

    rig_set_gpr(rig, RCX, 0x5EED);
    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
}

static const struct scenario scenarios[] = {
    {"instruction.vmx.plain", SCENARIO_CODE(vmx_plain), .run = plain},
    {"instruction.vmx.memory", SCENARIO_CODE(vmx_memory), .run = memory},
    {"instruction.vmx.vmread", SCENARIO_CODE(vmx_read), .run = read_and_write,
     .known_of_many = KNOWN_STALE_DISPLACEMENT},
    {"instruction.vmx.invalidate", SCENARIO_CODE(vmx_invalidate), .run = invalidate},
};

SCENARIO_SUITE(selftest_vmx_instructions, scenarios);
