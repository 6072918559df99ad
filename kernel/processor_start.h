/* SPDX-License-Identifier: BSD-2-Clause */
/* Between processors.c, processors_start.c, trampoline.c and processor_start.asm. */
#ifndef KERNEL_PROCESSOR_START_H
#define KERNEL_PROCESSOR_START_H

#include "kernel/percpu.h"
#include "kernel/processors.h"

#define PROCESSOR_BYTES 64 /* a line of the cache: no two processors write the same */

enum processor_state {
    PROCESSOR_AWAITED, /* it has been started, or will be */
    PROCESSOR_IDLE,    /* it waits for work, */
    PROCESSOR_CALLED,  /* is being woken for it, */
    PROCESSOR_ASKED,   /* has some, */
    PROCESSOR_WORKS,   /* does it, */
    PROCESSOR_DONE,    /* and tells who gave it */
    PROCESSOR_LEFT,    /* it did not answer in time, and must not any more */
    PROCESSOR_HALTED,
};

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

/* All of them, and what they do on an NMI. */
struct processors {
    struct processor *list; /* of pages of their own; [0] is the boot processor */
    unsigned count;
    void (*prepare)(void);
    void (*nmi)(void);
    void (*leave)(void);
    bool halt; /* all but the one that says so */
    unsigned halter;
};

extern struct processors processors;

/* Makes of one that is awaited one that is there, or left. False: the other side was first. */
bool processor_claim(struct processor *processor, enum processor_state state);

/* Fills the page below 1 MiB, in which a started processor begins in real-address mode. */
void trampoline_fill(hpa_t page);

#endif
