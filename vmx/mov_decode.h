/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few forms of MOV by which software reaches the registers of a device: from and to a general
 * register, and of an immediate, to and from memory, 32 bits wide. The processor tells the address
 * of an access, and not its value; that is what is read out here. Pure. SDM vol. 2, "MOV—Move".
 */
#ifndef VMX_MOV_DECODE_H
#define VMX_MOV_DECODE_H

#include "kernel/status.h"
#include "kernel/types.h"

#define INSTRUCTION_LONGEST 15 /* bytes */

struct mov {
    bool write;     /* to memory */
    bool immediate; /* `value` is written, else register `gpr` is written or read */
    unsigned gpr;   /* as in enum gpr */
    uint32_t value;
    unsigned length; /* of the instruction, in bytes */
};

/* Decodes the instruction at `bytes`, of which `count` are there; `code_64`: in 64-bit mode, else
 * with operands and addresses of 32 bits. STATUS_UNSUPPORTED: it is none of those. */
enum status mov_decode(const uint8_t *bytes, unsigned count, bool code_64,
                       struct mov *mov) NODISCARD;

#endif
