/* SPDX-License-Identifier: BSD-2-Clause */
/* Between processors.c, trampoline.c and processor_start.asm: one processor's start. */
#ifndef KERNEL_PROCESSOR_START_H
#define KERNEL_PROCESSOR_START_H

#include "kernel/percpu.h"
#include "kernel/processors.h"

#define PROCESSOR_BYTES 64 /* a line of the cache: no two processors write the same */

enum processor_state { PROCESSOR_AWAITED, PROCESSOR_IDLE, PROCESSOR_ASKED, PROCESSOR_HALTED };

struct processor {
    uint32_t apic_id; /* first, then the stack: processor_start.asm */
    unsigned number;
    void *stack; /* its top */
    struct percpu *cpu;
    processor_work *work;
    void *context;
    unsigned asker; /* who gave the work, and is woken after it */
    uint32_t state; /* enum processor_state, read and written by both sides */
    uint32_t nmis_sent, nmis_taken;
    uint64_t reserved;
};

/* Fills the page below 1 MiB, in which a started processor begins in real-address mode. */
void trampoline_fill(hpa_t page);

#endif
