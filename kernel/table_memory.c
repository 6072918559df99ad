/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for kernel/pagetable.h out of the machine's page allocator. */
#include "kernel/image.h"
#include "kernel/memory.h"

static hpa_t table_take(struct pt_memory *memory)
{
    const struct table_memory *tables = (const struct table_memory *)memory;
    hpa_t table;

    return page_take(1, PAGE_SIZE, tables->limit, &table) == STATUS_OK ? table : HPA(0);
}

static void table_give(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    page_give(table, 1);
}

static uint64_t *table_at(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    return pointer_to(table);
}

struct table_memory table_memory(enum page_limit limit)
{
    return (struct table_memory){{table_take, table_give, table_at, true}, limit};
}
