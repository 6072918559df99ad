/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM exit tells of the instruction that caused it. SDM vol. 3C, "Basic VM-Exit Information",
 * "Information for VM Exits Due to Instruction Execution".
 */
#ifndef SELFTEST_INSTRUCTION_H
#define SELFTEST_INSTRUCTION_H

#include "selftest/rig.h"

/* Bits of the VM-exit instruction information; those outside `mask` are undefined. */
struct information {
    uint32_t bits, mask;
};

struct instruction_exit {
    enum exit_reason reason;
    unsigned length;
    uint64_t qualification; /* 0 where the reason has none */
    struct information information;
};

/* Segment registers and sizes of addresses, as the instruction information has them. */
enum segment_number { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS };
enum address_size { ADDRESS_16, ADDRESS_32, ADDRESS_64 };

/* An operand in memory: [base + index << scale]. GPRS: without the register. */
struct memory_operand {
    enum address_size size;
    enum segment_number segment;
    enum gpr base, index;
    unsigned scale;
};

struct information information_of_memory(struct memory_operand operand);

/* An operand that is a register, of an instruction that can have one in memory. */
struct information information_of_register(enum gpr gpr);

/* The same, with the instruction's second operand, or with its identity: what tells LGDT from SIDT.
 */
struct information information_with_second(struct information information, enum gpr gpr);
struct information information_with_identity(struct information information, unsigned identity);

/* The layout of RDRAND, RDSEED, TPAUSE and UMWAIT: a register of 16, 32 or 64 bits. */
struct information information_of_operand(enum gpr gpr, unsigned operand_bits);

/* Enters the guest, wants that exit with all that comes with it, and skips the instruction. False:
 * something else came; the scenario has failed. */
bool want_instruction(struct rig *rig, struct instruction_exit want);

/* The same of one after the other. */
void want_instructions(struct rig *rig, const struct instruction_exit *want, unsigned count);

/* Enters the guest and wants it to come to its next VMCALL, which is skipped. */
bool want_vmcall(struct rig *rig);

/*
 * Wants REPEATED's instruction to exit with the control, and to be executed without it. `group` and
 * `bit` are the control's.
 */
void want_both_sides(struct rig *rig, enum control_group group, uint32_t bit,
                     struct instruction_exit want);

#endif
