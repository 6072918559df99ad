/* SPDX-License-Identifier: BSD-2-Clause */
/* Paging structures and GDT of a guest that starts in 64-bit mode, written through guest_access().
 */
#include "guest/guest.h"
#include "kernel/string.h"

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_PS BIT(7)

#define ENTRIES 512
#define PDS     4

/* Descriptors as SDM vol. 3A, "Segment Descriptors" gives them: accessed and busy already, as the
 * registers that stand for them are. */
#define GDT_CODE_64  UINT64_C(0x00AF9B000000FFFF)
#define GDT_DATA     UINT64_C(0x00CF93000000FFFF)
#define GDT_TSS_BUSY UINT64_C(0x00008B0000000067)
#define GDT_LIMIT    (5 * 8 - 1)

static uint64_t *table(struct vm *vm, gpa_t tables, unsigned page)
{
    return guest_access(vm, GPA(tables.value + page * PAGE_SIZE), PAGE_SIZE);
}

static void fill_paging(struct vm *vm, gpa_t tables, gpa_t around)
{
    uint64_t window = ALIGN_DOWN(around.value, PDS * GIB);
    uint64_t *pml4 = table(vm, tables, 0);
    uint64_t *pdpt = table(vm, tables, 1);

    memset(pml4, 0, PAGE_SIZE);
    memset(pdpt, 0, PAGE_SIZE);
    pml4[(window >> 39) % ENTRIES] = (tables.value + PAGE_SIZE) | PTE_P | PTE_RW;
    for (unsigned i = 0; i < PDS; i++) {
        uint64_t *pd = table(vm, tables, 2 + i);
        uint64_t entry = (window + i * GIB) | PTE_P | PTE_RW | PTE_PS;

        pdpt[(window >> 30) % ENTRIES + i] = (tables.value + (2 + i) * PAGE_SIZE) | PTE_P | PTE_RW;
        for (unsigned j = 0; j < ENTRIES; j++, entry += 2 * MIB) {
            pd[j] = entry;
        }
    }
}

void guest_fill_tables(struct vm *vm, gpa_t tables, gpa_t gdt, gpa_t tss, gpa_t around)
{
    uint64_t *descriptors = guest_access(vm, gdt, PAGE_SIZE);

    fill_paging(vm, tables, around);
    memset(descriptors, 0, PAGE_SIZE);
    descriptors[1] = GDT_CODE_64;
    descriptors[2] = GDT_DATA;
    descriptors[3] = GDT_TSS_BUSY | (tss.value & 0xFFFFFF) << 16 | (tss.value >> 24 & 0xFF) << 56;
    descriptors[4] = tss.value >> 32;
    vm->start.cr3 = tables.value;
    vm->start.gdt_base = gdt.value;
    vm->start.gdt_limit = GDT_LIMIT;
    vm->start.tss_base = tss.value;
}
