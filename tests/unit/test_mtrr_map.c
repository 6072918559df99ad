/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT with the MTRRs' types: leaf by leaf, what is mapped is compared with the type of each page,
 * and tables and entries are counted. Tables come from the host's own memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ept/ept.h"
#include "kernel/memory.h"
#include "tests/mtrr_sets.h"

#define WIDTH 48 /* of addresses in entries: the host's pointers fit */

static uint64_t tables, takes_left, given;

enum status page_take(uint64_t count, uint64_t alignment, enum page_limit limit, hpa_t *base)
{
    (void)limit;
    if (takes_left == 0) {
        return STATUS_NO_MEMORY;
    }
    takes_left--;
    tables += count;
    *base = HPA((uint64_t)aligned_alloc(alignment, count * PAGE_SIZE));
    memset((void *)base->value, 0xA5, count * PAGE_SIZE);
    return STATUS_OK;
}

void page_give(hpa_t base, uint64_t count)
{
    tables -= count;
    takes_left++;
    given += count;
    free((void *)base.value);
}

static struct ept ept;

static void start(unsigned largest_leaf)
{
    struct ept_abilities abilities = {.largest_leaf = largest_leaf, .physical_width = WIDTH};

    takes_left = 100000;
    assert_int_equal(tables, 0);
    assert_int_equal(ept_init(&ept, &abilities), STATUS_OK);
}

static void stop(void)
{
    ept_destroy(&ept);
    assert_int_equal(tables, 0);
}

static bool has_one_type(const struct mtrrs *mtrrs, uint64_t hpa, uint64_t length)
{
    unsigned type = mtrr_type(mtrrs, HPA(hpa));

    for (uint64_t page = PAGE_SIZE; page < length; page += PAGE_SIZE) {
        if (mtrr_type(mtrrs, HPA(hpa + page)) != type) {
            return false;
        }
    }
    return true;
}

/* Whether the leaf could have been one level larger: the same length, alignment, and type. */
static bool is_too_small(const struct mtrrs *mtrrs, unsigned largest, unsigned level, uint64_t hpa,
                         uint64_t distance, uint64_t first, uint64_t last)
{
    uint64_t span = pt_span(level + 1);
    uint64_t base = ALIGN_DOWN(hpa, span);

    return level < largest && IS_ALIGNED(distance, span) && base >= first &&
           base + span - 1 <= last && has_one_type(mtrrs, base, span);
}

/* Every page of first..last of host memory is mapped `distance` above, with its type and `rights`;
 * no leaf has two types, and none is smaller than it has to be. */
static void check(const struct mtrrs *mtrrs, unsigned largest, uint64_t distance, uint64_t first,
                  uint64_t last, uint64_t rights)
{
    for (uint64_t hpa = first; hpa <= last;) {
        struct pt_walk walk = ept_walk(&ept, GPA(hpa + distance));
        uint64_t span = pt_span(walk.level);

        assert_true(walk.present);
        assert_int_equal(walk.target.value, hpa);
        assert_true(IS_ALIGNED(hpa, span) && span - 1 <= last - hpa);
        assert_int_equal(walk.attributes,
                         rights | FIELD_PUT(EPT_MEMORY, mtrr_type(mtrrs, HPA(hpa))));
        assert_true(has_one_type(mtrrs, hpa, span));
        if (hpa == first || mtrr_type(mtrrs, HPA(hpa - 1)) != mtrr_type(mtrrs, HPA(hpa)) ||
            IS_ALIGNED(hpa, pt_span(walk.level + 1))) {
            assert_false(is_too_small(mtrrs, largest, walk.level, hpa, distance, first, last));
        }
        hpa += span;
    }
}

static void map_and_check(const struct mtrrs *mtrrs, unsigned largest, uint64_t distance,
                          uint64_t first, uint64_t last, uint64_t rights)
{
    start(largest);
    given = 0;
    assert_int_equal(
        ept_map_typed(&ept, GPA(first + distance), HPA(first), last - first + 1, rights, mtrrs),
        STATUS_OK);
    assert_int_equal(given, 0);
    check(mtrrs, largest, distance, first, last, rights);
    assert_false(ept_walk(&ept, GPA(last + distance + 1)).present);
    assert_true(first == 0 || !ept_walk(&ept, GPA(first + distance - 1)).present);
    stop();
}

static void every_page_of_real_machines_has_its_type(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(mtrr_sets); i++) {
        struct mtrrs mtrrs;

        mtrr_decode(&mtrr_sets[i].registers, &mtrrs);
        map_and_check(&mtrrs, 3, 0, 0, 5 * GIB - 1, EPT_RWX);
        map_and_check(&mtrrs, 2, 0, 0, 2 * GIB - 1, EPT_READ | EPT_WRITE);
        map_and_check(&mtrrs, 1, 0, 0, 16 * MIB - 1, EPT_READ);
    }
}

/* Guest memory is somewhere else than host memory: alignment of both counts. */
static void offsets_change_the_leaves_not_the_types(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(mtrr_sets); i++) {
        struct mtrrs mtrrs;

        mtrr_decode(&mtrr_sets[i].registers, &mtrrs);
        map_and_check(&mtrrs, 3, 2 * MIB, 0, 2 * GIB - 1, EPT_RWX);
        map_and_check(&mtrrs, 3, PAGE_SIZE, 0x9C000, 33 * MIB - 1, EPT_RWX);
        map_and_check(&mtrrs, 3, 7 * GIB, 0x75FFF000, 0x90002FFF, EPT_RWX);
    }
}

/* Entries of tables that are not 0, by a recursion of the test's own. */
static uint64_t entries_below(hpa_t table, unsigned level)
{
    const uint64_t *entries = (const uint64_t *)table.value;
    uint64_t count = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (entries[i] != 0) {
            bool leaf = level == 1 || (entries[i] & EPT_LEAF) != 0;

            count +=
                1 + (leaf ? 0 : entries_below(HPA(entries[i] & BITS(WIDTH - 1, 12)), level - 1));
        }
    }
    return count;
}

/* Default UC, 2 GiB and then 4 GiB to 4 TiB in ten ranges, and system management memory on top. */
static const struct mtrr_registers four_tib = {
    true,
    46,
    CAPABILITY(12),
    ON(UC),
    FIXED_ALL(WP),
    .base = {0 | WB, 0x100000000 | WB, 0x200000000 | WB, 0x400000000 | WB, 0x800000000 | WB,
             0x1000000000 | WB, 0x2000000000 | WB, 0x4000000000 | WB, 0x8000000000 | WB,
             0x10000000000 | WB, 0x20000000000 | WB, 0x7F000000 | UC},
    .mask = {VALID(0x3FFF80000000), VALID(0x3FFF00000000), VALID(0x3FFE00000000),
             VALID(0x3FFC00000000), VALID(0x3FF800000000), VALID(0x3FF000000000),
             VALID(0x3FE000000000), VALID(0x3FC000000000), VALID(0x3F8000000000),
             VALID(0x3F0000000000), VALID(0x3E0000000000), VALID(0x3FFFFF000000)},
};

/*
 * No table was given back and every run was mapped once, so what is there is what was written: 8
 * entries of the root, 4096 of 1 GiB; two of these refer to tables, and one of the entries in
 * those.
 */
static void a_machine_of_4_tib_takes_few_entries(void **state)
{
    (void)state;
    struct mtrrs mtrrs;
    unsigned runs = 0;

    mtrr_decode(&four_tib, &mtrrs);
    assert_int_equal(mtrrs.count, 12);
    for (uint64_t at = 0; at < 4 * TIB; runs++) {
        at += mtrr_run(&mtrrs, HPA(at), 4 * TIB - at).length;
    }
    assert_int_equal(runs, 6);
    start(3);
    given = 0;
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(0), 4 * TIB, EPT_RWX, &mtrrs), STATUS_OK);
    assert_int_equal(given, 0);
    assert_int_equal(tables, ept.table.tables);
    assert_int_equal(tables, 1 + 8 + 2 + 1);
    assert_int_equal(entries_below(ept.table.root, 4), 8 + 4096 + 2 * 512 + 512);
    assert_true(entries_below(ept.table.root, 4) <= 6000);
    check(&mtrrs, 3, 0, 0, 8 * GIB - 1, EPT_RWX);
    for (uint64_t at = 8 * GIB; at < 4 * TIB; at += GIB) {
        struct pt_walk walk = ept_walk(&ept, GPA(at));

        assert_int_equal(walk.level, 3);
        assert_int_equal(walk.target.value, at);
        assert_int_equal(walk.attributes, EPT_RWX | FIELD_PUT(EPT_MEMORY, WB));
    }
    stop();
}

/* A later change of one page splits a leaf; the rest keeps its type. */
static void a_device_page_keeps_the_types_around_it(void **state)
{
    (void)state;
    struct mtrrs mtrrs;

    mtrr_decode(&mtrr_sets[0].registers, &mtrrs);
    start(3);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(0), 4 * GIB, EPT_RWX, &mtrrs), STATUS_OK);
    assert_int_equal(ept_map(&ept, GPA(0x50000000), HPA(0xFEB00000), PAGE_SIZE, EPT_READ, WC),
                     STATUS_OK);
    assert_int_equal(ept_walk(&ept, GPA(0x50000000)).attributes,
                     EPT_READ | FIELD_PUT(EPT_MEMORY, WC));
    check(&mtrrs, 1, 0, 0x50001000, 0x501FFFFF, EPT_RWX);
    check(&mtrrs, 2, 0, 0x50200000, 0x7FFFFFFF, EPT_RWX);
    stop();
}

static void what_cannot_be_mapped_is_refused(void **state)
{
    (void)state;
    struct mtrrs mtrrs;

    mtrr_decode(&four_tib, &mtrrs);
    start(3);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(0), 0, EPT_RWX, &mtrrs), STATUS_OK);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(1), PAGE_SIZE, EPT_RWX, &mtrrs),
                     STATUS_INVALID);
    assert_int_equal(ept_map_typed(&ept, GPA(1), HPA(0), PAGE_SIZE, EPT_RWX, &mtrrs),
                     STATUS_INVALID);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(0), 1, EPT_RWX, &mtrrs), STATUS_INVALID);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(BIT(WIDTH)), PAGE_SIZE, EPT_RWX, &mtrrs),
                     STATUS_INVALID);
    assert_int_equal(ept_map_typed(&ept, GPA(0), HPA(-PAGE_SIZE), 2 * PAGE_SIZE, EPT_RWX, &mtrrs),
                     STATUS_INVALID);
    assert_int_equal(tables, 1);
    stop();
}

/* Whichever run fails, though those behind it could be mapped with fewer tables. */
static void every_failure_is_told_and_can_be_cleaned_up(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        unsigned tables;
    } cases[] = {{4 * TIB, 11}, {5 * GIB, 4}};
    struct mtrrs mtrrs;

    mtrr_decode(&four_tib, &mtrrs);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        for (unsigned successes = 0; successes <= cases[i].tables; successes++) {
            enum status status;

            start(3);
            takes_left = successes;
            status = ept_map_typed(&ept, GPA(0), HPA(0), cases[i].length, EPT_RWX, &mtrrs);
            assert_int_equal(status, successes < cases[i].tables ? STATUS_NO_MEMORY : STATUS_OK);
            stop();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_of_real_machines_has_its_type),
        cmocka_unit_test(offsets_change_the_leaves_not_the_types),
        cmocka_unit_test(a_machine_of_4_tib_takes_few_entries),
        cmocka_unit_test(a_device_page_keeps_the_types_around_it),
        cmocka_unit_test(what_cannot_be_mapped_is_refused),
        cmocka_unit_test(every_failure_is_told_and_can_be_cleaned_up),
    };

    return cmocka_run_group_tests_name("mtrr_map", tests, NULL, NULL);
}
