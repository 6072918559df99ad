/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the IDT, which all processors share and nobody changes after it is filled. */
#include "kernel/descriptors.h"

#include "kernel/cpu.h"
#include "kernel/percpu.h"

/* Access bytes and flags of SDM vol. 3A, "Segment Descriptors", in place. */
#define DESCRIPTOR_CODE UINT64_C(0x00AF9B000000FFFF) /* 64-bit code, accessed */
#define DESCRIPTOR_DATA UINT64_C(0x00CF93000000FFFF)
#define DESCRIPTOR_TSS  UINT64_C(0x0000890000000000) /* available 64-bit TSS */

#define GATE_INTERRUPT UINT64_C(0x8E00) /* present, DPL 0, interrupt gate */

#define STUB_BYTES 16

struct gate {
    uint64_t low, high;
};

static struct gate idt[256];

extern const char exception_stubs[];

/* SDM vol. 3A, "64-Bit Mode IDT": offset in three parts, selector, IST, type. */
static struct gate make_gate(uint64_t offset, unsigned ist)
{
    return (struct gate){
        .low = (offset & 0xFFFF) | (uint64_t)SELECTOR_CODE << 16 | (uint64_t)ist << 32 |
               GATE_INTERRUPT << 32 | (offset >> 16 & 0xFFFF) << 48,
        .high = offset >> 32,
    };
}

static unsigned ist_of(unsigned vector)
{
    switch (vector) {
    case VECTOR_NMI:
        return IST_NMI;
    case VECTOR_DF:
        return IST_DF;
    case VECTOR_MC:
        return IST_MC;
    default:
        return 0;
    }
}

static void idt_fill(void)
{
    for (unsigned vector = 0; vector < ARRAY_SIZE(idt); vector++) {
        idt[vector] =
            make_gate((uint64_t)exception_stubs + (uint64_t)vector * STUB_BYTES, ist_of(vector));
    }
}

void descriptors_load(struct percpu *cpu)
{
    uint64_t tss = (uint64_t)&cpu->tss;
    uint16_t limit = sizeof(cpu->tss) - 1;

    if (idt[0].low == 0) {
        idt_fill();
    }
    cpu->tss.io_map_base = sizeof(cpu->tss); /* no I/O permission bit map */
    cpu->gdt.entries[1] = DESCRIPTOR_CODE;
    cpu->gdt.entries[2] = DESCRIPTOR_DATA;
    cpu->gdt.entries[3] =
        DESCRIPTOR_TSS | limit | (tss & 0xFFFFFF) << 16 | (tss >> 24 & 0xFF) << 56;
    cpu->gdt.entries[4] = tss >> 32;

    write_gdtr((struct descriptor_table){sizeof(cpu->gdt) - 1, (uint64_t)&cpu->gdt});
    write_idtr((struct descriptor_table){sizeof(idt) - 1, (uint64_t)idt});
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %1, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "ltr %w2"
                     :
                     : "i"(SELECTOR_CODE), "i"(SELECTOR_DATA), "r"(SELECTOR_TSS)
                     : "rax", "memory");
}
