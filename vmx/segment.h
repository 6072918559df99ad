/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment register as the VMCS has it, in words. Pure. SDM vol. 3C, "Guest Register State". */
#ifndef VMX_SEGMENT_H
#define VMX_SEGMENT_H

#include "kernel/log.h"
#include "vmx/vmcs_index.h"

#define RIGHTS_TYPE     BITS(3, 0)
#define RIGHTS_S        BIT(4)
#define RIGHTS_DPL      BITS(6, 5) /* of SS: the CPL */
#define RIGHTS_P        BIT(7)
#define RIGHTS_AVL      BIT(12)
#define RIGHTS_L        BIT(13)
#define RIGHTS_DB       BIT(14)
#define RIGHTS_G        BIT(15)
#define RIGHTS_UNUSABLE BIT(16)
#define RIGHTS_RESERVED (BITS(31, 17) | BITS(11, 8))

#define SEGMENTS 8 /* CS, SS, DS, ES, FS, GS, LDTR, TR */

enum segment_part {
    SEGMENT_SELECTOR,
    SEGMENT_BASE,
    SEGMENT_LIMIT,
    SEGMENT_RIGHTS,
    SEGMENT_PARTS,
};

/* The index of the field that holds a part of a segment, which is below SEGMENTS. */
unsigned segment_field(unsigned segment, enum segment_part part);

/* "busy 32/64-bit TSS, present, DPL 0". */
void segment_rights_text(uint64_t rights, char *text, size_t size);

/* What a record says of a segment, from a blank on; the second is empty unless there is too much
 * for one. */
struct segment_lines {
    char first[LOG_ROOM + 1], second[LOG_ROOM + 1];
};

/* Writes it, in records of at most `room` characters. */
void segment_text(unsigned segment, const uint64_t value[SEGMENT_PARTS], size_t room,
                  struct segment_lines *lines);

#endif
