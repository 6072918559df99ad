/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing attributes, splitting, joining and listing, case by case, and what it costs: entries
 * written, and tables looked at. test_ept_model.c has the same operations by the million.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/pagerun.h"
#include "tests/unit/table_pool.h"

#define HOST_RW       (BIT(0) | BIT(1))
#define HOST_NX       BIT(63)
#define HOST_ACCESSED BIT(5)
#define HOST_DIRTY    BIT(6)
#define HOST_PAT      BIT(7) /* of a page of 4 KiB */
#define EPT_RWX       BITS(2, 0)
#define EPT_WRITE     BIT(1)
#define EPT_WB        FIELD_PUT(BITS(5, 3), 6)
#define EPT_ACCESSED  BIT(8)
#define EPT_DIRTY     BIT(9)

static const struct pt_format host = {
    .levels = 4,
    .largest_leaf = 3,
    .canonical = true,
    .present = BIT(0),
    .table = BIT(0) | BIT(1) | BIT(2),
    .leaf = BIT(7),
    .address = POOL_ADDRESS,
    .accessed = HOST_ACCESSED,
    .dirty = HOST_DIRTY,
    .grants = HOST_RW | BIT(2),
    .denies = HOST_NX,
    .types = BIT(3) | BIT(4),
};
static const struct pt_format ept = {
    .levels = 4,
    .largest_leaf = 3,
    .present = EPT_RWX,
    .table = EPT_RWX,
    .leaf = BIT(7),
    .address = POOL_ADDRESS,
    .accessed = EPT_ACCESSED,
    .dirty = EPT_DIRTY,
    .grants = EPT_RWX,
    .types = BITS(6, 3),
};

static uint64_t *entry_of(const struct page_table *pt, uint64_t address, unsigned level)
{
    struct pt_walk walk = pt_walk(pt->format, pt->memory, pt->root, address);

    assert_true(walk.level <= level);
    return &pt->memory->at(pt->memory, walk.table[level])[pt_index(level, address)];
}

static void check_mapped(const struct page_table *pt, uint64_t address, uint64_t target,
                         unsigned level, uint64_t attributes)
{
    struct pt_walk walk = pt_walk(pt->format, pt->memory, pt->root, address);

    assert_true(walk.present);
    assert_int_equal(walk.level, level);
    assert_int_equal(walk.target.value, target);
    assert_int_equal(walk.attributes, attributes);
}

static struct page_table with_a_gibibyte(struct pool *pool, uint64_t attributes)
{
    struct page_table pt = new_tables(pool, &ept);

    assert_int_equal(pt_map(&pt, GIB, HPA(3 * GIB), GIB, attributes), STATUS_OK);
    return pt;
}

static void end(struct pool *pool, struct page_table *pt)
{
    check_tables(pool, pt);
    pt_destroy(pt);
    assert_int_equal(pool->in_use, 0);
}

static void protect_changes_what_it_is_told(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, EPT_RWX | EPT_WB | EPT_DIRTY | BIT(60));

    assert_int_equal(pt_protect(&pt, GIB, GIB, EPT_WRITE, EPT_ACCESSED), STATUS_OK);
    check_mapped(&pt, GIB, 3 * GIB, 3, 5 | EPT_WB | EPT_DIRTY | EPT_ACCESSED | BIT(60));
    assert_int_equal(pt.tables, 2);
    assert_int_equal(pt_protect(&pt, GIB + 0x5000, 0x1000, BITS(5, 3), 0), STATUS_OK);
    check_mapped(&pt, GIB + 0x5000, 3 * GIB + 0x5000, 1, 5 | EPT_DIRTY | EPT_ACCESSED | BIT(60));
    check_mapped(&pt, GIB + 0x6000, 3 * GIB + 0x6000, 1,
                 5 | EPT_WB | EPT_DIRTY | EPT_ACCESSED | BIT(60));
    check_mapped(&pt, GIB + 2 * MIB, 3 * GIB + 2 * MIB, 2,
                 5 | EPT_WB | EPT_DIRTY | EPT_ACCESSED | BIT(60));
    assert_int_equal(pt.tables, 4);
    /* What is absent stays so. */
    assert_int_equal(pt_protect(&pt, 0, BIT(48), 0, EPT_RWX), STATUS_OK);
    assert_int_equal(pt.tables, 4);
    end(pool, &pt);
}

static void protect_leaves_alone_what_is_right(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, 5 | EPT_WB);

    pool_start_counting(pool);
    assert_int_equal(pt_protect(&pt, GIB + 0x5000, 0x1000, EPT_WRITE, 1), STATUS_OK);
    assert_int_equal(pt_protect(&pt, GIB + 0x5000, 0x1000, BITS(5, 3), EPT_WB), STATUS_OK);
    assert_int_equal(pool_stop_counting(pool), 0);
    check_mapped(&pt, GIB + 0x5000, 3 * GIB + 0x5000, 3, 5 | EPT_WB);
    assert_false(pt.changes.needs_flush);
    end(pool, &pt);
}

static void protect_leaves_no_leaf_without_rights(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, EPT_RWX);

    assert_int_equal(pt_protect(&pt, GIB, GIB, EPT_RWX, 0), STATUS_INVALID);
    assert_int_equal(pt_protect(&pt, GIB, GIB, 0, BIT(7)), STATUS_INVALID);
    assert_int_equal(pt_protect(&pt, GIB, GIB, BIT(12), 0), STATUS_INVALID);
    assert_int_equal(pt_protect(&pt, GIB + 1, GIB, 0, 1), STATUS_INVALID);
    assert_int_equal(pt_protect(&pt, BIT(48), GIB, 0, 1), STATUS_INVALID);
    assert_int_equal(pt_protect(&pt, GIB + 2 * PAGE_SIZE, PAGE_SIZE, 6, 0), STATUS_OK);
    assert_int_equal(pt_protect(&pt, GIB, GIB, 1, 0), STATUS_INVALID);
    check_mapped(&pt, GIB + PAGE_SIZE, 3 * GIB + PAGE_SIZE, 1, 6);
    check_mapped(&pt, GIB + 2 * PAGE_SIZE, 3 * GIB + 2 * PAGE_SIZE, 1, 1);
    check_mapped(&pt, GIB + 3 * PAGE_SIZE, 3 * GIB + 3 * PAGE_SIZE, 1, 7);
    end(pool, &pt);
}

/* Each part inherits all; the tables between are as accessed as the leaf was. */
static void split_keeps_accessed_and_dirty(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, EPT_RWX | EPT_WB | EPT_ACCESSED | EPT_DIRTY);

    assert_int_equal(pt_split(&pt, GIB, GIB, 0), STATUS_INVALID);
    assert_int_equal(pt_split(&pt, GIB, GIB, 3), STATUS_OK);
    check_mapped(&pt, GIB, 3 * GIB, 3, EPT_RWX | EPT_WB | EPT_ACCESSED | EPT_DIRTY);
    assert_int_equal(pt_split(&pt, GIB + 4 * MIB, PAGE_SIZE, 1), STATUS_OK);
    check_mapped(&pt, GIB + 4 * MIB, 3 * GIB + 4 * MIB, 1,
                 EPT_RWX | EPT_WB | EPT_ACCESSED | EPT_DIRTY);
    check_mapped(&pt, GIB + 6 * MIB, 3 * GIB + 6 * MIB, 2,
                 EPT_RWX | EPT_WB | EPT_ACCESSED | EPT_DIRTY);
    for (unsigned level = 2; level <= 3; level++) {
        assert_true(*entry_of(&pt, GIB + 4 * MIB, level) & EPT_ACCESSED);
        assert_false(*entry_of(&pt, GIB + 4 * MIB, level) & EPT_DIRTY);
    }
    assert_int_equal(pt_split(&pt, GIB, GIB, 2), STATUS_OK);
    assert_int_equal(pt.tables, 4);
    assert_int_equal(pt_split(&pt, GIB, GIB, 1), STATUS_OK);
    assert_int_equal(pt.tables, 3 + 512);
    end(pool, &pt);

    pt = with_a_gibibyte(pool, EPT_RWX | EPT_WB);
    assert_int_equal(pt_split(&pt, GIB, PAGE_SIZE, 1), STATUS_OK);
    assert_false(*entry_of(&pt, GIB, 2) & EPT_ACCESSED);
    end(pool, &pt);
}

static void join_gathers_accessed_and_dirty(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, EPT_RWX | EPT_WB);

    assert_int_equal(pt_split(&pt, GIB, GIB, 1), STATUS_OK);
    *entry_of(&pt, GIB + 0x5000, 1) |= EPT_ACCESSED;
    *entry_of(&pt, GIB + 7 * MIB, 1) |= EPT_ACCESSED | EPT_DIRTY;
    assert_int_equal(pt_join(&pt, GIB + 0x1ff000, PAGE_SIZE), STATUS_OK);
    check_mapped(&pt, GIB + 0x6000, 3 * GIB + 0x6000, 2, EPT_RWX | EPT_WB | EPT_ACCESSED);
    check_mapped(&pt, GIB + 2 * MIB, 3 * GIB + 2 * MIB, 1, EPT_RWX | EPT_WB);
    assert_int_equal(pt.tables, 2 + 512);
    assert_int_equal(pt_join(&pt, 0, BIT(48)), STATUS_OK);
    check_mapped(&pt, GIB, 3 * GIB, 3, EPT_RWX | EPT_WB | EPT_ACCESSED | EPT_DIRTY);
    assert_int_equal(pt.tables, 2);
    end(pool, &pt);
}

static void join_wants_all_parts_alike(void **state)
{
    struct pool *pool = *state;
    struct pt_format small = ept;
    struct page_table pt = new_tables(pool, &ept);

    /* Contiguous and alike, but the target is not aligned. */
    assert_int_equal(pt_map(&pt, 0, HPA(PAGE_SIZE), 2 * MIB, EPT_RWX), STATUS_OK);
    /* One is missing; one has other rights; one leads elsewhere. */
    assert_int_equal(pt_map(&pt, 2 * MIB, HPA(2 * MIB), 2 * MIB - PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_map(&pt, 4 * MIB, HPA(4 * MIB), 2 * MIB, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_protect(&pt, 4 * MIB + PAGE_SIZE, PAGE_SIZE, EPT_WRITE, 0), STATUS_OK);
    assert_int_equal(pt_map(&pt, 6 * MIB, HPA(6 * MIB), 2 * MIB, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_map(&pt, 8 * MIB - PAGE_SIZE, HPA(0), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pt.tables, 1 + 1 + 1 + 4);
    pt.changes.needs_flush = false;
    assert_int_equal(pt_join(&pt, 0, 8 * MIB), STATUS_OK);
    assert_int_equal(pt.tables, 1 + 1 + 1 + 4);
    assert_false(pt.changes.needs_flush);
    /* The ends mended, two of them join. */
    assert_int_equal(pt_protect(&pt, 4 * MIB, 2 * MIB, 0, EPT_WRITE), STATUS_OK);
    assert_int_equal(pt_map(&pt, 4 * MIB - PAGE_SIZE, HPA(4 * MIB - PAGE_SIZE), PAGE_SIZE, EPT_RWX),
                     STATUS_OK);
    assert_int_equal(pt_join(&pt, 0, 8 * MIB), STATUS_OK);
    assert_int_equal(pt.tables, 1 + 1 + 1 + 2);
    assert_int_equal(pt_join(&pt, 0, 1), STATUS_INVALID);
    end(pool, &pt);

    small.largest_leaf = 1;
    pt = new_tables(pool, &small);
    assert_int_equal(pt_map(&pt, 0, HPA(0), 4 * MIB, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_join(&pt, 0, 4 * MIB), STATUS_OK);
    assert_int_equal(pt.tables, 5);
    end(pool, &pt);
}

/* Bit 7 of a host's page of 4 KiB is PAT, which a larger page has in bit 12. */
static void join_does_not_take_pat_for_a_leaf(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &host);

    assert_int_equal(pt_map(&pt, 0, HPA(0), 2 * MIB, HOST_RW), STATUS_OK);
    assert_int_equal(pt_split(&pt, 0, 2 * MIB, 1), STATUS_OK);
    for (uint64_t address = 0; address < 2 * MIB; address += PAGE_SIZE) {
        *entry_of(&pt, address, 1) |= HOST_PAT;
    }
    assert_int_equal(pt_join(&pt, 0, 2 * MIB), STATUS_OK);
    assert_int_equal(pt.tables, 4);
    pt_destroy(&pt);
}

static void host_rights_are_known(void **state)
{
    struct pool *pool = *state;
    uint64_t image = 0xffffffff80000000;
    struct page_table pt = new_tables(pool, &host);

    assert_int_equal(pt_map(&pt, image, HPA(0), 4 * MIB, HOST_RW), STATUS_OK);
    assert_false(pt.changes.needs_flush);
    assert_int_equal(pt_protect(&pt, image, 2 * MIB, 0, HOST_NX), STATUS_OK);
    assert_true(pt.changes.needs_flush);
    assert_int_equal(pt.changes.first, image);
    assert_int_equal(pt.changes.last, image + 2 * MIB - 1);
    pt_settle(&pt);
    assert_int_equal(pt_protect(&pt, image, 2 * MIB, HOST_NX, BIT(2)), STATUS_OK);
    assert_false(pt.changes.needs_flush);
    assert_int_equal(pt_protect(&pt, image + 2 * MIB, 2 * MIB, BIT(1), 0), STATUS_OK);
    assert_true(pt.changes.needs_flush);
    assert_int_equal(pt.changes.first, image + 2 * MIB);
    end(pool, &pt);
}

struct list {
    struct pt_run runs[8];
    unsigned count, most;
};

static bool add_run(void *context, const struct pt_run *run)
{
    struct list *list = context;

    list->runs[list->count++] = *run;
    return list->count < list->most;
}

static void runs_are_merged_whatever_their_pages(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &ept);
    struct list list = {.most = 8}, first = {.most = 1};
    uint64_t start = GIB - 2 * MIB - PAGE_SIZE, length = 2 * PAGE_SIZE + 2 * MIB + GIB;

    assert_int_equal(pt_map(&pt, start, HPA(start + GIB), length, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_map(&pt, BIT(46), HPA(0), 2 * MIB, 1), STATUS_OK);
    *entry_of(&pt, GIB + 5, 3) |= EPT_ACCESSED;
    assert_int_equal(pt_for_each_run(&pt, 0, BIT(48), add_run, &list), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.runs[0].first, start);
    assert_int_equal(list.runs[0].last, start + length - 1);
    assert_int_equal(list.runs[0].target.value, start + GIB);
    assert_int_equal(list.runs[0].attributes, EPT_RWX | EPT_ACCESSED);
    assert_int_equal(list.runs[0].level, 1);
    assert_int_equal(list.runs[0].leaves[1], 2);
    assert_int_equal(list.runs[0].leaves[2], 1);
    assert_int_equal(list.runs[0].leaves[3], 1);
    assert_int_equal(list.runs[1].first, BIT(46));
    assert_int_equal(list.runs[1].attributes, 1);

    assert_int_equal(pt_for_each_run(&pt, GIB + PAGE_SIZE, GIB, add_run, &first), STATUS_OK);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.runs[0].first, GIB + PAGE_SIZE);
    assert_int_equal(first.runs[0].last, 2 * GIB + PAGE_SIZE - 1);
    assert_int_equal(first.runs[0].target.value, 2 * GIB + PAGE_SIZE);
    first.count = 0;
    assert_int_equal(pt_for_each_run(&pt, 0, BIT(48), add_run, &first), STATUS_OK);
    assert_int_equal(first.count, 1);
    assert_int_equal(pt_for_each_run(&pt, 0, 0, add_run, &first), STATUS_OK);
    assert_int_equal(first.count, 1);
    assert_int_equal(pt_for_each_run(&pt, 0, BIT(49), add_run, &first), STATUS_INVALID);
    end(pool, &pt);
}

static void runs_of_a_canonical_space(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &host);
    struct list list = {.most = 8};
    uint64_t half = 0xffff800000000000;

    assert_int_equal(pt_map(&pt, BIT(47) - PAGE_SIZE, HPA(0), PAGE_SIZE, HOST_RW), STATUS_OK);
    assert_int_equal(pt_map(&pt, half, HPA(PAGE_SIZE), PAGE_SIZE, HOST_RW), STATUS_OK);
    assert_int_equal(pt_map(&pt, -PAGE_SIZE, HPA(0), PAGE_SIZE, HOST_RW), STATUS_OK);
    assert_int_equal(pt_for_each_run(&pt, 0, BIT(47), add_run, &list), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.runs[0].last, BIT(47) - 1);
    assert_int_equal(pt_for_each_run(&pt, half, BIT(47), add_run, &list), STATUS_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.runs[1].first, half);
    assert_int_equal(list.runs[2].last, UINT64_MAX);
    end(pool, &pt);
}

static void query_says_what_and_how_far(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = with_a_gibibyte(pool, EPT_RWX | EPT_WB);
    struct pt_run run;

    assert_int_equal(pt_query(&pt, 0x5000, BIT(47), &run), STATUS_OK);
    assert_false(run.present);
    assert_int_equal(run.first, 0x5000);
    assert_int_equal(run.last, GIB - 1);
    assert_int_equal(pt_query(&pt, 0, 0x7000, &run), STATUS_OK);
    assert_int_equal(run.last, 0x6fff);
    assert_int_equal(pt_query(&pt, 2 * GIB, BIT(48) - 2 * GIB, &run), STATUS_OK);
    assert_false(run.present);
    assert_int_equal(run.last, BIT(48) - 1);
    assert_int_equal(pt_protect(&pt, GIB + 4 * MIB, PAGE_SIZE, EPT_WRITE, 0), STATUS_OK);
    assert_int_equal(pt_query(&pt, GIB + 0x1000, GIB, &run), STATUS_OK);
    assert_true(run.present);
    assert_int_equal(run.last, GIB + 4 * MIB - 1);
    assert_int_equal(run.target.value, 3 * GIB + 0x1000);
    assert_int_equal(run.attributes, EPT_RWX | EPT_WB);
    assert_int_equal(run.level, 2);
    assert_int_equal(pt_query(&pt, 0, 0, &run), STATUS_INVALID);
    assert_int_equal(pt_query(&pt, 1, PAGE_SIZE, &run), STATUS_INVALID);
    assert_int_equal(pt_query(&pt, BIT(48), PAGE_SIZE, &run), STATUS_INVALID);
    end(pool, &pt);
}

/* Addresses end where the processor's do, or where the levels do. */
static void the_space_has_a_width(void **state)
{
    struct pool *pool = *state;
    struct pt_format narrow = ept;
    struct page_table pt;

    narrow.width = 39;
    pt = new_tables(pool, &narrow);
    assert_int_equal(pt_map(&pt, BIT(39) - PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_OK);
    assert_int_equal(pt_map(&pt, BIT(39) - PAGE_SIZE, HPA(0), 2 * PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_map(&pt, BIT(39), HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_unmap(&pt, 0, BIT(39) + PAGE_SIZE), STATUS_INVALID);
    assert_int_equal(pt_unmap(&pt, 0, BIT(39)), STATUS_OK);
    narrow.width = 60;
    assert_int_equal(pt_map(&pt, BIT(48), HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_map(&pt, BIT(48) - PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_OK);
    end(pool, &pt);
}

/* Ranges, not memory, are what a map costs: entries written, cleared tables not counted. */
static void costs_grow_with_ranges(void **state)
{
    struct pool *pool = *state;
    struct pt_format small = ept;
    struct page_table pt;
    uint64_t writes;

    for (unsigned levels = 4; levels <= 5; levels++) {
        small.levels = levels;
        pt = new_tables(pool, &small);
        pool_start_counting(pool);
        assert_int_equal(pt_map(&pt, 0, HPA(0), 4 * TIB, EPT_RWX | EPT_WB), STATUS_OK);
        writes = pool_stop_counting(pool);
        print_message("4 TiB of 1 GiB pages, %u levels: %lu entries written, %lu tables\n", levels,
                      writes, pt.tables);
        assert_int_equal(writes, 4096 + 8 + (levels - 4));
        assert_int_equal(pt.tables, levels - 3 + 8);
        /* A hole for a device of 4 KiB, and one of 64 MiB. */
        pool_start_counting(pool);
        assert_int_equal(pt_map(&pt, 0xfee00000, HPA(0xfee00000), PAGE_SIZE, 3), STATUS_OK);
        assert_int_equal(pt_map(&pt, 0xe0000000, HPA(0xe0000000), 64 * MIB, 3), STATUS_OK);
        assert_in_range(pool_stop_counting(pool), 1, 512 + 512 + 2 + 1 + 32);
        end(pool, &pt);
    }
    small.largest_leaf = 2;
    pt = new_tables(pool, &small);
    pool_start_counting(pool);
    assert_int_equal(pt_map(&pt, 0, HPA(0), 2 * GIB, EPT_RWX | EPT_WB), STATUS_OK);
    assert_int_equal(pool_stop_counting(pool), 1024 + 2 + 1 + 1);
    end(pool, &pt);
}

/* A page into tables that are there already: one entry, no other table looked at. */
static void a_page_costs_one_entry(void **state)
{
    struct pool *pool = *state;
    struct page_table pt = new_tables(pool, &ept);

    assert_int_equal(pt_map(&pt, 0x5000, HPA(0x5000), PAGE_SIZE, EPT_RWX), STATUS_OK);
    pool_start_counting(pool);
    assert_int_equal(pt_map(&pt, 0x6000, HPA(0x6000), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pool_stop_counting(pool), 1);
    assert_int_equal(pt.tables, 4);
    end(pool, &pt);
}

/* The straight way that a page takes refuses what the long one does, where all tables are there. */
static void a_page_is_refused_as_a_range_is(void **state)
{
    static const struct {
        uint64_t address, target, attributes;
    } bad[] = {
        {BIT(39), 0, EPT_RWX},          {BIT(48), 0, EPT_RWX},    {BIT(63), 0, EPT_RWX},
        {0x5800, 0, EPT_RWX},           {0x5000, 0x800, EPT_RWX}, {0x5000, BIT(46), EPT_RWX},
        {0x5000, BIT(63), EPT_RWX},     {0x5000, 0, EPT_WB},      {0x5000, 0, EPT_RWX | BIT(7)},
        {0x5000, 0, EPT_RWX | BIT(12)},
    };
    struct pool *pool = *state;
    struct pt_format narrow = ept;

    pool_make_direct(pool);
    for (unsigned width = 0; width <= 39; width += 39) {
        struct page_table pt;

        narrow.width = width;
        pt = new_tables(pool, &narrow);
        assert_int_equal(pt_map(&pt, 0, HPA(0), PAGE_SIZE, EPT_RWX), STATUS_OK);
        for (unsigned i = width == 0; i < ARRAY_SIZE(bad); i++) {
            assert_int_equal(
                pt_map(&pt, bad[i].address, HPA(bad[i].target), PAGE_SIZE, bad[i].attributes),
                STATUS_INVALID);
        }
        assert_int_equal(pt_map(&pt, 0x5000, HPA(BIT(45) - PAGE_SIZE), PAGE_SIZE, 5), STATUS_OK);
        check_mapped(&pt, 0x5000, BIT(45) - PAGE_SIZE, 1, 5);
        assert_false(pt.changes.needs_flush);
        assert_int_equal(pt_map(&pt, 0x5000, HPA(BIT(45) - PAGE_SIZE), PAGE_SIZE, 1), STATUS_OK);
        assert_true(pt.changes.needs_flush);
        assert_int_equal(pt.tables, 4);
        end(pool, &pt);
    }
}

/* Where address bits that select nothing would lead to tables that are there. */
static void a_page_beyond_the_space_is_refused(void **state)
{
    struct pool *pool = *state;
    struct pt_format wide = ept;
    struct page_table pt;

    pool_make_direct(pool);
    wide.address = BITS(51, 12);
    pt = new_tables(pool, &wide);
    assert_int_equal(pt_map(&pt, 0, HPA(0), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_map(&pt, BIT(39), HPA(0), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(pt_map(&pt, BIT(48) + PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    wide.width = 39;
    assert_int_equal(pt_map(&pt, BIT(39) + PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    wide.width = 52;
    assert_int_equal(pt_map(&pt, BIT(48) + PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_INVALID);
    assert_int_equal(pt_map(&pt, BIT(39) + PAGE_SIZE, HPA(0), PAGE_SIZE, 1), STATUS_OK);
    end(pool, &pt);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(protect_changes_what_it_is_told),
        TEST(protect_leaves_alone_what_is_right),
        TEST(protect_leaves_no_leaf_without_rights),
        TEST(split_keeps_accessed_and_dirty),
        TEST(join_gathers_accessed_and_dirty),
        TEST(join_wants_all_parts_alike),
        TEST(join_does_not_take_pat_for_a_leaf),
        TEST(host_rights_are_known),
        TEST(runs_are_merged_whatever_their_pages),
        TEST(runs_of_a_canonical_space),
        TEST(query_says_what_and_how_far),
        TEST(the_space_has_a_width),
        TEST(costs_grow_with_ranges),
        TEST(a_page_costs_one_entry),
        TEST(a_page_is_refused_as_a_range_is),
        TEST(a_page_beyond_the_space_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
