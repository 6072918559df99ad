/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/ept.h"

#include "kernel/image.h"
#include "kernel/pagewalk.h"

#define WALK_LENGTH 4

enum status ept_init(struct ept *ept, const struct ept_abilities *abilities)
{
    ept->tables = table_memory(PAGES_ANYWHERE);
    ept->format = (struct pt_format){
        .levels = WALK_LENGTH,
        .largest_leaf = abilities->largest_leaf,
        .present = EPT_RWX,
        .table = EPT_RWX,
        .leaf = EPT_LEAF,
        .address = BITS(MIN(abilities->physical_width, 52U) - 1, PAGE_SHIFT),
    };
    return pt_init(&ept->table, &ept->format, &ept->tables.memory);
}

enum status ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                    unsigned type)
{
    return pt_map(&ept->table, gpa.value, hpa, length, rights | FIELD_PUT(EPT_MEMORY, type));
}

/* As the tables' own at(), for the walker to have in place. */
static inline uint64_t *identity_at(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    return pointer_to(table);
}

struct pt_walk ept_walk(struct ept *ept, gpa_t gpa)
{
    return pt_walk_with(&ept->format, &ept->tables.memory, identity_at, ept->table.root, gpa.value);
}

void ept_destroy(struct ept *ept)
{
    pt_destroy(&ept->table);
}

uint64_t ept_pointer(const struct ept *ept, const struct ept_abilities *abilities)
{
    return ept->table.root.value |
           FIELD_PUT(EPTP_MEMORY, abilities->write_back ? EPT_TYPE_WB : EPT_TYPE_UC) |
           FIELD_PUT(EPTP_WALK, WALK_LENGTH - 1) | (abilities->accessed_dirty ? EPTP_AD : 0);
}
