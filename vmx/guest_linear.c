/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_linear.h"

#include "kernel/cpu.h"
#include "kernel/pagetable.h"

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_US BIT(2)
#define PTE_PS BIT(7)

#define PF_PRESENT BIT(0)
#define PF_WRITE   BIT(1)
#define PF_USER    BIT(2)

/* The walker's memory: tables at guest-physical addresses, read only. */
struct guest_tables {
    struct pt_memory memory; /* first */
    const struct vm *vm;
};

static uint64_t *guest_table_at(struct pt_memory *memory, hpa_t table)
{
    const struct guest_tables *tables = (const struct guest_tables *)memory;

    return guest_access(tables->vm, GPA(table.value), PAGE_SIZE);
}

/* Whether all levels have `bit`. */
static bool all_levels(const struct pt_walk *walk, unsigned levels, uint64_t bit)
{
    for (unsigned level = levels; level >= walk->level; level--) {
        if (!(walk->entry[level] & bit)) {
            return false;
        }
    }
    return true;
}

enum status guest_translate(const struct vm *vm, const struct guest_mode *mode, gva_t gva,
                            bool write, gpa_t *gpa, uint32_t *error_code)
{
    struct guest_tables tables = {.memory = {.at = guest_table_at}, .vm = vm};
    struct pt_format format = {
        .levels = 4,
        .largest_leaf = 3,
        .canonical = true,
        .present = PTE_P,
        .table = PTE_P | PTE_RW,
        .leaf = PTE_PS,
        .address = BITS(mode->physical_width - 1, PAGE_SHIFT),
    };
    struct pt_walk walk;

    if (!(mode->cr0 & CR0_PG)) {
        *gpa = GPA(gva.value & UINT32_MAX);
        return STATUS_OK;
    }
    if (!(mode->efer & EFER_LMA) || mode->cr4 & CR4_LA57) {
        return STATUS_UNSUPPORTED;
    }
    if ((int64_t)(gva.value << 16) >> 16 != (int64_t)gva.value) {
        return STATUS_INVALID;
    }
    walk = pt_walk(&format, &tables.memory, HPA(mode->cr3 & format.address), gva.value);
    if (!walk.readable) {
        return STATUS_UNSUPPORTED;
    }
    *error_code = (uint32_t)((walk.present ? PF_PRESENT : 0) | (write ? PF_WRITE : 0) |
                             (mode->user ? PF_USER : 0));
    if (!walk.present || (mode->user && !all_levels(&walk, format.levels, PTE_US)) ||
        (write && (mode->user || mode->cr0 & CR0_WP) &&
         !all_levels(&walk, format.levels, PTE_RW))) {
        return STATUS_FAULT;
    }
    *gpa = GPA(walk.target.value);
    return STATUS_OK;
}
