/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest-physical space as its owner sees it: what is refused, on processors of each width and
 * walk length, and the space as a list of runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ept/ept.h"

#define POOL_BASE BIT(34) /* within what the narrowest processor here can address */
#include "tests/unit/table_pool.h"

static struct pool *pool;

static hpa_t take(struct pt_memory *memory)
{
    (void)memory;
    return pool_take(&pool->memory);
}

static void give(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    pool_give(&pool->memory, table);
}

static uint64_t *at(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    return pool_at(&pool->memory, table);
}

struct table_memory table_memory(enum page_limit limit)
{
    return (struct table_memory){{take, give, at, false}, limit};
}

static struct ept_abilities abilities(unsigned width)
{
    return (struct ept_abilities){
        .largest_leaf = 3, .physical_width = width, .accessed_dirty = true, .write_back = true};
}

static enum status map(struct ept *ept, uint64_t gpa, uint64_t hpa, uint64_t length)
{
    return ept_map(ept, GPA(gpa), HPA(hpa), length, EPT_RWX, EPT_TYPE_WB);
}

static void refuses_what_is_beyond_the_processor(void **state)
{
    static const unsigned widths[] = {36, 39, 45, 46, 48, 52};

    pool = *state;
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(widths); i++) {
        struct ept_abilities can = abilities(widths[i / 2]);
        uint64_t hosts = BIT(can.physical_width), guests;
        struct ept ept;

        can.walk_length = 4 + i % 2;
        guests = can.walk_length == 4 ? MIN(hosts, BIT(48)) : hosts;
        assert_int_equal(ept_init(&ept, &can), STATUS_OK);
        assert_int_equal(ept_size(&ept), guests);
        assert_int_equal(map(&ept, guests - PAGE_SIZE, hosts - PAGE_SIZE, PAGE_SIZE), STATUS_OK);
        assert_int_equal(ept_walk(&ept, GPA(guests - 1)).target.value, hosts - 1);
        assert_int_equal(map(&ept, guests, 0, PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, guests - PAGE_SIZE, 0, 2 * PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, 0, hosts, PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, 0, hosts - PAGE_SIZE, 2 * PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, BIT(63), 0, PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, 0, BIT(63), PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(map(&ept, -PAGE_SIZE, 0, 2 * PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(ept_unmap(&ept, GPA(0), guests + PAGE_SIZE), STATUS_INVALID);
        assert_int_equal(ept_unmap(&ept, GPA(0), guests), STATUS_OK);
        assert_int_equal(ept.table.tables, 1);
        assert_int_equal(ept_pointer(&ept, &can),
                         ept.table.root.value | 6 | (can.walk_length - 1) << 3 | BIT(6));
        ept_destroy(&ept);
    }
    assert_int_equal(pool->in_use, 0);
}

static void refuses_misconfigurations(void **state)
{
    static const uint64_t never[] = {0,
                                     EPT_WRITE,
                                     EPT_WRITE | EPT_EXECUTE,
                                     EPT_RWX | EPT_LEAF,
                                     EPT_RWX | EPT_EXECUTE_USER,
                                     EPT_RWX | BIT(3),
                                     EPT_RWX | BIT(12)};
    struct ept_abilities can = abilities(45);
    struct ept ept;

    pool = *state;
    assert_int_equal(ept_init(&ept, &can), STATUS_OK);
    assert_int_equal(map(&ept, 0, 0, GIB), STATUS_OK);
    for (unsigned i = 0; i < ARRAY_SIZE(never); i++) {
        assert_int_equal(ept_map(&ept, GPA(0), HPA(0), GIB, never[i], 6), STATUS_INVALID);
        assert_int_equal(ept_set_rights(&ept, GPA(0), GIB, never[i]), STATUS_INVALID);
    }
    assert_int_equal(ept_set_rights(&ept, GPA(0), GIB, EPT_EXECUTE), STATUS_INVALID);
    for (unsigned type = 0; type < 9; type++) {
        enum status wanted = type == 2 || type == 3 || type > 6 ? STATUS_INVALID : STATUS_OK;

        assert_int_equal(ept_map(&ept, GPA(GIB), HPA(0), GIB, EPT_READ, type), wanted);
        assert_int_equal(ept_set_type(&ept, GPA(GIB), GIB, type), wanted);
    }
    ept_destroy(&ept);

    can.execute_only = true;
    can.mode_based = true;
    assert_int_equal(ept_init(&ept, &can), STATUS_OK);
    assert_int_equal(map(&ept, 0, 0, GIB), STATUS_OK);
    assert_int_equal(ept_set_rights(&ept, GPA(0), GIB, EPT_EXECUTE), STATUS_OK);
    assert_int_equal(ept_set_rights(&ept, GPA(0), 2 * MIB, EPT_EXECUTE_USER), STATUS_OK);
    assert_true(ept_walk(&ept, GPA(0)).present);
    assert_int_equal(ept_walk(&ept, GPA(0)).entry[3] & BITS(10, 0), EPT_RWX | EPT_EXECUTE_USER);
    ept_destroy(&ept);
    assert_int_equal(pool->in_use, 0);
}

/* In leaves alone, however large: that is where the processor looks. */
static void suppresses_ve(void **state)
{
    struct ept_abilities can = abilities(45);
    struct pt_walk walk;
    struct ept ept;

    pool = *state;
    assert_int_equal(ept_init(&ept, &can), STATUS_OK);
    assert_int_equal(map(&ept, 0, 0, GIB), STATUS_OK);
    assert_int_equal(ept_suppress_ve(&ept, GPA(2 * MIB), PAGE_SIZE, true), STATUS_OK);
    walk = ept_walk(&ept, GPA(2 * MIB));
    assert_int_equal(walk.level, 1);
    assert_true(walk.entry[1] & EPT_SUPPRESS_VE);
    assert_false((walk.entry[2] | walk.entry[3] | walk.entry[4]) & EPT_SUPPRESS_VE);
    assert_false(ept_walk(&ept, GPA(2 * MIB + PAGE_SIZE)).entry[1] & EPT_SUPPRESS_VE);
    assert_int_equal(ept_set_rights(&ept, GPA(2 * MIB), PAGE_SIZE, EPT_READ), STATUS_OK);
    assert_true(ept_walk(&ept, GPA(2 * MIB)).entry[1] & EPT_SUPPRESS_VE);
    assert_int_equal(ept_set_rights(&ept, GPA(2 * MIB), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(ept_suppress_ve(&ept, GPA(2 * MIB), PAGE_SIZE, false), STATUS_OK);
    assert_int_equal(ept_join(&ept, GPA(0), GIB), STATUS_OK);
    assert_int_equal(ept_walk(&ept, GPA(2 * MIB)).level, 3);
    ept_destroy(&ept);
    assert_int_equal(pool->in_use, 0);
}

struct list {
    struct ept_run runs[8];
    unsigned count;
};

static bool add_run(void *context, const struct ept_run *run)
{
    struct list *list = context;

    list->runs[list->count++] = *run;
    return true;
}

static void is_a_list_of_runs(void **state)
{
    struct ept_abilities can = abilities(45);
    struct list list = {0};
    struct ept_run run;
    struct ept ept;

    pool = *state;
    assert_int_equal(ept_init(&ept, &can), STATUS_OK);
    assert_int_equal(ept_for_each(&ept, add_run, &list), STATUS_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(map(&ept, 0, 0, 4 * GIB), STATUS_OK);
    assert_int_equal(ept_set_type(&ept, GPA(0xfee00000), PAGE_SIZE, EPT_TYPE_UC), STATUS_OK);
    assert_int_equal(ept_set_rights(&ept, GPA(0xfee01000), PAGE_SIZE, EPT_READ), STATUS_OK);
    assert_int_equal(pt_protect(&ept.table, GIB, GIB, 0, EPT_ACCESSED), STATUS_OK);
    assert_int_equal(ept_for_each(&ept, add_run, &list), STATUS_OK);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.runs[0].from.value, 0);
    assert_int_equal(list.runs[0].to.value, 0xfedfffff);
    assert_int_equal(list.runs[0].rights, EPT_RWX);
    assert_int_equal(list.runs[0].type, EPT_TYPE_WB);
    assert_true(list.runs[0].accessed && !list.runs[0].dirty && !list.runs[0].ignore_pat);
    assert_int_equal(list.runs[0].level, 3);
    assert_int_equal(list.runs[0].pages[3], 3);
    assert_int_equal(list.runs[0].pages[2], 503);
    assert_int_equal(list.runs[0].pages[1], 0);
    assert_int_equal(list.runs[1].type, EPT_TYPE_UC);
    assert_int_equal(list.runs[2].rights, EPT_READ);
    assert_int_equal(list.runs[2].hpa.value, 0xfee01000);
    assert_int_equal(list.runs[3].pages[1], 510);
    assert_int_equal(list.runs[3].to.value, 4 * GIB - 1);

    assert_int_equal(ept_query(&ept, GPA(0xfee00000), GIB, &run), STATUS_OK);
    assert_true(run.present && run.to.value == 0xfee00fff && run.type == EPT_TYPE_UC);
    assert_int_equal(ept_query(&ept, GPA(4 * GIB), ept_size(&ept) - 4 * GIB, &run), STATUS_OK);
    assert_true(!run.present && run.to.value == ept_size(&ept) - 1);
    assert_int_equal(ept_query(&ept, GPA(ept_size(&ept)), PAGE_SIZE, &run), STATUS_INVALID);

    /* What is undone leaves no trace. */
    assert_int_equal(ept_set_type(&ept, GPA(0xfee00000), PAGE_SIZE, EPT_TYPE_WB), STATUS_OK);
    assert_int_equal(ept_set_rights(&ept, GPA(0xfee01000), PAGE_SIZE, EPT_RWX), STATUS_OK);
    assert_int_equal(ept_join(&ept, GPA(0xfee00000), 2 * PAGE_SIZE), STATUS_OK);
    assert_int_equal(ept.table.tables, 2);
    ept_destroy(&ept);
    assert_int_equal(pool->in_use, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_beyond_the_processor),
        TEST(refuses_misconfigurations),
        TEST(suppresses_ve),
        TEST(is_a_list_of_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
