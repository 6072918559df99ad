/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/mov_decode.h"

#include "kernel/string.h"

#define REX_PREFIX     0x40 /* to 4FH, in 64-bit mode */
#define REX_R          BIT(2)
#define REX_W          BIT(3)
#define MOV_FROM_GPR   0x89
#define MOV_TO_GPR     0x8B
#define MOV_FROM_EAX   0xA3 /* to the address that follows */
#define MOV_TO_EAX     0xA1
#define MOV_IMMEDIATE  0xC7
#define MODRM_REGISTER 3 /* Mod: no memory operand */
#define RM_SIB         4
#define RM_DISPLACED   5 /* with Mod 0: a displacement alone */

struct reader {
    const uint8_t *bytes;
    unsigned count, at;
    bool short_of; /* more bytes were wanted than there are */
};

static uint8_t next(struct reader *reader)
{
    if (reader->at == reader->count) {
        reader->short_of = true;
        return 0;
    }
    return reader->bytes[reader->at++];
}

static void skip(struct reader *reader, unsigned count)
{
    while (count-- != 0) {
        (void)next(reader);
    }
}

/* SIB byte and displacement behind a ModR/M byte. SDM vol. 2A, "ModR/M and SIB Bytes". */
static void skip_address(struct reader *reader, uint8_t modrm)
{
    unsigned mod = modrm >> 6;
    unsigned rm = modrm & 7;

    if (rm == RM_SIB && (next(reader) & 7) == RM_DISPLACED && mod == 0) {
        skip(reader, 4);
    }
    if (mod == 1) {
        skip(reader, 1);
    } else if (mod == 2 || (mod == 0 && rm == RM_DISPLACED)) {
        skip(reader, 4);
    }
}

static uint32_t immediate(struct reader *reader)
{
    uint32_t value = 0;

    for (unsigned shift = 0; shift < 32; shift += 8) {
        value |= (uint32_t)next(reader) << shift;
    }
    return value;
}

/* The operand that is not memory; false: there are two registers. */
static bool operand(struct reader *reader, uint8_t opcode, uint8_t rex, struct mov *mov)
{
    uint8_t modrm = next(reader);

    if (modrm >> 6 == MODRM_REGISTER) {
        return false;
    }
    skip_address(reader, modrm);
    mov->gpr = (modrm >> 3 & 7) | (rex & REX_R ? 8U : 0);
    if (opcode == MOV_IMMEDIATE) {
        mov->value = immediate(reader);
        mov->immediate = true;
        return (modrm >> 3 & 7) == 0;
    }
    return true;
}

enum status mov_decode(const uint8_t *bytes, unsigned count, bool code_64, struct mov *mov)
{
    struct reader reader = {.bytes = bytes, .count = MIN(count, (unsigned)INSTRUCTION_LONGEST)};
    uint8_t opcode = next(&reader);
    uint8_t rex = 0;
    bool known;

    *mov = (struct mov){0};
    if (code_64 && (opcode & 0xF0) == REX_PREFIX) {
        rex = opcode;
        opcode = next(&reader);
    }
    mov->write = opcode == MOV_FROM_GPR || opcode == MOV_FROM_EAX || opcode == MOV_IMMEDIATE;
    if (opcode == MOV_FROM_EAX || opcode == MOV_TO_EAX) {
        skip(&reader, code_64 ? 8 : 4);
        known = true; /* register 0 */
    } else {
        known = (mov->write || opcode == MOV_TO_GPR) && operand(&reader, opcode, rex, mov);
    }
    mov->length = reader.at;
    return known && !(rex & REX_W) && !reader.short_of ? STATUS_OK : STATUS_UNSUPPORTED;
}
