/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for numbers, out of the tables. Pure. */
#ifndef VMX_NAMES_H
#define VMX_NAMES_H

#include "kernel/types.h"

/* What a VM exit leaves valid, by basic exit reason. */
enum exit_has {
    EXIT_HAS_LENGTH = 1,        /* VM-exit instruction length */
    EXIT_HAS_QUALIFICATION = 2, /* exit qualification */
    EXIT_HAS_LINEAR = 4,        /* guest-linear address, if the qualification says so */
    EXIT_HAS_PHYSICAL = 8,      /* guest-physical address */
    EXIT_HAS_INTERRUPTION = 16, /* VM-exit interruption information */
    EXIT_HAS_VECTORING = 32,    /* IDT-vectoring information */
    EXIT_HAS_INSTRUCTION = 64,  /* VM-exit instruction information */
};

#define NOTE(text)
#define EXIT_REASON(code, symbol, has, title) EXIT_##symbol = (code),
enum exit_reason {
#include "vmx/exit_reasons.def"
    EXIT_REASONS = 80, /* one more than the highest */
};
#undef EXIT_REASON
#undef NOTE

/* "HLT" for 12, "UNKNOWN" for a reason that is not in the table. */
const char *exit_reason_name(unsigned reason);

/* The SDM's words: "I/O instruction" for 30. */
const char *exit_reason_title(unsigned reason);

/* Of enum exit_has, by row: the reason, or EXIT_REASONS for all that are not in the table. */
extern const uint8_t exit_has_table[EXIT_REASONS + 1];

static inline uint8_t exit_has(uint32_t reason)
{
    return exit_has_table[reason < EXIT_REASONS ? reason : EXIT_REASONS];
}

#endif
