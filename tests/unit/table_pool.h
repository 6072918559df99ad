/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fake memory for page tables: it hands out tables full of set bits, spoils those given back, lets
 * nobody read a table that is not in use, and runs out when told. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_TABLE_POOL_H
#define TESTS_UNIT_TABLE_POOL_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/pagetable.h"

#define POOL_TABLES 8192
/* Above every target that these tests map, so that an entry's address tells a table from a page. */
#ifndef POOL_BASE
#define POOL_BASE BIT(45)
#endif
#define POOL_ADDRESS BITS(45, 12) /* of formats over it */

struct pool {
    struct pt_memory memory; /* first: the walker's pointer to it is one to the pool */
    uint64_t (*tables)[PT_ENTRIES];
    bool used[POOL_TABLES];
    unsigned in_use, next, left; /* left: how many more may be taken */
    bool watch_references;       /* give() checks that nothing refers to the table any more */
    /* Entries written, zeros not counted: what differs from `seen` each time that the walker asks
     * for a table, as it does before it looks at one. NULL: not counted. */
    uint64_t (*seen)[PT_ENTRIES];
    uint64_t writes;
};

/* Adds up what was written since the last time. */
static void pool_count_writes(struct pool *pool)
{
    for (unsigned i = 0; i < POOL_TABLES; i++) {
        if (!pool->used[i] || memcmp(pool->seen[i], pool->tables[i], PAGE_SIZE) == 0) {
            continue;
        }
        for (unsigned j = 0; j < PT_ENTRIES; j++) {
            pool->writes += pool->tables[i][j] != 0 && pool->tables[i][j] != pool->seen[i][j];
        }
        memcpy(pool->seen[i], pool->tables[i], PAGE_SIZE);
    }
}

static inline void pool_start_counting(struct pool *pool)
{
    pool->seen = calloc(POOL_TABLES, PAGE_SIZE);
    pool_count_writes(pool);
    pool->writes = 0;
}

/* The entries written since pool_start_counting(). */
static inline uint64_t pool_stop_counting(struct pool *pool)
{
    pool_count_writes(pool);
    free(pool->seen);
    pool->seen = NULL;
    return pool->writes;
}

static unsigned pool_index(struct pool *pool, hpa_t table)
{
    uint64_t index = (table.value - POOL_BASE) / PAGE_SIZE;

    assert_true(table.value >= POOL_BASE && index < POOL_TABLES);
    assert_true(IS_ALIGNED(table.value, PAGE_SIZE));
    assert_true(pool->used[index]);
    return (unsigned)index;
}

static hpa_t pool_take(struct pt_memory *memory)
{
    struct pool *pool = (struct pool *)memory;

    if (pool->left == 0) {
        return HPA(0);
    }
    while (pool->used[pool->next]) {
        pool->next = (pool->next + 1) % POOL_TABLES;
    }
    pool->left--;
    pool->in_use++;
    pool->used[pool->next] = true;
    memset(pool->tables[pool->next], 0xff, PAGE_SIZE);
    if (pool->seen != NULL) {
        memset(pool->seen[pool->next], 0xff, PAGE_SIZE);
    }
    return HPA(POOL_BASE + pool->next * PAGE_SIZE);
}

static void pool_give(struct pt_memory *memory, hpa_t table)
{
    struct pool *pool = (struct pool *)memory;
    unsigned index = pool_index(pool, table);

    for (unsigned i = 0; pool->watch_references && i < POOL_TABLES; i++) {
        for (unsigned j = 0; pool->used[i] && i != index && j < PT_ENTRIES; j++) {
            assert_int_not_equal(pool->tables[i][j] & POOL_ADDRESS, table.value);
        }
    }
    memset(pool->tables[index], 0xff, PAGE_SIZE);
    pool->used[index] = false;
    pool->in_use--;
    pool->left++;
}

static uint64_t *pool_at(struct pt_memory *memory, hpa_t table)
{
    struct pool *pool = (struct pool *)memory;

    if (pool->seen != NULL) {
        pool_count_writes(pool);
    }
    return pool->tables[pool_index(pool, table)];
}

static inline int pool_setup(void **state)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    pool->memory = (struct pt_memory){pool_take, pool_give, pool_at, false};
    pool->tables = mmap(NULL, POOL_TABLES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pool->left = POOL_TABLES - 1;
    *state = pool;
    return 0;
}

static inline int pool_teardown(void **state)
{
    struct pool *pool = *state;

    munmap(pool->tables, POOL_TABLES * PAGE_SIZE);
    free(pool);
    return 0;
}

/* Tables are where their addresses say: the walker may be told to go there by itself. */
static inline void pool_make_direct(struct pool *pool)
{
    munmap(pool->tables, POOL_TABLES * PAGE_SIZE);
    pool->tables = mmap((void *)POOL_BASE, POOL_TABLES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(pool->tables, POOL_BASE);
    pool->memory.direct = true;
}

static inline struct page_table new_tables(struct pool *pool, const struct pt_format *format)
{
    struct page_table pt;

    assert_int_equal(pt_init(&pt, format, &pool->memory), STATUS_OK);
    assert_int_equal(pt.tables, 1);
    return pt;
}

/* Counts tables and entries that are reachable, by a recursion of the test's own. */
static unsigned count_tables(struct pool *pool, const struct pt_format *format, hpa_t table,
                             unsigned level, uint64_t *entries)
{
    const uint64_t *content = pool->tables[pool_index(pool, table)];
    unsigned tables = 1, here = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        bool leaf = level == 1 || (content[i] & format->leaf) != 0;

        if (content[i] == 0) {
            continue;
        }
        here++;
        assert_true((content[i] & format->present) != 0);
        if (!leaf) {
            hpa_t below = HPA(content[i] & format->address);

            assert_int_equal(content[i] & ~format->address & ~format->accessed,
                             format->table & ~format->accessed);
            tables += count_tables(pool, format, below, level - 1, entries);
        }
    }
    assert_true(here != 0 || level == format->levels);
    *entries += here;
    return tables;
}

/* Every table in use is reachable, counted, and not empty; the number of entries. */
static inline uint64_t check_tables(struct pool *pool, const struct page_table *pt)
{
    uint64_t entries = 0;

    assert_int_equal(pt->tables, pool->in_use);
    assert_int_equal(count_tables(pool, pt->format, pt->root, pt->format->levels, &entries),
                     pt->tables);
    return entries;
}

#endif
