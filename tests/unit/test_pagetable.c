/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table walker over fake table memory: what it maps is compared with a plain array of
 * pages, and every table that it takes is accounted for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/pagetable.h"
#include "tests/unit/table_pool.h"

static const struct pt_format host = {
    .levels = 4,
    .largest_leaf = 3,
    .canonical = true,
    .present = BIT(0),
    .table = BIT(0) | BIT(1) | BIT(2),
    .leaf = BIT(7),
    .address = BITS(45, 12),
};
static const struct pt_format ept = {
    .levels = 4,
    .largest_leaf = 3,
    .present = BITS(2, 0),
    .table = BITS(2, 0),
    .leaf = BIT(7),
    .address = BITS(45, 12),
};

#define HOST_RW  (BIT(0) | BIT(1))
#define HOST_NX  BIT(63)
#define HOST_PCD BIT(4)
#define EPT_RWX  BITS(2, 0)
#define EPT_WB   FIELD_PUT(BITS(5, 3), 6)

static void check_mapped(const struct page_table *pt, uint64_t address, uint64_t target,
                         unsigned level, uint64_t attributes)
{
    struct pt_walk walk = pt_walk(pt->format, pt->memory, pt->root, address);

    assert_true(walk.present);
    assert_true(walk.readable);
    assert_int_equal(walk.level, level);
    assert_int_equal(walk.target.value, target);
    assert_int_equal(walk.attributes, attributes);
}

static void check_absent(const struct page_table *pt, uint64_t address, unsigned level)
{
    struct pt_walk walk = pt_walk(pt->format, pt->memory, pt->root, address);

    assert_false(walk.present);
    assert_true(walk.readable);
    assert_int_equal(walk.level, level);
    assert_int_equal(walk.entry[level], 0);
}

static void walks_each_leaf_size(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &ept);
    struct pt_walk walk;

    assert_int_equal(pt_map(&pt, 5 * GIB, HPA(7 * GIB), GIB, EPT_RWX | EPT_WB), STATUS_OK);
    assert_int_equal(pt_map(&pt, 6 * MIB, HPA(4 * MIB), 2 * MIB, BIT(0)), STATUS_OK);
    assert_int_equal(pt_map(&pt, 0x3000, HPA(0x9000), PAGE_SIZE, BIT(2)), STATUS_OK);
    check_mapped(&pt, 5 * GIB + 0x12345678, 7 * GIB + 0x12345678, 3, EPT_RWX | EPT_WB);
    check_mapped(&pt, 6 * MIB + 0x123456, 4 * MIB + 0x123456, 2, BIT(0));
    check_mapped(&pt, 0x3abc, 0x9abc, 1, BIT(2));
    check_absent(&pt, 0x4000, 1);
    check_absent(&pt, 8 * MIB, 2);
    check_absent(&pt, 4 * GIB, 3);
    check_absent(&pt, 512 * GIB, 4);

    walk = pt_walk(&ept, &pool->memory, pt.root, 0x3abc);
    assert_int_equal(walk.table[4].value, pt.root.value);
    for (unsigned level = 4; level > 1; level--) {
        assert_int_equal(walk.entry[level], walk.table[level - 1].value | EPT_RWX);
    }
    assert_int_equal(walk.entry[1], 0x9000 | BIT(2));
    walk = pt_walk(&ept, &pool->memory, pt.root, 5 * GIB);
    assert_int_equal(walk.entry[3], 7 * GIB | BIT(7) | EPT_RWX | EPT_WB);
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

static void identity_of_2g_is_a_handful_of_entries(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &host);

    assert_int_equal(pt_map(&pt, 0, HPA(0), 2 * GIB, HOST_RW), STATUS_OK);
    assert_int_equal(pt.tables, 2);
    assert_int_equal(check_tables(pool, &pt), 3);
    check_mapped(&pt, 2 * GIB - 1, 2 * GIB - 1, 3, HOST_RW);
    assert_int_equal(pt_map(&pt, 0, HPA(0), 4 * TIB, HOST_RW), STATUS_OK);
    assert_int_equal(pt.tables, 9);
    assert_int_equal(check_tables(pool, &pt), 8 + 4096);
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

static void leaves_are_as_large_as_alignment_and_format_allow(void **state)
{
    struct pool *pool = *state;
    struct pt_format small = ept;
    struct page_table pt = new_tables(pool, &ept);

    /* The target decides as much as the address. */
    assert_int_equal(pt_map(&pt, GIB, HPA(6 * MIB), GIB, EPT_RWX), STATUS_OK);
    check_mapped(&pt, GIB + 0x1234, 6 * MIB + 0x1234, 2, EPT_RWX);
    assert_int_equal(pt.tables, 3);
    assert_int_equal(pt_map(&pt, 4 * GIB, HPA(0x7000), 2 * MIB, EPT_RWX), STATUS_OK);
    check_mapped(&pt, 4 * GIB + 0x1fffff, 0x7000 + 0x1fffff, 1, EPT_RWX);
    /* The middle of a range is larger than its ends. */
    assert_int_equal(pt_map(&pt, 8 * GIB - PAGE_SIZE, HPA(16 * GIB - PAGE_SIZE),
                            GIB + 2 * MIB + 2 * PAGE_SIZE, EPT_RWX),
                     STATUS_OK);
    check_mapped(&pt, 8 * GIB - PAGE_SIZE, 16 * GIB - PAGE_SIZE, 1, EPT_RWX);
    check_mapped(&pt, 8 * GIB, 16 * GIB, 3, EPT_RWX);
    check_mapped(&pt, 9 * GIB, 17 * GIB, 2, EPT_RWX);
    check_mapped(&pt, 9 * GIB + 2 * MIB, 17 * GIB + 2 * MIB, 1, EPT_RWX);
    check_absent(&pt, 9 * GIB + 2 * MIB + PAGE_SIZE, 1);
    check_tables(pool, &pt);
    pt_destroy(&pt);

    for (small.largest_leaf = 1; small.largest_leaf <= 3; small.largest_leaf++) {
        pt = new_tables(pool, &small);
        assert_int_equal(pt_map(&pt, 0, HPA(0), GIB, EPT_RWX), STATUS_OK);
        check_mapped(&pt, 0x12345678, 0x12345678, small.largest_leaf, EPT_RWX);
        pt_destroy(&pt);
    }
    assert_int_equal(pool->in_use, 0);
}

static void split_keeps_attributes(void **state)
{
    struct pool *pool = *state;
    uint64_t attributes = BIT(0) | EPT_WB | BIT(6) | BIT(9) | BIT(60);
    struct page_table pt = new_tables(pool, &ept);

    assert_int_equal(pt_map(&pt, GIB, HPA(3 * GIB), GIB, attributes), STATUS_OK);
    assert_int_equal(pt_map(&pt, GIB + 0x201000, HPA(0x5000), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pt.tables, 4);
    check_mapped(&pt, GIB + 0x200fff, 3 * GIB + 0x200fff, 1, attributes);
    check_mapped(&pt, GIB + 0x201fff, 0x5fff, 1, EPT_RWX);
    check_mapped(&pt, GIB + 0x202000, 3 * GIB + 0x202000, 1, attributes);
    check_mapped(&pt, GIB + 0x1fffff, 3 * GIB + 0x1fffff, 2, attributes);
    check_mapped(&pt, 2 * GIB - 1, 4 * GIB - 1, 2, attributes);
    assert_int_equal(check_tables(pool, &pt), 1 + 1 + 512 + 512);
    /* A large leaf over it all gives the tables back. */
    assert_int_equal(pt_map(&pt, GIB, HPA(2 * GIB), GIB, EPT_RWX), STATUS_OK);
    assert_int_equal(pt.tables, 2);
    check_mapped(&pt, GIB + 0x201fff, 2 * GIB + 0x201fff, 3, EPT_RWX);
    check_tables(pool, &pt);
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

static void unmap_splits_and_frees(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &host);

    pool->watch_references = true;
    assert_int_equal(pt_unmap(&pt, 0, 256 * TIB / 2), STATUS_OK);
    assert_int_equal(pt_map(&pt, 0, HPA(0), 3 * GIB, HOST_RW | HOST_NX), STATUS_OK);
    assert_int_equal(pt_unmap(&pt, GIB + 4 * MIB + 0x3000, 0x2000), STATUS_OK);
    check_absent(&pt, GIB + 4 * MIB + 0x3000, 1);
    check_absent(&pt, GIB + 4 * MIB + 0x4fff, 1);
    check_mapped(&pt, GIB + 4 * MIB + 0x2fff, GIB + 4 * MIB + 0x2fff, 1, HOST_RW | HOST_NX);
    check_mapped(&pt, GIB + 4 * MIB + 0x5000, GIB + 4 * MIB + 0x5000, 1, HOST_RW | HOST_NX);
    check_tables(pool, &pt);
    assert_int_equal(pt_unmap(&pt, GIB + 4 * MIB, 0x3000), STATUS_OK);
    assert_int_equal(pt.tables, 4);
    assert_int_equal(pt_unmap(&pt, GIB + 4 * MIB + 0x5000, 2 * MIB - 0x5000), STATUS_OK);
    assert_int_equal(pt.tables, 3);
    assert_int_equal(pt_unmap(&pt, GIB, GIB), STATUS_OK);
    assert_int_equal(pt.tables, 2);
    assert_int_equal(pt_unmap(&pt, 0, 4 * GIB), STATUS_OK);
    assert_int_equal(check_tables(pool, &pt), 0);
    pt_destroy(&pt);
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

static void upper_half_is_canonical(void **state)
{
    struct pool *pool = *state;
    uint64_t image = 0xffffffff80000000;
    struct page_table pt = new_tables(pool, &host);

    assert_int_equal(pt_map(&pt, image, HPA(32 * MIB), 4 * MIB, HOST_RW), STATUS_OK);
    check_mapped(&pt, image + 0x212345, 32 * MIB + 0x212345, 2, HOST_RW);
    assert_int_equal(pt_map(&pt, -PAGE_SIZE, HPA(0x1000), PAGE_SIZE, HOST_RW), STATUS_OK);
    check_mapped(&pt, ~UINT64_C(0), 0x1fff, 1, HOST_RW);
    assert_int_equal(pt_unmap(&pt, 0xffff800000000000, BIT(47)), STATUS_OK);
    assert_int_equal(pt.tables, 1);
    pt_destroy(&pt);
}

static void five_levels(void **state)
{
    struct pool *pool = *state;
    struct pt_format format = ept;
    struct page_table pt;

    format.levels = 5;
    pt = new_tables(pool, &format);
    assert_int_equal(pt_map(&pt, BIT(56) + GIB, HPA(GIB), GIB, EPT_RWX), STATUS_OK);
    check_mapped(&pt, BIT(56) + GIB + 1, GIB + 1, 3, EPT_RWX);
    check_absent(&pt, GIB, 5);
    assert_int_equal(pt.tables, 3);
    assert_int_equal(pt_map(&pt, BIT(57) - PAGE_SIZE, HPA(0), 2 * PAGE_SIZE, EPT_RWX),
                     STATUS_INVALID);
    assert_int_equal(pt_unmap(&pt, 0, BIT(57)), STATUS_OK);
    assert_int_equal(pt.tables, 1);
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

static void refuses_bad_arguments(void **state)
{
    struct pool *pool = *state;
    struct page_table host_tables = new_tables(pool, &host);
    struct page_table ept_tables;
    static const struct {
        uint64_t address, target, length, attributes;
    } bad_for_both[] = {
        {0x1001, 0, PAGE_SIZE, 1},
        {0x1000, 0x800, PAGE_SIZE, 1},
        {0x1000, 0, 0x800, 1},
        {0x1800, 0, 0, 1},
        {0x1000, 0, PAGE_SIZE, 0},                /* not present */
        {0x1000, 0, PAGE_SIZE, 1 | BIT(7)},       /* the leaf bit is the walker's own */
        {0x1000, 0, PAGE_SIZE, 1 | BIT(20)},      /* an address is no attribute */
        {0x1000, BIT(46), PAGE_SIZE, 1},          /* wider than the format's addresses */
        {0x1000, BIT(46) - PAGE_SIZE, 0x2000, 1}, /* runs out of them */
        {0x1000, BIT(63) - PAGE_SIZE, PAGE_SIZE, 1},
        {0x1000, 0, -PAGE_SIZE, 1}, /* wraps */
        {0x3000, 0, -PAGE_SIZE, 1},
        {-PAGE_SIZE, 0, 2 * PAGE_SIZE, 1},
        {BIT(48), 0, PAGE_SIZE, 1},
        {BIT(48) - PAGE_SIZE, 0, 2 * PAGE_SIZE, 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad_for_both); i++) {
        assert_int_equal(pt_map(&host_tables, bad_for_both[i].address, HPA(bad_for_both[i].target),
                                bad_for_both[i].length, bad_for_both[i].attributes),
                         STATUS_INVALID);
    }
    assert_int_equal(pt_map(&host_tables, BIT(47), HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_map(&host_tables, BIT(47) - PAGE_SIZE, HPA(0), 2 * PAGE_SIZE, 1),
                     STATUS_INVALID);
    assert_int_equal(pt_unmap(&host_tables, 0, BIT(48)), STATUS_INVALID);
    assert_int_equal(pt_unmap(&host_tables, 0x1, PAGE_SIZE), STATUS_INVALID);
    assert_int_equal(pt_unmap(&host_tables, BIT(47) - PAGE_SIZE, -BIT(48) + 2 * PAGE_SIZE),
                     STATUS_INVALID);
    assert_int_equal(pt_map(&host_tables, 0x1000, HPA(0), 0, 1), STATUS_OK);
    assert_int_equal(check_tables(pool, &host_tables), 0);
    pt_destroy(&host_tables);

    ept_tables = new_tables(pool, &ept);
    for (size_t i = 0; i < ARRAY_SIZE(bad_for_both); i++) {
        assert_int_equal(pt_map(&ept_tables, bad_for_both[i].address, HPA(bad_for_both[i].target),
                                bad_for_both[i].length, bad_for_both[i].attributes),
                         STATUS_INVALID);
    }
    assert_int_equal(pt_map(&ept_tables, 0xffff800000000000, HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_unmap(&ept_tables, BIT(48), PAGE_SIZE), STATUS_INVALID);
    assert_int_equal(pt_unmap(&ept_tables, 0x3000, -PAGE_SIZE), STATUS_INVALID);
    assert_int_equal(check_tables(pool, &ept_tables), 0);
    assert_int_equal(pt_map(&ept_tables, 0, HPA(0), PAGE_SIZE, BIT(2)), STATUS_OK);
    assert_int_equal(pt_map(&ept_tables, BIT(47), HPA(0), PAGE_SIZE, 1), STATUS_OK);
    assert_int_equal(pt_map(&ept_tables, BIT(48) - PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_OK);
    pt_destroy(&ept_tables);
    assert_int_equal(pool->in_use, 0);
}

/* For every number of tables that can be had: what is mapped is a whole prefix, nothing is lost. */
static void out_of_memory_leaves_a_prefix(void **state)
{
    struct pool *pool = *state;
    uint64_t first = 2 * GIB - 4 * MIB - 0x3000;
    uint64_t length = GIB + 8 * MIB + 0x7000;
    enum status status = STATUS_NO_MEMORY;

    pool->left = 0;
    assert_int_equal(pt_init(&(struct page_table){0}, &ept, &pool->memory), STATUS_NO_MEMORY);
    for (unsigned tables = 1; status == STATUS_NO_MEMORY; tables++) {
        struct page_table pt;
        uint64_t done = 0;

        pool->left = tables;
        pt = new_tables(pool, &ept);
        status = pt_map(&pt, first, HPA(first), length, EPT_RWX);
        check_tables(pool, &pt);
        while (done < length && pt_walk(&ept, &pool->memory, pt.root, first + done).present) {
            done += PAGE_SIZE;
        }
        assert_true((done == length) == (status == STATUS_OK));
        for (uint64_t rest = done; rest < length; rest += PAGE_SIZE) {
            assert_false(pt_walk(&ept, &pool->memory, pt.root, first + rest).present);
        }
        assert_int_equal(pt_unmap(&pt, first, length), STATUS_OK);
        assert_int_equal(pt.tables, 1);
        pt_destroy(&pt);
        assert_int_equal(pool->in_use, 0);
        assert_in_range(tables, 1, 20);
    }
    assert_int_equal(status, STATUS_OK);
}

static void split_without_memory_changes_nothing(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &ept);

    assert_int_equal(pt_map(&pt, GIB, HPA(GIB), GIB, EPT_RWX), STATUS_OK);
    for (unsigned left = 0; left < 2; left++) {
        pool->left = left;
        assert_int_equal(pt_unmap(&pt, GIB + 0x5000, PAGE_SIZE), STATUS_NO_MEMORY);
        assert_int_equal(pt_map(&pt, GIB + 0x5000, HPA(0), PAGE_SIZE, 1), STATUS_NO_MEMORY);
        check_mapped(&pt, GIB + 0x5123, GIB + 0x5123, 3 - left, EPT_RWX);
        check_tables(pool, &pt);
    }
    pt_destroy(&pt);
    assert_int_equal(pool->in_use, 0);
}

/* Memory in which every address holds one of a few tables of any content, or none. */
struct wild_memory {
    struct pt_memory memory;
    uint64_t tables[8][PT_ENTRIES];
    uint64_t unreadable; /* NULL for addresses with one of these bits */
    unsigned reads;
};

static uint64_t *wild_at(struct pt_memory *memory, hpa_t table)
{
    struct wild_memory *wild = (struct wild_memory *)memory;

    wild->reads++;
    if ((table.value & wild->unreadable) != 0) {
        return NULL;
    }
    return wild->tables[table.value / PAGE_SIZE % ARRAY_SIZE(wild->tables)];
}

static uint64_t random64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void walk_ends_whatever_the_tables_hold(void **state)
{
    struct wild_memory *wild = calloc(1, sizeof(*wild));
    struct pt_format format = host;
    uint64_t seed = 0x4c696e74656c;

    (void)state;
    wild->memory.at = wild_at;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(wild->tables) * PT_ENTRIES; i++) {
            uint64_t entry = random64(&seed);

            wild->tables[i / PT_ENTRIES][i % PT_ENTRIES] =
                round % 2 == 0 ? entry : (entry | 1) & ~BIT(7);
        }
        format.levels = 4 + round % 3 % 2;
        format.largest_leaf = 1 + round % 3;
        wild->unreadable = round % 5 == 0 ? BIT(30) : 0;
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t address = random64(&seed);
            struct pt_walk walk;

            wild->reads = 0;
            walk = pt_walk(&format, &wild->memory, HPA(random64(&seed) & format.address), address);
            assert_in_range(walk.level, 1, format.levels);
            assert_int_equal(wild->reads, format.levels - walk.level + 1);
            assert_false(walk.present && !walk.readable);
            if (walk.present) {
                assert_int_equal(walk.target.value % PAGE_SIZE, address % PAGE_SIZE);
                assert_int_equal(walk.target.value & ~(format.address | (PAGE_SIZE - 1)), 0);
                assert_true(walk.level == 1 || walk.level <= format.largest_leaf);
            } else {
                assert_int_equal(walk.target.value, 0);
            }
        }
    }
    free(wild);
}

static void table_that_refers_to_itself(void **state)
{
    struct wild_memory *wild = calloc(1, sizeof(*wild));
    struct pt_walk walk;

    (void)state;
    wild->memory.at = wild_at;
    wild->tables[1][3] = 0x1000 | HOST_RW;
    walk = pt_walk(&host, &wild->memory, HPA(0x1000),
                   (3 * pt_span(4)) | (3 * pt_span(3)) | (3 * pt_span(2)) | 0x3123);
    assert_true(walk.present);
    assert_int_equal(walk.level, 1);
    assert_int_equal(walk.target.value, 0x1123);
    free(wild);
}

/* PAT is bit 12 in a large leaf, no part of its address, and bit 7 in a 4 KiB one, no mark. */
static void pat_is_an_attribute_at_every_level(void **state)
{
    struct wild_memory *wild = calloc(1, sizeof(*wild));
    struct pt_walk walk;

    (void)state;
    wild->memory.at = wild_at;
    wild->tables[1][0] = 0x2000 | HOST_RW;
    wild->tables[2][0] = 0x3000 | HOST_RW;
    wild->tables[2][1] = 5 * GIB | BIT(12) | BIT(7) | HOST_RW;
    wild->tables[3][0] = 0x4000 | HOST_RW;
    wild->tables[3][1] = 6 * MIB | BIT(12) | BIT(7) | HOST_RW;
    wild->tables[4][1] = 0x9000 | BIT(7) | HOST_RW;
    walk = pt_walk(&host, &wild->memory, HPA(0x1000), 0x1234);
    assert_int_equal(walk.target.value, 0x9234);
    assert_int_equal(walk.attributes, BIT(7) | HOST_RW);
    walk = pt_walk(&host, &wild->memory, HPA(0x1000), 2 * MIB + 0x234);
    assert_int_equal(walk.target.value, 6 * MIB + 0x234);
    assert_int_equal(walk.attributes, BIT(12) | HOST_RW);
    walk = pt_walk(&host, &wild->memory, HPA(0x1000), GIB + 0x234);
    assert_int_equal(walk.target.value, 5 * GIB + 0x234);
    assert_int_equal(walk.attributes, BIT(12) | HOST_RW);
    free(wild);
}

static void unreadable_table_is_named(void **state)
{
    struct wild_memory *wild = calloc(1, sizeof(*wild));
    struct pt_walk walk;

    (void)state;
    wild->memory.at = wild_at;
    wild->unreadable = BIT(40);
    walk = pt_walk(&host, &wild->memory, HPA(BIT(40)), 0);
    assert_false(walk.readable);
    assert_false(walk.present);
    assert_int_equal(walk.level, 4);
    assert_int_equal(walk.table[4].value, BIT(40));
    wild->tables[1][0] = 0x2000 | HOST_RW;
    wild->tables[2][1] = BIT(40) | 0x5000 | HOST_RW;
    walk = pt_walk(&host, &wild->memory, HPA(0x1000), GIB);
    assert_false(walk.readable);
    assert_int_equal(walk.level, 2);
    assert_int_equal(walk.table[2].value, BIT(40) | 0x5000);
    assert_int_equal(walk.entry[3], BIT(40) | 0x5000 | HOST_RW);
    free(wild);
}

/* A plain array of pages beside the tables: what each one's leaf must say, 0 for absent. */
struct model {
    struct page_table pt;
    uint64_t base, pages; /* the window of the space that the operations stay in */
    uint64_t *target, *attributes;
};

/* Compares all of the window, leaf by leaf. */
static void check_model(struct pool *pool, const struct model *model)
{
    for (uint64_t page = 0; page < model->pages;) {
        uint64_t address = model->base + page * PAGE_SIZE;
        struct pt_walk walk = pt_walk(model->pt.format, &pool->memory, model->pt.root, address);
        uint64_t end = MIN(model->pages,
                           ((address | (pt_span(walk.level) - 1)) + 1 - model->base) / PAGE_SIZE);

        for (uint64_t i = page; i < end; i++) {
            uint64_t target = walk.target.value + (i - page) * PAGE_SIZE;

            if (model->attributes[i] != walk.attributes ||
                (walk.present && model->target[i] != target)) {
                fail_msg("page %llu: attributes %llx, should be %llx", (unsigned long long)i,
                         (unsigned long long)walk.attributes,
                         (unsigned long long)model->attributes[i]);
            }
        }
        page = end;
    }
}

static void model_operation(struct model *model, uint64_t *seed, uint64_t unit)
{
    static const uint64_t host_bits[] = {BIT(1), BIT(3), BIT(4), BIT(5), BIT(6), BIT(8), BIT(63)};
    static const uint64_t ept_bits[] = {BIT(1), BIT(2), BIT(3), BIT(4), BIT(5), BIT(8), BIT(9)};
    bool is_host = model->pt.format->canonical;
    uint64_t from = random64(seed) % model->pages;
    uint64_t count = 1 + random64(seed) % (2 * unit);
    uint64_t target = random64(seed) % BIT(20);
    uint64_t attributes = is_host ? BIT(0) : BIT(random64(seed) % 3);
    bool map = random64(seed) % 5 < 3;
    uint64_t address;

    if (random64(seed) % 2 == 0) { /* as large leaves want it */
        from = ALIGN_DOWN(from, unit);
        target = random64(seed) % 2 == 0 ? from : ALIGN_DOWN(target, unit);
        count = ALIGN_UP(count, unit);
    }
    count = MIN(count, model->pages - from);
    address = model->base + from * PAGE_SIZE;
    for (unsigned i = 0; i < ARRAY_SIZE(ept_bits); i++) {
        attributes |= random64(seed) % 2 == 0 ? 0 : is_host ? host_bits[i] : ept_bits[i];
    }
    if (map) {
        assert_int_equal(
            pt_map(&model->pt, address, HPA(target * PAGE_SIZE), count * PAGE_SIZE, attributes),
            STATUS_OK);
    } else {
        assert_int_equal(pt_unmap(&model->pt, address, count * PAGE_SIZE), STATUS_OK);
    }
    for (uint64_t i = 0; i < count; i++) {
        model->target[from + i] = (target + i) * PAGE_SIZE;
        model->attributes[from + i] = map ? attributes : 0;
    }
}

static void run_model(struct pool *pool, const struct pt_format *format, uint64_t base,
                      uint64_t pages, unsigned operations, unsigned check_every, uint64_t unit)
{
    struct model model = {.pt = new_tables(pool, format), .base = base, .pages = pages};
    uint64_t seed = 0x853c49e6748fea9b ^ pages;

    model.target = calloc(pages, sizeof(*model.target));
    model.attributes = calloc(pages, sizeof(*model.attributes));
    for (unsigned i = 1; i <= operations; i++) {
        model_operation(&model, &seed, i % 3 == 0 ? 8 : unit);
        if (i % check_every == 0) {
            check_model(pool, &model);
            check_tables(pool, &model.pt);
        }
    }
    assert_int_equal(pt_unmap(&model.pt, base, pages * PAGE_SIZE), STATUS_OK);
    assert_int_equal(model.pt.tables, 1);
    pt_destroy(&model.pt);
    assert_int_equal(pool->in_use, 0);
    free(model.target);
    free(model.attributes);
}

/* 6 MiB across a border of 512 GiB, so that every level takes part: leaves of 4 KiB and 2 MiB. */
static void host_agrees_with_model(void **state)
{
    run_model(*state, &host, 512 * GIB - 3 * MIB, 1536, 120000, 12, 512);
    run_model(*state, &host, 0xffff800000000000, 1536, 20000, 12, 512);
}

static void ept_agrees_with_model(void **state)
{
    struct pt_format five = ept;

    five.levels = 5;
    run_model(*state, &ept, 512 * GIB - 3 * MIB, 1536, 120000, 12, 512);
    run_model(*state, &five, BIT(48) - 3 * MIB, 1536, 20000, 12, 512);
}

/* 3 GiB: leaves of 1 GiB are made, split, and swallow trees. */
static void large_leaves_agree_with_model(void **state)
{
    run_model(*state, &host, 511 * GIB, 3 * GIB / PAGE_SIZE, 600, 3, GIB / PAGE_SIZE);
    run_model(*state, &ept, 511 * GIB, 3 * GIB / PAGE_SIZE, 600, 3, GIB / PAGE_SIZE);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(walks_each_leaf_size),
        POOL_TEST(identity_of_2g_is_a_handful_of_entries),
        POOL_TEST(leaves_are_as_large_as_alignment_and_format_allow),
        POOL_TEST(split_keeps_attributes),
        POOL_TEST(unmap_splits_and_frees),
        POOL_TEST(upper_half_is_canonical),
        POOL_TEST(five_levels),
        POOL_TEST(refuses_bad_arguments),
        POOL_TEST(out_of_memory_leaves_a_prefix),
        POOL_TEST(split_without_memory_changes_nothing),
        cmocka_unit_test(walk_ends_whatever_the_tables_hold),
        cmocka_unit_test(table_that_refers_to_itself),
        cmocka_unit_test(pat_is_an_attribute_at_every_level),
        cmocka_unit_test(unreadable_table_is_named),
        POOL_TEST(host_agrees_with_model),
        POOL_TEST(ept_agrees_with_model),
        POOL_TEST(large_leaves_agree_with_model),
    };

    return cmocka_run_group_tests_name("pagetable", tests, NULL, NULL);
}
