/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/ept.h"

#include "kernel/image.h"
#include "kernel/pagewalk.h"

enum status ept_init(struct ept *ept, const struct ept_abilities *abilities)
{
    unsigned levels = abilities->walk_length == 5 ? 5 : 4;
    unsigned width = MIN(abilities->physical_width, 52U);

    ept->tables = table_memory(PAGES_ANYWHERE);
    ept->execute_only = abilities->execute_only;
    ept->format = (struct pt_format){
        .levels = levels,
        .largest_leaf = abilities->largest_leaf,
        .width = MIN(width, pt_shift(levels + 1)),
        .present = EPT_RWX,
        .table = EPT_RWX,
        .leaf = EPT_LEAF,
        .address = BITS(width - 1, PAGE_SHIFT),
        .accessed = abilities->accessed_dirty ? EPT_ACCESSED : 0,
        .dirty = abilities->accessed_dirty ? EPT_DIRTY : 0,
        .grants = EPT_RWX,
        .types = EPT_MEMORY | EPT_IGNORE_PAT | EPT_SUPPRESS_VE,
    };
    if (abilities->mode_based) {
        ept_use_modes(ept);
    }
    return pt_init(&ept->table, &ept->format, &ept->tables.memory);
}

void ept_use_modes(struct ept *ept)
{
    ept->format.present |= EPT_EXECUTE_USER;
    ept->format.table |= EPT_EXECUTE_USER;
    ept->format.grants |= EPT_EXECUTE_USER;
}

/* What no processor takes for a misconfiguration. SDM vol. 3C, "EPT Misconfigurations". */
static bool rights_are_valid(const struct ept *ept, uint64_t rights)
{
    return rights != 0 && (rights & ~ept->format.grants) == 0 &&
           ((rights & EPT_READ) || (!(rights & EPT_WRITE) && ept->execute_only));
}

static bool type_is_valid(unsigned type)
{
    return type <= EPT_TYPE_WB && type != 2 && type != 3;
}

enum status ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                    unsigned type)
{
    if (!rights_are_valid(ept, rights) || !type_is_valid(type)) {
        return STATUS_INVALID;
    }
    return pt_map(&ept->table, gpa.value, hpa, length, rights | FIELD_PUT(EPT_MEMORY, type));
}

enum status ept_unmap(struct ept *ept, gpa_t gpa, uint64_t length)
{
    return pt_unmap(&ept->table, gpa.value, length);
}

enum status ept_set_rights(struct ept *ept, gpa_t gpa, uint64_t length, uint64_t rights)
{
    if (!rights_are_valid(ept, rights)) {
        return STATUS_INVALID;
    }
    return pt_protect(&ept->table, gpa.value, length, ept->format.grants, rights);
}

enum status ept_set_type(struct ept *ept, gpa_t gpa, uint64_t length, unsigned type)
{
    if (!type_is_valid(type)) {
        return STATUS_INVALID;
    }
    return pt_protect(&ept->table, gpa.value, length, EPT_MEMORY, FIELD_PUT(EPT_MEMORY, type));
}

enum status ept_suppress_ve(struct ept *ept, gpa_t gpa, uint64_t length, bool suppress)
{
    return pt_protect(&ept->table, gpa.value, length, EPT_SUPPRESS_VE,
                      suppress ? EPT_SUPPRESS_VE : 0);
}

enum status ept_split(struct ept *ept, gpa_t gpa, uint64_t length, unsigned level)
{
    return pt_split(&ept->table, gpa.value, length, level);
}

enum status ept_join(struct ept *ept, gpa_t gpa, uint64_t length)
{
    return pt_join(&ept->table, gpa.value, length);
}

/* As the tables' own at(), for the walker to have in place. */
static inline uint64_t *identity_at(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    return pointer_to(table);
}

struct pt_walk ept_walk(struct ept *ept, gpa_t gpa)
{
    struct pt_memory *memory = ept->table.memory;
    hpa_t root = ept->table.root;

    return memory->direct ? pt_walk_with(&ept->format, memory, identity_at, root, gpa.value)
                          : pt_walk(&ept->format, memory, root, gpa.value);
}

static struct ept_run decode(const struct ept *ept, const struct pt_run *run)
{
    uint64_t attributes = run->attributes;

    return (struct ept_run){
        .from = GPA(run->first),
        .to = GPA(run->last),
        .present = run->present,
        .hpa = run->target,
        .rights = attributes & ept->format.grants,
        .type = (unsigned)FIELD_GET(EPT_MEMORY, attributes),
        .ignore_pat = attributes & EPT_IGNORE_PAT,
        .accessed = attributes & ept->format.accessed,
        .dirty = attributes & ept->format.dirty,
        .level = run->level,
        .pages = {0, run->leaves[1], run->leaves[2], run->leaves[3]},
    };
}

struct for_each {
    const struct ept *ept;
    ept_visitor *visitor;
    void *context;
};

static bool pass_on(void *context, const struct pt_run *run)
{
    const struct for_each *each = context;
    struct ept_run decoded = decode(each->ept, run);

    return each->visitor(each->context, &decoded);
}

uint64_t ept_size(const struct ept *ept)
{
    return BIT(ept->format.width);
}

enum status ept_for_each(const struct ept *ept, ept_visitor *visitor, void *context)
{
    struct for_each each = {ept, visitor, context};

    return pt_for_each_run(&ept->table, 0, ept_size(ept), pass_on, &each);
}

enum status ept_query(const struct ept *ept, gpa_t gpa, uint64_t length, struct ept_run *run)
{
    struct pt_run raw;
    enum status status = pt_query(&ept->table, gpa.value, length, &raw);

    *run = decode(ept, &raw);
    return status;
}

void ept_destroy(struct ept *ept)
{
    pt_destroy(&ept->table);
}

uint64_t ept_pointer(const struct ept *ept, const struct ept_abilities *abilities)
{
    return ept->table.root.value |
           FIELD_PUT(EPTP_MEMORY, abilities->write_back ? EPT_TYPE_WB : EPT_TYPE_UC) |
           FIELD_PUT(EPTP_WALK, ept->format.levels - 1) | (abilities->accessed_dirty ? EPTP_AD : 0);
}
