/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the image moves to, on memory maps as machines have them: the highest place below 4 GiB,
 * wholly usable, clear of modules and of the image itself, at the offset that the boot page tables
 * need. Random maps are compared with a search that tries every place.
 */
#include "kernel/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH      (188 * KIB) /* about what the image takes */
#define OLD         (1 * MIB)
#define STEP        (2 * MIB)
#define RANDOM_RUNS 400

static struct machine machine;
static struct page_hole holes[8];
static unsigned hole_count;

static void start(void)
{
    machine.range_count = 0;
    hole_count = 0;
}

static void range(uint64_t base, uint64_t end, enum memory_type type)
{
    assert_true(base < end && machine.range_count < MACHINE_MAX_RANGES);
    machine.ranges[machine.range_count++] = (struct memory_range){HPA(base), end - base, type};
}

static void hole(uint64_t base, uint64_t length)
{
    assert_true(hole_count < ARRAY_SIZE(holes));
    holes[hole_count++] = (struct page_hole){HPA(base), length};
}

/* What a BIOS reports for `megabytes` of memory below 4 GiB, the last 64 KiB its ACPI tables. */
static void bios_map(uint64_t megabytes)
{
    uint64_t end = megabytes * MIB;

    start();
    range(0, 0x9FC00, MEMORY_USABLE);
    range(0x9FC00, 0xA0000, MEMORY_RESERVED);
    range(0xE8000, 0x100000, MEMORY_RESERVED);
    range(0x100000, end - 64 * KIB, MEMORY_USABLE);
    range(end - 64 * KIB, end, MEMORY_ACPI_RECLAIMABLE);
    range(0xFFFC0000, UINT64_C(0x100000000), MEMORY_RESERVED);
    hole(OLD, LENGTH);
}

static void check_place(uint64_t expected)
{
    hpa_t place;

    assert_int_equal(image_place(&machine, holes, hole_count, LENGTH, &place), STATUS_OK);
    if (place.value != expected) {
        fail_msg("placed at 0x%lx, not 0x%lx", place.value, expected);
    }
}

static void check_no_place(void)
{
    hpa_t place;

    assert_int_equal(image_place(&machine, holes, hole_count, LENGTH, &place), STATUS_NO_MEMORY);
}

/* As a run in Bochs with 512 MiB has it. */
static void the_top_of_a_common_machine(void **state)
{
    (void)state;
    bios_map(512);
    check_place(0x1FF00000);
    bios_map(2048);
    check_place(0x7FF00000);
}

/* The last place starts 1 MiB before a multiple of 2 MiB: does the image still fit under the end?
 */
static void the_end_of_memory_is_kept(void **state)
{
    (void)state;
    start();
    range(0x100000, 0x1FF00000 + LENGTH, MEMORY_USABLE);
    check_place(0x1FF00000);
    start();
    range(0x100000, 0x1FF00000 + LENGTH - 1, MEMORY_USABLE);
    check_place(0x1FD00000);
}

static void small_machines_have_a_place_too(void **state)
{
    (void)state;
    bios_map(64);
    check_place(0x3F00000);
    bios_map(4);
    check_place(0x300000);
    bios_map(2); /* the only place is where the image is already */
    check_no_place();
    hole_count = 0;
    check_place(0x100000);
}

static void a_machine_without_extended_memory_has_none(void **state)
{
    (void)state;
    start();
    check_no_place();
    range(0, 0x9FC00, MEMORY_USABLE);
    check_no_place();
    start();
    range(0x300000, 0x300000 + LENGTH - 1, MEMORY_USABLE);
    check_no_place();
}

/* 16 GiB: memory goes on above 4 GiB, and the place stays below. */
static void a_large_machine_stays_below_4_gib(void **state)
{
    (void)state;
    bios_map(3072);
    range(4 * GIB, 17 * GIB, MEMORY_USABLE);
    check_place(0xBFF00000);
    start();
    range(4 * GIB, 17 * GIB, MEMORY_USABLE);
    check_no_place();
}

/* A map whose usable range goes over the edge, which no hardware has, but a loader may tell. */
static void the_edge_of_4_gib_is_an_end(void **state)
{
    (void)state;
    start();
    range(0x100000, 8 * GIB, MEMORY_USABLE);
    check_place(0xFFF00000);
    range(0xFEC00000, 4 * GIB, MEMORY_RESERVED); /* I/O APIC to ROM */
    check_place(0xFEB00000);
    start();
    range(4 * GIB - STEP, UINT64_MAX, MEMORY_USABLE);
    check_place(0xFFF00000);
}

/* OVMF's map: many pieces, the highest ones too small or of other types. */
static void a_uefi_map_with_holes(void **state)
{
    (void)state;
    start();
    range(0x1000, 0xA0000, MEMORY_USABLE);
    range(0x100000, 0x806000, MEMORY_USABLE);
    range(0x806000, 0x807000, MEMORY_ACPI_NVS);
    range(0x807000, 0x810000, MEMORY_USABLE);
    range(0x810000, 0x900000, MEMORY_ACPI_NVS);
    range(0x900000, 0x1E9E2000, MEMORY_USABLE);
    range(0x1E9E2000, 0x1EB3D000, MEMORY_RESERVED);
    range(0x1EB3D000, 0x1F8ED000, MEMORY_USABLE);
    range(0x1F8ED000, 0x1FB6D000, MEMORY_RESERVED);
    range(0x1FB6D000, 0x1FB7F000, MEMORY_ACPI_RECLAIMABLE);
    range(0x1FB7F000, 0x1FBFF000, MEMORY_ACPI_NVS);
    range(0x1FBFF000, 0x1FEF4000, MEMORY_USABLE);
    range(0x1FEF4000, 0x20000000, MEMORY_RESERVED);
    hole(OLD, LENGTH);
    check_place(0x1FD00000);
}

static void modules_are_gone_around(void **state)
{
    (void)state;
    bios_map(512);
    hole(0x1FF00000, 1); /* one byte is enough */
    check_place(0x1FD00000);
    hole(0x1FD00000 + LENGTH - 1, 0x1000);
    check_place(0x1FB00000);
    hole(0x1F900000, 0x200000 + 1); /* up to and into the place above */
    check_place(0x1F700000);
}

static void neighbours_do_not_matter(void **state)
{
    (void)state;
    bios_map(512);
    hole(0x1FF00000 + LENGTH, 0x1000);
    hole(0x1FE00000, 0x100000);
    hole(0x1FF00000 + 0x1000, 0); /* an empty module */
    check_place(0x1FF00000);
}

/* Loaders tell ranges in any order, and twice; what is not usable wins. */
static void overlapping_ranges_count_as_the_worse(void **state)
{
    (void)state;
    start();
    range(0x1FE00000, 0x20000000, MEMORY_BAD);
    range(0x100000, 0x20000000, MEMORY_USABLE);
    range(0x100000, 0x10000000, MEMORY_USABLE);
    check_place(0x1FD00000);
    machine.ranges[0].type = (enum memory_type)77; /* a type of the future */
    check_place(0x1FD00000);
}

static void modules_may_fill_the_memory(void **state)
{
    (void)state;
    bios_map(64);
    hole(0x300000, 61 * MIB);
    check_no_place();
}

/* Every place, from the top down, judged byte range by byte range. */
static uint64_t search(void)
{
    for (uint64_t base = 4 * GIB - MIB; base < 4 * GIB; base -= STEP) {
        bool inside = false, hit = false;

        for (unsigned i = 0; i < machine.range_count; i++) {
            uint64_t from = machine.ranges[i].base.value;
            uint64_t to = from + machine.ranges[i].length;

            if (machine.ranges[i].type == MEMORY_USABLE) {
                inside |= from <= base && base + LENGTH <= to;
            } else {
                hit |= from < base + LENGTH && base < to;
            }
        }
        for (unsigned i = 0; i < hole_count; i++) {
            uint64_t from = holes[i].base.value;

            hit |= from < base + LENGTH && base < from + holes[i].length && holes[i].length != 0;
        }
        if (inside && !hit) {
            return base;
        }
    }
    return 0;
}

/* Mostly small ranges around the places' edges, so that bytes decide. */
static uint64_t random_address(void)
{
    uint64_t step = (uint64_t)(rand() % 24) * STEP / 2;

    return 64 * MIB + step + (rand() % 2 ? LENGTH : 0) + (uint64_t)(rand() % 3) - 1;
}

static void random_maps_are_placed_as_a_search_does(void **state)
{
    (void)state;
    unsigned placed = 0;

    srand(2);
    for (unsigned run = 0; run < RANDOM_RUNS; run++) {
        uint64_t expected;

        start();
        for (unsigned i = 0; i < 6; i++) {
            uint64_t a = random_address(), b = random_address();
            range(MIN(a, b), MAX(a, b) + 1, rand() % 3 ? MEMORY_USABLE : MEMORY_RESERVED);
        }
        for (unsigned i = 0; i < 4; i++) {
            hole(random_address(), (uint64_t)(rand() % 4) * 512 * KIB);
        }
        expected = search();
        if (expected != 0) {
            check_place(expected);
            placed++;
        } else {
            check_no_place();
        }
    }
    assert_in_range(placed, RANDOM_RUNS / 10, RANDOM_RUNS - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_top_of_a_common_machine),
        cmocka_unit_test(the_end_of_memory_is_kept),
        cmocka_unit_test(small_machines_have_a_place_too),
        cmocka_unit_test(a_machine_without_extended_memory_has_none),
        cmocka_unit_test(a_large_machine_stays_below_4_gib),
        cmocka_unit_test(the_edge_of_4_gib_is_an_end),
        cmocka_unit_test(a_uefi_map_with_holes),
        cmocka_unit_test(modules_are_gone_around),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(overlapping_ranges_count_as_the_worse),
        cmocka_unit_test(modules_may_fill_the_memory),
        cmocka_unit_test(random_maps_are_placed_as_a_search_does),
    };

    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
