/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own GDT, TSS and IDT. SDM vol. 3A, "Segment Descriptors", "Task Management in
 * 64-bit Mode", "Interrupt Descriptor Table".
 */
#ifndef KERNEL_DESCRIPTORS_H
#define KERNEL_DESCRIPTORS_H

#include "kernel/types.h"

struct percpu;

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Interrupt stack table: vectors whose stack must be good whatever the code did to its own. */
#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3

struct gdt {
    uint64_t entries[5]; /* null, code, data, TSS (two) */
};

struct PACKED tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* ist[n - 1] is IST n */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
};

/* Loads GDT, data and code segments, TSS and IDT of `cpu`. IST stacks are set by the caller. */
void descriptors_load(struct percpu *cpu);

#endif
