/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest whose physical addresses are the host's, as they are without EPT. */
#include "kernel/image.h"
#include "kernel/string.h"
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

#define PDE_BYTES (2 * MIB) /* what one maps in 64-bit mode */

gpa_t rig_direct(const struct rig *rig, gpa_t gpa)
{
    return GPA(hpa_of(rig_memory(rig, gpa)).value);
}

void rig_go_direct(struct rig *rig)
{
    gpa_t table[] = {RIG_TABLES, GPA(RIG_TABLES.value + PAGE_SIZE),
                     GPA(RIG_TABLES.value + 2 * PAGE_SIZE)};
    struct ept *ept = &rig->vm.ept;
    enum status status = ept_unmap(ept, GPA(0), RIG_MEMORY);

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        uint64_t *entries = memset(rig_memory(rig, table[i]), 0, PAGE_SIZE);
        if (i + 1 < ARRAY_SIZE(table)) {
            entries[0] = rig_direct(rig, table[i + 1]).value | GUEST_PTE_P | GUEST_PTE_RW;
            continue;
        }
        for (uint64_t at = 0; at < RIG_MEMORY && status == STATUS_OK; at += PDE_BYTES) {
            gpa_t direct = rig_direct(rig, GPA(at));
            entries[at / PDE_BYTES] = direct.value | GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS;
            status = ept_map(ept, direct, HPA(direct.value), PDE_BYTES, EPT_RWX, EPT_TYPE_WB);
        }
    }
    if (status != STATUS_OK) {
        rig_fail(rig, "no memory to map the guest anew");
    }
    ept_settle(ept);
    vmwrite(VMCS_GUEST_CR3, rig_direct(rig, RIG_TABLES).value);
}
