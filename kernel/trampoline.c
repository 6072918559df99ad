/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/processor_start.h"
#include "kernel/string.h"

/* In processor_start.asm: code for the page, and behind it what the code reads. The offsets of its
 * parts stand there too. */
struct PACKED trampoline_data {
    uint32_t cr0, cr3, cr4, efer;
    uint32_t far_offset; /* where 64-bit mode begins: in the page itself */
    uint16_t far_selector;
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint64_t entry; /* processor_entry: the image's own address */
};

extern const uint8_t trampoline[];
extern const uint32_t trampoline_long, trampoline_gdt, trampoline_data, trampoline_bytes;
extern const char processor_entry[];

void trampoline_fill(hpa_t page)
{
    uint8_t *bytes = pointer_to(page);
    struct trampoline_data data = {
        .cr0 = (uint32_t)read_cr0(),
        .cr3 = (uint32_t)read_cr3(), /* its tables lie below 4 GiB */
        .cr4 = CR4_PAE,
        .efer = (uint32_t)(rdmsr(MSR_IA32_EFER) & ~(uint64_t)EFER_LMA),
        .far_offset = (uint32_t)page.value + trampoline_long,
        .far_selector = SELECTOR_CODE,
        .gdt_limit = SELECTOR_TSS - 1,
        .gdt_base = (uint32_t)page.value + trampoline_gdt,
        .entry = (uint64_t)processor_entry,
    };

    memcpy(bytes, trampoline, trampoline_bytes);
    memcpy(bytes + trampoline_data, &data, sizeof(data));
}
