/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/harvest.h"

struct harvest {
    struct ept *ept;
    ept_touched_sink *sink;
    void *context;
};

static void take_leaf(const struct harvest *harvest, uint64_t *entry, unsigned level, uint64_t gpa)
{
    struct ept_touched page = {GPA(gpa), pt_span(level), *entry & EPT_DIRTY};

    if (!(*entry & (EPT_ACCESSED | EPT_DIRTY))) {
        return;
    }
    /* A processor may set a flag of the same entry meanwhile. */
    (void)__atomic_fetch_and(entry, ~(EPT_ACCESSED | EPT_DIRTY), __ATOMIC_RELAXED);
    if (harvest->sink != NULL) {
        harvest->sink(harvest->context, &page);
    }
}

/* `gpa`: the first address that the table translates. */
static void take_table(const struct harvest *harvest, hpa_t table, unsigned level, uint64_t gpa)
{
    const struct pt_format *format = &harvest->ept->format;
    struct pt_memory *memory = &harvest->ept->tables.memory;
    uint64_t *entries = memory->at(memory, table);

    for (unsigned i = 0; entries != NULL && i < PT_ENTRIES; i++, gpa += pt_span(level)) {
        switch (pt_kind(format, level, entries[i])) {
        case PT_ABSENT:
            break;
        case PT_LEAF:
            take_leaf(harvest, &entries[i], level, gpa);
            break;
        case PT_TABLE:
            take_table(harvest, HPA(entries[i] & format->address), level - 1, gpa);
            break;
        }
    }
}

void ept_harvest(struct ept *ept, ept_touched_sink *sink, void *context)
{
    struct harvest harvest = {ept, sink, context};

    take_table(&harvest, ept->table.root, ept->format.levels, 0);
}
