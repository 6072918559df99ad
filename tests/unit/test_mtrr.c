/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types by the MTRRs: of real machines as listed by hand, of random ones page by page
 * against a second reading of the SDM, which looks at one address at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/mtrr_sets.h"

/* SDM vol. 3A, "MTRR Precedences", word by word, on the registers themselves. */
static unsigned expected(const struct mtrr_registers *r, uint64_t address)
{
    static const struct {
        uint64_t from, unit;
    } fixed[MTRR_FIXED_REGISTERS] = {
        {0, 0x10000},      {0x80000, 0x4000}, {0xA0000, 0x4000}, {0xC0000, 0x1000},
        {0xC8000, 0x1000}, {0xD0000, 0x1000}, {0xD8000, 0x1000}, {0xE0000, 0x1000},
        {0xE8000, 0x1000}, {0xF0000, 0x1000}, {0xF8000, 0x1000},
    };
    uint64_t bits = BIT(r->physical_width) - PAGE_SIZE;
    unsigned types = 0;

    if (address >= BIT(r->physical_width)) {
        return UC;
    }
    if (!r->present || !(r->default_type & BIT(11))) {
        return r->present ? UC : WB;
    }
    for (unsigned i = 0; r->default_type & BIT(10) && i < MTRR_FIXED_REGISTERS; i++) {
        if (address >= fixed[i].from && address < fixed[i].from + 8 * fixed[i].unit) {
            return ((const uint8_t *)&r->fixed[i])[(address - fixed[i].from) / fixed[i].unit];
        }
    }
    for (unsigned i = 0; i < (r->capability & 0xFF); i++) {
        uint64_t mask = r->mask[i] & bits;

        if (r->mask[i] & BIT(11) && (address & mask) == (r->base[i] & mask)) {
            types |= 1U << (r->base[i] & 7);
        }
    }
    switch (types) {
    case 0:
        return r->default_type & 7;
    case 1U << WC:
        return WC;
    case 1U << WT:
    case 1U << WT | 1U << WB:
        return WT;
    case 1U << WP:
        return WP;
    case 1U << WB:
        return WB;
    default:
        return UC;
    }
}

static void real_machines_are_as_listed_by_hand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(mtrr_sets); i++) {
        const struct mtrr_set *set = &mtrr_sets[i];
        uint64_t end = BIT(set->registers.physical_width);
        struct mtrrs mtrrs;
        uint64_t at = 0;

        print_message("%s\n", set->name);
        mtrr_decode(&set->registers, &mtrrs);
        for (unsigned j = 0; j < set->run_count; j++) {
            struct mtrr_run run = mtrr_run(&mtrrs, HPA(at), end - at);
            uint64_t next = j + 1 < set->run_count ? set->runs[j + 1].from : end;

            assert_int_equal(at, set->runs[j].from);
            assert_int_equal(run.type, set->runs[j].type);
            assert_int_equal(at + run.length, next);
            assert_int_equal(mtrr_type(&mtrrs, HPA(at)), run.type);
            assert_int_equal(mtrr_type(&mtrrs, HPA(next - 1)), run.type);
            assert_int_equal(expected(&set->registers, at), run.type);
            assert_int_equal(expected(&set->registers, next - 1), run.type);
            at = next;
        }
        assert_int_equal(mtrr_type(&mtrrs, HPA(end)), UC);
    }
}

/* --- Random sets --------------------------------------------------------------------------------
 */

#define SPACE (16 * MIB) /* what is compared page by page */

static uint64_t random_state;

/* SplitMix64. */
static uint64_t draw(void)
{
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static unsigned draw_type(void)
{
    static const uint8_t types[] = {UC, WC, WT, WP, WB, WB, WB, UC};

    return types[draw() % ARRAY_SIZE(types)];
}

/* Ranges that lie below SPACE, or reach it; with `holes`, of any mask. */
static struct mtrr_registers draw_registers(bool holes)
{
    static const uint8_t widths[] = {36, 39, 46, 52};
    struct mtrr_registers r = {
        .present = true,
        .physical_width = widths[draw() % ARRAY_SIZE(widths)],
        .capability = CAPABILITY(draw() % 13),
        .default_type = (draw() % 8 != 0 ? BIT(11) : 0) | draw() % 2 << 10 | draw_type(),
    };

    for (unsigned i = 0; i < MTRR_FIXED_RANGES; i++) {
        ((uint8_t *)r.fixed)[i] = (uint8_t)draw_type();
    }
    for (unsigned i = 0; i < 16; i++) { /* some are beyond the count, and some not valid */
        uint64_t size = PAGE_SIZE << draw() % 14;
        uint64_t base = draw() % SPACE & ~(size - 1);
        uint64_t mask = BIT(r.physical_width) - size;

        if (holes) {
            mask &= ~(draw() & draw() & draw()) & BITS(51, 12);
            base ^= draw() % 4 == 0 ? draw() & BITS(51, 12) : 0;
        }
        r.base[i] = base | draw_type();
        r.mask[i] = mask | (draw() % 4 != 0 ? BIT(11) : 0);
    }
    return r;
}

static void compare_page_by_page(const struct mtrr_registers *registers)
{
    struct mtrrs mtrrs;
    unsigned last = ~0U;

    mtrr_decode(registers, &mtrrs);
    for (uint64_t at = 0; at < SPACE;) {
        struct mtrr_run run = mtrr_run(&mtrrs, HPA(at), SPACE - at);

        assert_true(run.length != 0 && run.length <= SPACE - at);
        assert_int_not_equal(run.type, last);
        last = run.type;
        for (uint64_t end = at + run.length; at < end; at += PAGE_SIZE) {
            assert_int_equal(expected(registers, at), run.type);
            assert_int_equal(mtrr_type(&mtrrs, HPA(at)), run.type);
            assert_int_equal(mtrr_type(&mtrrs, HPA(at + PAGE_SIZE - 1)), run.type);
        }
    }
}

static void random_sets_agree_page_by_page(void **state)
{
    (void)state;
    random_state = 1;
    for (unsigned i = 0; i < 200; i++) {
        struct mtrr_registers registers = draw_registers(false);

        compare_page_by_page(&registers);
    }
}

static void masks_with_holes_agree_page_by_page(void **state)
{
    (void)state;
    random_state = 2;
    for (unsigned i = 0; i < 200; i++) {
        struct mtrr_registers registers = draw_registers(true);

        compare_page_by_page(&registers);
    }
}

/* From any byte on, of the whole space and beyond: the run's first and last byte, some between, and
 * the one behind it. */
static void runs_from_anywhere_end_where_the_type_does(void **state)
{
    (void)state;
    random_state = 3;
    for (unsigned i = 0; i < 20000; i++) {
        struct mtrr_registers registers = draw_registers(i % 2 == 0);
        uint64_t at = draw() >> (64 - registers.physical_width) >> draw() % 40;
        uint64_t length = (draw() >> draw() % 64) + 1;
        struct mtrrs mtrrs;
        struct mtrr_run run;

        mtrr_decode(&registers, &mtrrs);
        run = mtrr_run(&mtrrs, HPA(at), length);
        assert_true(run.length >= 1 && run.length <= length);
        assert_int_equal(run.type, expected(&registers, at));
        for (unsigned j = 0; j < 20; j++) {
            uint64_t in = at + (j == 0 ? run.length - 1 : draw() % run.length);

            assert_int_equal(expected(&registers, in), run.type);
        }
        if (run.length < length && i % 2 != 0) {
            assert_int_not_equal(expected(&registers, at + run.length), run.type);
        }
    }
}

/* --- One rule each ------------------------------------------------------------------------------
 */

static struct mtrrs of_two(uint64_t base1, uint64_t mask1, uint64_t base2, uint64_t mask2)
{
    struct mtrr_registers registers = {true,
                                       36,
                                       CAPABILITY(2),
                                       ON_UNFIXED(UC),
                                       .base = {base1, base2},
                                       .mask = {VALID(mask1), VALID(mask2)}};
    struct mtrrs mtrrs;

    mtrr_decode(&registers, &mtrrs);
    return mtrrs;
}

static void reserved_types_are_uc(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct mtrr_registers registers = {true,
                                           36,
                                           CAPABILITY(1),
                                           ON(type),
                                           FIXED_ALL(0),
                                           .base = {0x80000000 | type},
                                           .mask = {VALID(0xF80000000)}};
        bool legal = type == UC || type == WC || (type >= WT && type <= WB);
        struct mtrrs mtrrs;

        registers.fixed[10] = ALL((uint64_t)type);
        mtrr_decode(&registers, &mtrrs);
        assert_int_equal(mtrr_type(&mtrrs, HPA(0x80000000)), legal ? type : UC);
        assert_int_equal(mtrr_type(&mtrrs, HPA(0x100000000)), legal ? type : UC);
        assert_int_equal(mtrr_type(&mtrrs, HPA(0xFFFFF)), legal ? type : UC);
    }
}

/* Each of the 88 fixed ranges alone has another type than the rest. */
static void fixed_ranges_lie_where_the_sdm_has_them(void **state)
{
    (void)state;
    uint64_t from = 0;

    for (unsigned i = 0; i < MTRR_FIXED_RANGES; i++) {
        uint64_t unit = i < 8 ? 64 * KIB : i < 24 ? 16 * KIB : 4 * KIB;
        struct mtrr_registers registers = {true, 36, CAPABILITY(0), ON(WB), .base = {0}};
        struct mtrrs mtrrs;
        struct mtrr_run run;

        registers.fixed[i / 8] = (uint64_t)WP << i % 8 * 8;
        mtrr_decode(&registers, &mtrrs);
        run = mtrr_run(&mtrrs, HPA(from), GIB);
        assert_int_equal(run.type, WP);
        assert_int_equal(run.length, unit);
        assert_int_equal(mtrr_type(&mtrrs, HPA(from + unit)), i == 87 ? WB : UC);
        if (from != 0) {
            assert_int_equal(mtrr_run(&mtrrs, HPA(0), GIB).length, from);
        }
        from += unit;
    }
    assert_int_equal(from, MIB);
}

/* FE counts only where IA32_MTRRCAP has fixed ranges; V only below its count, and at most as far as
 * there are registers. */
static void only_registers_that_are_there_count(void **state)
{
    (void)state;
    struct mtrr_registers registers = {true, 36, 2, ON(WB), FIXED_ALL(WP)};
    struct mtrrs mtrrs;

    for (unsigned i = 0; i < MTRR_MOST_VARIABLE; i++) {
        registers.base[i] = (i + 1) * GIB | UC;
        registers.mask[i] = VALID(0xFC0000000);
    }
    mtrr_decode(&registers, &mtrrs);
    assert_int_equal(mtrr_type(&mtrrs, HPA(0xF0000)), WB);
    assert_int_equal(mtrr_type(&mtrrs, HPA(2 * GIB)), UC);
    assert_int_equal(mtrr_type(&mtrrs, HPA(3 * GIB)), WB);
    registers.capability = 0xFF;
    mtrr_decode(&registers, &mtrrs);
    assert_int_equal(mtrrs.count, MTRR_MOST_VARIABLE);
    assert_int_equal(mtrr_type(&mtrrs, HPA(40 * GIB)), UC);
    assert_int_equal(mtrr_type(&mtrrs, HPA(41 * GIB)), WB);
}

/* Bits that the processor's width leaves no room for, and the reserved ones below bit 12. */
static void reserved_bits_do_not_count(void **state)
{
    (void)state;
    struct mtrrs plain = of_two(0x10000000 | WB, 0xFF0000000, 0, 0xFF0000000);
    struct mtrrs odd = of_two(0xFFFFFFF010000F00 | WB, 0xFFFFFFFFF00007FF, 0xF00, 0xFF0000000);

    assert_memory_equal(&plain, &odd, sizeof(plain));
}

static void odd_widths_are_brought_into_bounds(void **state)
{
    (void)state;
    for (unsigned width = 0; width < 256; width++) {
        struct mtrr_registers registers = {true, width, CAPABILITY(0), ON_UNFIXED(WB), .base = {0}};
        unsigned used = width == 0 ? 36 : width < 32 ? 32 : width > 52 ? 52 : width;
        struct mtrrs mtrrs;

        mtrr_decode(&registers, &mtrrs);
        assert_int_equal(mtrr_run(&mtrrs, HPA(0), UINT64_MAX).length, BIT(used));
        assert_int_equal(mtrr_type(&mtrrs, HPA(BIT(used))), UC);
        assert_int_equal(mtrr_run(&mtrrs, HPA(BIT(used)), 12345).length, 12345);
        assert_int_equal(mtrr_run(&mtrrs, HPA(UINT64_MAX), UINT64_MAX).type, UC);
    }
}

static void without_a_word_from_anyone_all_is_uc(void **state)
{
    (void)state;
    static const struct mtrrs nothing;

    assert_int_equal(mtrr_type(&nothing, HPA(0)), UC);
    assert_int_equal(mtrr_run(&nothing, HPA(0), GIB).type, UC);
    assert_int_equal(mtrr_run(&nothing, HPA(0), GIB).length, GIB);
    assert_int_equal(mtrr_run(&nothing, HPA(5), 0).length, 0);
}

static void overlaps_without_a_rule_are_found(void **state)
{
    (void)state;
    static const uint8_t types[] = {UC, WC, WT, WP, WB};
    const struct mtrr_range *one, *other;

    for (unsigned i = 0; i < 25; i++) {
        uint8_t a = types[i % 5], b = types[i / 5];
        bool ruled = a == b || a == UC || b == UC || (a == WT && b == WB) || (a == WB && b == WT);
        struct mtrrs inside = of_two(0x10000000 | a, 0xFF0000000, 0x18000000 | b, 0xFFF000000);
        struct mtrrs around = of_two(0x18000000 | b, 0xFFF000000, 0x10000000 | a, 0xFF0000000);
        struct mtrrs beside = of_two(0x10000000 | a, 0xFF0000000, 0x20000000 | b, 0xFFF000000);

        assert_int_equal(mtrr_conflict(&inside, &one, &other), !ruled);
        if (!ruled) {
            assert_ptr_equal(one, &inside.range[0]);
            assert_ptr_equal(other, &inside.range[1]);
            assert_int_equal(mtrr_type(&inside, HPA(0x18000000)), UC);
        }
        assert_int_equal(mtrr_conflict(&around, &one, &other), !ruled);
        assert_false(mtrr_conflict(&beside, &one, &other));
    }
}

static void a_range_is_told_with_its_end_and_holes(void **state)
{
    (void)state;
    struct mtrrs mtrrs = of_two(0x10000000, 0xFF0000000, 0x18000123, 0x7FF000000);

    assert_false(mtrr_has_holes(&mtrrs, &mtrrs.range[0]));
    assert_int_equal(mtrr_range_end(&mtrrs, &mtrrs.range[0]), 0x1FFFFFFF);
    assert_true(mtrr_has_holes(&mtrrs, &mtrrs.range[1])); /* bit 35 */
    assert_int_equal(mtrrs.range[1].base, 0x18000000);
    assert_int_equal(mtrr_range_end(&mtrrs, &mtrrs.range[1]), 0x18FFFFFF);
    mtrrs = of_two(0, 0, 0, 0x800000000);
    assert_false(mtrr_has_holes(&mtrrs, &mtrrs.range[0]));
    assert_int_equal(mtrr_range_end(&mtrrs, &mtrrs.range[0]), 0xFFFFFFFFF);
    assert_false(mtrr_has_holes(&mtrrs, &mtrrs.range[1]));
    assert_string_equal(mtrr_type_text(UC), "uc");
    assert_string_equal(mtrr_type_text(WB), "wb");
    assert_string_equal(mtrr_type_text(7), "?");
}

/* Every second page of 64 GiB in a range that changes nothing: the search ends all the same, and
 * says too little rather than something wrong. */
static void a_search_through_pieces_is_given_up(void **state)
{
    (void)state;
    struct mtrrs mtrrs = of_two(0, 0x1000, 0, 0);
    struct mtrr_run run = mtrr_run(&mtrrs, HPA(0), BIT(36));

    assert_int_equal(run.type, UC);
    assert_true(run.length >= 1000 * PAGE_SIZE && run.length < 2000 * PAGE_SIZE);
    assert_true(IS_ALIGNED(run.length, PAGE_SIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_machines_are_as_listed_by_hand),
        cmocka_unit_test(random_sets_agree_page_by_page),
        cmocka_unit_test(masks_with_holes_agree_page_by_page),
        cmocka_unit_test(runs_from_anywhere_end_where_the_type_does),
        cmocka_unit_test(reserved_types_are_uc),
        cmocka_unit_test(fixed_ranges_lie_where_the_sdm_has_them),
        cmocka_unit_test(only_registers_that_are_there_count),
        cmocka_unit_test(reserved_bits_do_not_count),
        cmocka_unit_test(odd_widths_are_brought_into_bounds),
        cmocka_unit_test(without_a_word_from_anyone_all_is_uc),
        cmocka_unit_test(overlaps_without_a_rule_are_found),
        cmocka_unit_test(a_range_is_told_with_its_end_and_holes),
        cmocka_unit_test(a_search_through_pieces_is_given_up),
    };

    return cmocka_run_group_tests_name("mtrr", tests, NULL, NULL);
}
