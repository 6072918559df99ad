/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/instruction.h"

#include "kernel/format.h"
#include "vmx/run.h"

#define INFORMATION_SCALE         BITS(1, 0)
#define INFORMATION_REGISTER      BITS(6, 3)
#define INFORMATION_ADDRESS_SIZE  BITS(9, 7)
#define INFORMATION_IS_REGISTER   BIT(10)
#define INFORMATION_OPERAND_SIZE  BITS(12, 11)
#define INFORMATION_SEGMENT       BITS(17, 15)
#define INFORMATION_INDEX         BITS(21, 18)
#define INFORMATION_INDEX_INVALID BIT(22)
#define INFORMATION_BASE          BITS(26, 23)
#define INFORMATION_BASE_INVALID  BIT(27)
#define INFORMATION_IDENTITY      BITS(29, 28)
#define INFORMATION_SECOND        BITS(31, 28)

static struct information with(struct information information, uint64_t mask, unsigned value)
{
    return (struct information){
        .bits = information.bits | (uint32_t)(value * (mask & -mask)),
        .mask = information.mask | (uint32_t)mask,
    };
}

struct information information_of_memory(struct memory_operand operand)
{
    struct information is = {0};

    is = with(is, INFORMATION_IS_REGISTER, 0);
    is = with(is, INFORMATION_ADDRESS_SIZE, operand.size);
    is = with(is, INFORMATION_SEGMENT, operand.segment);
    is = with(is, INFORMATION_INDEX_INVALID, operand.index == GPRS);
    is = with(is, INFORMATION_BASE_INVALID, operand.base == GPRS);
    if (operand.index != GPRS) {
        is = with(is, INFORMATION_INDEX, operand.index);
        is = with(is, INFORMATION_SCALE, operand.scale);
    }
    return operand.base != GPRS ? with(is, INFORMATION_BASE, operand.base) : is;
}

struct information information_of_register(enum gpr gpr)
{
    struct information is = with((struct information){0}, INFORMATION_IS_REGISTER, 1);

    return with(is, INFORMATION_REGISTER, gpr);
}

struct information information_with_second(struct information information, enum gpr gpr)
{
    return with(information, INFORMATION_SECOND, gpr);
}

struct information information_with_identity(struct information information, unsigned identity)
{
    return with(information, INFORMATION_IDENTITY, identity);
}

struct information information_of_operand(enum gpr gpr, unsigned operand_bits)
{
    struct information is = with((struct information){0}, INFORMATION_REGISTER, gpr);

    return with(is, INFORMATION_OPERAND_SIZE, operand_bits / 32);
}

static void want_detail(struct rig *rig, enum exit_reason reason, const char *detail,
                        uint64_t found, uint64_t want)
{
    char what[64];

    format_text(what, sizeof(what), "%s of %s", detail, exit_reason_name(reason));
    rig_want(rig, what, found, want);
}

bool want_instruction(struct rig *rig, struct instruction_exit want)
{
    struct information information = want.information;

    if (!rig_expect(rig, want.reason)) {
        return false;
    }
    want_detail(rig, want.reason, "instruction length", rig->exit->length, want.length);
    want_detail(rig, want.reason, "qualification", vmread(VMCS_EXIT_QUALIFICATION),
                want.qualification);
    if (information.mask != 0) {
        want_detail(rig, want.reason, "instruction information",
                    vmread(VMCS_EXIT_INSTRUCTION_INFO) & information.mask, information.bits);
    }
    want_detail(rig, want.reason, "interruption information's valid bit",
                vmread(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VALID, 0);
    want_detail(rig, want.reason, "IDT-vectoring information's valid bit",
                vmread(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID, 0);
    want_detail(rig, want.reason, "RFLAGS.RF", vmread(VMCS_GUEST_RFLAGS) & RFLAGS_RF, 0);
    if (!rig->failed) {
        vcpu_advance(rig->vcpu);
    }
    return !rig->failed;
}

void want_instructions(struct rig *rig, const struct instruction_exit *want, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)want_instruction(rig, want[i]);
    }
}

bool want_vmcall(struct rig *rig)
{
    return rig_expect_and_skip(rig, EXIT_VMCALL);
}

void want_both_sides(struct rig *rig, enum control_group group, uint32_t bit,
                     struct instruction_exit want)
{
    if (want_instruction(rig, want)) {
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, group, bit, false)) {
        (void)want_vmcall(rig);
    }
}
