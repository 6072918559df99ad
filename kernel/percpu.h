/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What belongs to one logical processor. GS.base points to it; nothing in it is written by another
 * processor. With struct vm and struct vcpu it holds
 * all state that changes while guests run; what is one for the whole machine (the page allocator,
 * the consoles, the clock) belongs to the file that owns it.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include "kernel/descriptors.h"
#include "kernel/types.h"

struct fault_recovery;

struct percpu {
    struct percpu *self;      /* first: read through GS:0 */
    unsigned number;          /* the N of cpuN: the order of the MADT, the boot processor 0 */
    uint32_t nmi_count;       /* NMIs that came while the hypervisor ran */
    bool takes_interrupts;    /* local_apic_take_interrupts() is at work; */
    uint8_t interrupt_vector; /* the newest that came meanwhile */
    struct fault_recovery *recovery; /* where an exception goes on instead of a panic, or NULL */
    bool log_muted;                  /* log_mute() */
    unsigned panics;                 /* depth: a panic inside a panic says less */
    uint64_t pages_held;             /* taken here, less those given back here */
    void *tenant;                    /* what a higher room runs here; the base never looks at it, */
    uint64_t counted;                /* nor at what it counts here: VMX instructions */
    struct gdt gdt;
    struct tss tss;
};

/* The running processor's area. */
static inline struct percpu *this_cpu(void)
{
    struct percpu *self;

    __asm__("mov %%gs:0, %0" : "=r"(self));
    return self;
}

/* Points GS.base to `cpu` and fills in what this_cpu() needs. */
void percpu_install(struct percpu *cpu, unsigned number);

#endif
