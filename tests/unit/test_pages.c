/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical page allocator on memory maps as real machines give them, and against a plain array
 * of pages. Its bitmaps live in fake memory that is filled with set bits, so that a word which is
 * used before it was cleared shows, and that ends where the allocator says its bookkeeping ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/pages.h"

#define PAGE_OF(address) ((address) >> PAGE_SHIFT)

#define USABLE(from, to)   ((struct memory_range){{from}, (to) - (from), MEMORY_USABLE})
#define RESERVED(from, to) ((struct memory_range){{from}, (to) - (from), MEMORY_RESERVED})
#define ACPI_TABLES(from, to)                                                                      \
    ((struct memory_range){{from}, (to) - (from), MEMORY_ACPI_RECLAIMABLE})
#define ACPI_NVS(from, to) ((struct memory_range){{from}, (to) - (from), MEMORY_ACPI_NVS})
#define BAD(from, to)      ((struct memory_range){{from}, (to) - (from), MEMORY_BAD})

static const struct memory_range bochs_64m[] = {
    USABLE(0, 0x9f000),
    RESERVED(0x9f000, 0xa0000),
    RESERVED(0xe8000, 0x100000),
    USABLE(0x100000, 0x3ff0000),
    ACPI_TABLES(0x3ff0000, 0x4000000),
    RESERVED(0xfffc0000, 0x100000000),
};
static const struct memory_range bochs_512m[] = {
    USABLE(0, 0x9f000),
    RESERVED(0x9f000, 0xa0000),
    RESERVED(0xe8000, 0x100000),
    USABLE(0x100000, 0x1fff0000),
    ACPI_TABLES(0x1fff0000, 0x20000000),
    RESERVED(0xfffc0000, 0x100000000),
};
static const struct memory_range qemu_2g[] = {
    USABLE(0, 0x9fc00),
    RESERVED(0x9fc00, 0xa0000),
    RESERVED(0xf0000, 0x100000),
    USABLE(0x100000, 0x7ffe0000),
    RESERVED(0x7ffe0000, 0x80000000),
    RESERVED(0xfeffc000, 0xff000000),
    RESERVED(0xfffc0000, 0x100000000),
    RESERVED(0xfd00000000, 0x10000000000),
};
/* As UEFI firmware gives it: many small ranges, unsorted, some touching, one inside another. */
static const struct memory_range laptop_16g[] = {
    USABLE(0x100000000, 0x48e800000),  USABLE(0, 0x58000),
    RESERVED(0x58000, 0x59000),        USABLE(0x59000, 0x9d000),
    RESERVED(0x9d000, 0x100000),       USABLE(0x100000, 0x40000000),
    RESERVED(0x40000000, 0x40400000),  USABLE(0x40400000, 0x5a8f3000),
    ACPI_NVS(0x5a8f3000, 0x5a8f4000),  RESERVED(0x5a8f4000, 0x5a93e000),
    USABLE(0x5a93e000, 0x5b3a1000),    RESERVED(0x5b3a1000, 0x5b4ad000),
    USABLE(0x5b4ad000, 0x6a1d8000),    USABLE(0x6a1d8000, 0x6a5f0000),
    USABLE(0x6a5f0000, 0x6c0ab000),    USABLE(0x6c0ab000, 0x6c0c9000),
    USABLE(0x6c0c9000, 0x6d7bd000),    RESERVED(0x6d7bd000, 0x6d7be000),
    USABLE(0x6d7be000, 0x6e1cf000),    BAD(0x6e000000, 0x6e001000),
    RESERVED(0x6e1cf000, 0x6eb23000),  ACPI_TABLES(0x6eb23000, 0x6eb7e000),
    ACPI_NVS(0x6eb7e000, 0x6f0f0000),  RESERVED(0x6f0f0000, 0x6fbff000),
    USABLE(0x6fbff000, 0x6fc00000),    RESERVED(0x6fc00000, 0x70000000),
    RESERVED(0x70000000, 0x70200000),  RESERVED(0x78000000, 0x7a800000),
    RESERVED(0x7b000000, 0x80000000),  RESERVED(0xe0000000, 0xf0000000),
    RESERVED(0xf8000000, 0xfc000000),  RESERVED(0xfd000000, 0xfe800000),
    RESERVED(0xfe000000, 0xfe011000),  RESERVED(0xfec00000, 0xfec01000),
    RESERVED(0xfed00000, 0xfed01000),  RESERVED(0xfed10000, 0xfed1a000),
    RESERVED(0xfed20000, 0xfed80000),  RESERVED(0xfee00000, 0xfee01000),
    RESERVED(0xff000000, 0x100000000), RESERVED(0x48e800000, 0x48f000000),
};
/* Two sockets, memory to 4 TiB and beyond, with firmware's holes and a window for devices. */
static const struct memory_range server_4t[] = {
    USABLE(0x1000, 0x3e000),
    RESERVED(0x3e000, 0x40000),
    USABLE(0x40000, 0xa0000),
    RESERVED(0xa0000, 0x100000),
    USABLE(0x100000, 0x5e2ff000),
    RESERVED(0x5e2ff000, 0x6fe4f000),
    ACPI_NVS(0x6fe4f000, 0x777ff000),
    ACPI_TABLES(0x777ff000, 0x777ff000 + 0x1000),
    USABLE(0x77800000, 0x78000000),
    RESERVED(0x78000000, 0x90000000),
    RESERVED(0xfd000000, 0x100000000),
    USABLE(0x100000000, 0x1fc80000000),
    RESERVED(0x1fc80000000, 0x20000000000),
    USABLE(0x20000000000, 0x3fe80000000),
    BAD(0x30000000000, 0x30000002000),
    RESERVED(0x3fe80000000, 0x40000000000),
    USABLE(0x40000000000, 0x40080000000),
    RESERVED(0x7ff00000000, 0x80000000000),
};

/* The image at the top of RAM and a guest's module, as the kernel would name them. */
static const struct page_hole typical_holes[] = {
    {{0x3f80000}, 0x40000},
    {{0x2000123}, 0x5001},
    {{0x8000}, 0x1000},
};

#define BITMAP_BYTES (256 * MIB)
#define GARBAGE      0xff

struct arena {
    struct pages pages;
    uint8_t *bitmap; /* BITMAP_BYTES of address space, filled only as far as asked */
    hpa_t bitmap_base;
    unsigned pointer_calls;
};

/* The allocator's `pointer` has no argument for the test's own data. */
static struct arena *arena;

static void *bitmap_pointer(hpa_t base)
{
    arena->bitmap_base = base;
    arena->pointer_calls++;
    return arena->bitmap;
}

static int arena_setup(void **state)
{
    arena = calloc(1, sizeof(*arena));
    memset(&arena->pages, 0xee, sizeof(arena->pages));
    arena->bitmap = mmap(NULL, BITMAP_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(arena->bitmap, MAP_FAILED);
    (void)madvise(arena->bitmap, BITMAP_BYTES, MADV_NOHUGEPAGE);
    *state = arena;
    return 0;
}

static int arena_teardown(void **state)
{
    (void)state;
    munmap(arena->bitmap, BITMAP_BYTES);
    free(arena);
    arena = NULL;
    return 0;
}

/* Pages of the fake memory that anything was written to; only where it was not filled. */
static unsigned touched_pages(void)
{
    static unsigned char resident[BITMAP_BYTES / PAGE_SIZE];
    unsigned touched = 0;

    assert_int_equal(mincore(arena->bitmap, BITMAP_BYTES, resident), 0);
    for (size_t i = 0; i < sizeof(resident); i++) {
        touched += resident[i] & 1;
    }
    return touched;
}

static struct pages *start_with(const struct memory_range *ranges, unsigned range_count,
                                const struct page_hole *holes, unsigned hole_count, uint64_t fill)
{
    struct pages *pages = &arena->pages;

    memset(arena->bitmap, GARBAGE, fill);
    arena->pointer_calls = 0;
    assert_int_equal(pages_init(pages, ranges, range_count, holes, hole_count, bitmap_pointer),
                     STATUS_OK);
    assert_int_equal(arena->pointer_calls, 1);
    assert_int_equal(pages->free, pages->total);
    return pages;
}

/* For small maps: the bitmaps hold garbage, and there is nothing behind them. */
static struct pages *start(const struct memory_range *ranges, unsigned range_count,
                           const struct page_hole *holes, unsigned hole_count)
{
    struct pages *pages = start_with(ranges, range_count, holes, hole_count, 2 * MIB);
    uint64_t bytes = pages->bookkeeping * PAGE_SIZE;

    assert_true(bytes <= 2 * MIB);
    for (uint64_t i = 0; i < bytes; i++) {
        assert_int_equal(arena->bitmap[i], GARBAGE);
    }
    assert_int_equal(mprotect(arena->bitmap + bytes, BITMAP_BYTES - bytes, PROT_NONE), 0);
    return pages;
}

#define START(ranges)       start(ranges, ARRAY_SIZE(ranges), NULL, 0)
#define START_HOLES(ranges) start(ranges, ARRAY_SIZE(ranges), typical_holes, 3)

static const struct page_zone *zone_with(const struct pages *pages, uint64_t page)
{
    for (unsigned i = 0; i < pages->zone_count; i++) {
        const struct page_zone *zone = &pages->zones[i];

        if (page >= zone->first && page - zone->first < zone->count) {
            return zone;
        }
    }
    return NULL;
}

/* Everything that the headers of pages.c and pagezones.c promise of the zones. */
static void check_invariants(const struct pages *pages)
{
    uint64_t total = 0, free = 0, after = 1;

    for (unsigned i = 0; i < pages->zone_count; i++) {
        const struct page_zone *zone = &pages->zones[i];
        uint64_t end = zone->first + zone->count, clear = 0;

        assert_true(zone->first >= after && zone->count > 0);
        assert_true(end <= PAGE_OF(MIB) || zone->first >= PAGE_OF(MIB));
        assert_true(end <= PAGE_OF(4 * GIB) || zone->first >= PAGE_OF(4 * GIB));
        assert_true((end <= PAGE_OF(MIB)) == (i < pages->zones_below_1m));
        assert_true((end <= PAGE_OF(4 * GIB)) == (i < pages->zones_below_4g));
        for (uint64_t j = zone->frontier; j < zone->count; j++) {
            bool taken = (zone->taken[j / 64] >> (j % 64) & 1) != 0;

            assert_true(taken || j != zone->frontier);
            assert_true(taken || j < zone->top);
            clear += !taken;
        }
        for (uint64_t j = zone->frontier; zone->frontier < zone->count && j % 64 != 0; j--) {
            assert_int_equal(zone->taken[(j - 1) / 64] >> ((j - 1) % 64) & 1, 0);
        }
        assert_int_equal(zone->free, zone->frontier + clear);
        total += zone->count;
        free += zone->free;
        after = end;
    }
    assert_int_equal(pages->total, total);
    assert_int_equal(pages->free, free);
}

static bool overlaps(uint64_t base, uint64_t length, uint64_t page)
{
    uint64_t end = base + length < base ? UINT64_MAX : base + length;

    return length != 0 && base < (page + 1) * PAGE_SIZE && end > page * PAGE_SIZE;
}

static bool contains(uint64_t base, uint64_t length, uint64_t page)
{
    return base <= page * PAGE_SIZE && length >= PAGE_SIZE &&
           page * PAGE_SIZE - base <= length - PAGE_SIZE;
}

/* Whether the page may be managed, said as the header says it. */
static bool page_is_usable(const struct memory_range *ranges, unsigned range_count,
                           const struct page_hole *holes, unsigned hole_count, uint64_t page)
{
    bool usable = false;

    for (unsigned i = 0; i < range_count; i++) {
        if (ranges[i].type != MEMORY_USABLE) {
            if (overlaps(ranges[i].base.value, ranges[i].length, page)) {
                return false;
            }
        } else if (contains(ranges[i].base.value, ranges[i].length, page)) {
            usable = true;
        }
    }
    for (unsigned i = 0; i < hole_count; i++) {
        if (overlaps(holes[i].base.value, holes[i].length, page)) {
            return false;
        }
    }
    return usable && page != 0;
}

/* Compares every page from..end-1 with what the map says of it. */
static void check_window(const struct pages *pages, const struct memory_range *ranges,
                         unsigned range_count, const struct page_hole *holes, unsigned hole_count,
                         uint64_t from, uint64_t end)
{
    uint64_t bitmap = PAGE_OF(arena->bitmap_base.value);

    for (uint64_t page = from; page < end; page++) {
        bool usable = page_is_usable(ranges, range_count, holes, hole_count, page);

        if (page - bitmap < pages->bookkeeping) {
            assert_true(usable);
            usable = false;
        }
        if ((zone_with(pages, page) != NULL) != usable) {
            fail_msg("page 0x%llx should%s be managed", (unsigned long long)page,
                     usable ? "" : " not");
        }
    }
}

/* Looks at the pages around every boundary of the map, and at some in between. */
static void check_map(const struct pages *pages, const struct memory_range *ranges,
                      unsigned range_count, const struct page_hole *holes, unsigned hole_count)
{
    uint64_t before = 0;

    for (unsigned i = 0; i < range_count; i++) {
        uint64_t first = PAGE_OF(ranges[i].base.value);
        uint64_t end = PAGE_OF(ranges[i].base.value + ranges[i].length);

        check_window(pages, ranges, range_count, holes, hole_count, MAX(first, 3) - 3, first + 3);
        check_window(pages, ranges, range_count, holes, hole_count, MAX(end, 3) - 3, end + 3);
        check_window(pages, ranges, range_count, holes, hole_count, (first + end) / 2,
                     (first + end) / 2 + 3);
    }
    for (unsigned i = 0; i < hole_count; i++) {
        uint64_t first = PAGE_OF(holes[i].base.value);
        uint64_t end = PAGE_OF(holes[i].base.value + holes[i].length);

        check_window(pages, ranges, range_count, holes, hole_count, first - 3, end + 3);
    }
    check_window(pages, ranges, range_count, holes, hole_count, 0, 0x140);
    for (unsigned i = 0; i < pages->zone_count; i++) { /* none larger than the map allows */
        const struct page_zone *zone = &pages->zones[i];

        assert_true(zone->first >= before);
        before = zone->first + zone->count;
        check_window(pages, ranges, range_count, holes, hole_count, zone->first - 1,
                     zone->first + 1);
        check_window(pages, ranges, range_count, holes, hole_count, before - 1, before + 1);
    }
    assert_true(arena->bitmap_base.value >= MIB);
    assert_true(arena->bitmap_base.value + pages->bookkeeping * PAGE_SIZE <= 4 * GIB);
    assert_true(pages->bookkeeping * 1000 <= pages->total);
    assert_int_equal(pages->dropped, 0);
}

static void takes_in_real_maps(void **state)
{
    static const struct {
        const struct memory_range *ranges;
        unsigned count;
        uint64_t usable; /* whole usable pages, page 0 not among them */
    } maps[] = {
        {bochs_64m, ARRAY_SIZE(bochs_64m), 0x9e + 0x3ef0},
        {bochs_512m, ARRAY_SIZE(bochs_512m), 0x9e + 0x1fef0},
        {qemu_2g, ARRAY_SIZE(qemu_2g), 0x9e + 0x7fee0},
        {laptop_16g, ARRAY_SIZE(laptop_16g),
         0x57 + 0x44 + (0x40000 - 0x100) + (0x5a8f3 - 0x40400) + (0x5b3a1 - 0x5a93e) +
             (0x6d7bd - 0x5b4ad) + (0x6e1cf - 0x6d7be) - 1 + 1 + (0x48e800 - 0x100000)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        struct pages *pages = start_with(maps[i].ranges, maps[i].count, NULL, 0, 2 * MIB);

        check_map(pages, maps[i].ranges, maps[i].count, NULL, 0);
        check_invariants(pages);
        assert_int_equal(pages->total + pages->bookkeeping, maps[i].usable);

        pages = start_with(maps[i].ranges, maps[i].count, typical_holes, 3, 2 * MIB);
        check_map(pages, maps[i].ranges, maps[i].count, typical_holes, 3);
        assert_int_equal(pages->total + pages->bookkeeping, maps[i].usable - 0x40 - 6 - 1);
    }
}

static void server_of_4t_costs_nothing_to_start(void **state)
{
    struct pages *pages = start_with(server_4t, ARRAY_SIZE(server_4t), NULL, 0, 0);
    uint64_t usable = 0x3d + 0x60 + (0x5e2ff - 0x100) + 0x800 + (0x1fc80000 - 0x100000) +
                      (0x3fe80000 - 0x20000000) - 2 + 0x80000;
    hpa_t base;

    (void)state;
    assert_int_equal(touched_pages(), 0);
    assert_int_equal(pages->total + pages->bookkeeping, usable);
    check_map(pages, server_4t, ARRAY_SIZE(server_4t), NULL, 0);
    assert_true(pages->bookkeeping * PAGE_SIZE <= 130 * MIB);
    check_invariants(pages);

    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
        assert_int_equal(base.value, 0x40080000000 - (i + 1) * PAGE_SIZE);
    }
    assert_int_equal(touched_pages(), 1);
    /* Half of a terabyte in one piece (not in the highest zone that is large enough: there it
     * cannot be aligned) writes the bits of its own pages and no more. */
    assert_int_equal(pages_take(pages, TIB / 2 / PAGE_SIZE, TIB / 2, PAGES_ANYWHERE, &base),
                     STATUS_OK);
    assert_int_equal(base.value, 0x28000000000);
    assert_in_range(touched_pages(), 4096, 4096 + 3);
    check_invariants(pages);
    assert_int_equal(pages_give(pages, base, TIB / 2 / PAGE_SIZE), STATUS_OK);
}

static void takes_from_above_4g_first_and_low_only_when_asked(void **state)
{
    static const struct memory_range map[] = {
        USABLE(0, 0x9fc00), USABLE(MIB, 2 * MIB),
        USABLE(4 * GIB - 8 * PAGE_SIZE, 4 * GIB + 3 * PAGE_SIZE)};
    struct pages *pages = START(map);
    uint64_t middle = 0x100 + 8 - pages->bookkeeping;
    hpa_t base;

    (void)state;
    assert_int_equal(pages->zone_count, 4);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_4G, &base), STATUS_OK);
    assert_int_equal(base.value, 4 * GIB - (1 + pages->bookkeeping) * PAGE_SIZE);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_1M, &base), STATUS_OK);
    assert_int_equal(base.value, 0x9e000);
    assert_int_equal(pages_take(pages, 4, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
    assert_true(base.value < 4 * GIB); /* above are only three, and no range lies on both sides */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
        assert_int_equal(base.value, 4 * GIB + (2 - i) * PAGE_SIZE);
    }
    for (uint64_t i = 5; i < middle; i++) {
        assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
        assert_in_range(base.value, MIB, 4 * GIB - 1);
    }
    assert_int_equal(base.value, MIB);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_NO_MEMORY);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_4G, &base), STATUS_NO_MEMORY);
    assert_int_equal(pages->free, 0x9e - 1);
    for (unsigned i = 0; i < 0x9e - 1; i++) {
        assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_1M, &base), STATUS_OK);
    }
    assert_int_equal(base.value, PAGE_SIZE); /* never page 0 */
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_1M, &base), STATUS_NO_MEMORY);
    check_invariants(pages);
}

static void aligns_and_reuses_what_alignment_skipped(void **state)
{
    struct pages *pages = START(bochs_64m);
    uint64_t top = arena->bitmap_base.value;
    hpa_t base;

    (void)state;
    for (uint64_t alignment = PAGE_SIZE; alignment <= 16 * MIB; alignment *= 2) {
        assert_int_equal(pages_take(pages, 3, alignment, PAGES_ANYWHERE, &base), STATUS_OK);
        assert_true(IS_ALIGNED(base.value, alignment));
        check_invariants(pages);
    }
    assert_int_equal(base.value, 32 * MIB);
    assert_int_equal(pages_take(pages, 1, 64 * MIB, PAGES_ANYWHERE, &base), STATUS_NO_MEMORY);
    assert_int_equal(pages_take(pages, 1, BIT(63), PAGES_ANYWHERE, &base), STATUS_NO_MEMORY);
    /* What alignment left over goes first, from the top. */
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
    assert_in_range(base.value, top - 16 * PAGE_SIZE, top - PAGE_SIZE);
    check_invariants(pages);
}

static void refuses_bad_arguments(void **state)
{
    struct pages *pages = START(bochs_64m);
    hpa_t base;

    (void)state;
    assert_int_equal(pages_take(pages, 0, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_INVALID);
    assert_int_equal(pages_take(pages, 1, 0, PAGES_ANYWHERE, &base), STATUS_INVALID);
    assert_int_equal(pages_take(pages, 1, 2048, PAGES_ANYWHERE, &base), STATUS_INVALID);
    assert_int_equal(pages_take(pages, 1, 3 * PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_INVALID);
    assert_int_equal(pages_take(pages, UINT64_MAX, PAGE_SIZE, PAGES_ANYWHERE, &base),
                     STATUS_NO_MEMORY);
    assert_int_equal(pages->free, pages->total);
}

static void exhausts_and_takes_everything_back(void **state)
{
    struct pages *pages = START_HOLES(bochs_64m);
    uint64_t total = pages->total, taken = 0;
    hpa_t *bases = calloc(total, sizeof(*bases));
    uint8_t *seen = calloc(1, 64 * MIB / PAGE_SIZE);
    hpa_t base;

    (void)state;
    while (pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base) == STATUS_OK ||
           pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_1M, &base) == STATUS_OK) {
        assert_true(page_is_usable(bochs_64m, ARRAY_SIZE(bochs_64m), typical_holes, 3,
                                   PAGE_OF(base.value)));
        assert_int_equal(seen[PAGE_OF(base.value)]++, 0);
        bases[taken++] = base;
    }
    assert_int_equal(taken, total);
    assert_int_equal(pages->free, 0);
    check_invariants(pages);
    for (uint64_t i = 0; i < total; i++) { /* in an order without order: 7919 is prime */
        uint64_t j = i * 7919 % total;

        assert_int_equal(pages_give(pages, bases[j], 1), STATUS_OK);
        assert_int_equal(pages_give(pages, bases[j], 1), STATUS_NOT_FOUND);
    }
    assert_int_equal(pages->free, total);
    check_invariants(pages);
    for (unsigned i = 0; i < pages->zone_count; i++) {
        assert_int_equal(pages->zones[i].frontier, pages->zones[i].count);
    }
    free(bases);
    free(seen);
}

/* Contiguous space is found again wherever the frontier stood when its parts came back. */
static void joins_what_comes_back(void **state)
{
    static const struct memory_range map[] = {USABLE(MIB, MIB + 101 * PAGE_SIZE)};
    struct pages *pages = START(map);
    hpa_t first, second, third, all;

    (void)state;
    assert_int_equal(pages->total, 100);
    assert_int_equal(pages_take(pages, 30, PAGE_SIZE, PAGES_ANYWHERE, &first), STATUS_OK);
    assert_int_equal(pages_take(pages, 30, PAGE_SIZE, PAGES_ANYWHERE, &second), STATUS_OK);
    assert_int_equal(pages_take(pages, 30, PAGE_SIZE, PAGES_ANYWHERE, &third), STATUS_OK);
    assert_int_equal(pages_give(pages, second, 30), STATUS_OK);
    assert_int_equal(pages_take(pages, 31, PAGE_SIZE, PAGES_ANYWHERE, &all), STATUS_NO_MEMORY);
    assert_int_equal(pages_give(pages, third, 30), STATUS_OK);
    assert_int_equal(pages_take(pages, 70, PAGE_SIZE, PAGES_ANYWHERE, &all), STATUS_OK);
    assert_int_equal(all.value, MIB);
    assert_int_equal(pages_give(pages, all, 70), STATUS_OK);
    assert_int_equal(pages_give(pages, first, 30), STATUS_OK);
    assert_int_equal(pages_take(pages, 100, PAGE_SIZE, PAGES_ANYWHERE, &all), STATUS_OK);
    assert_int_equal(pages_give(pages, HPA(all.value + 10 * PAGE_SIZE), 20), STATUS_OK);
    assert_int_equal(pages_take(pages, 20, PAGE_SIZE, PAGES_ANYWHERE, &second), STATUS_OK);
    assert_int_equal(second.value, all.value + 10 * PAGE_SIZE);
    check_invariants(pages);
}

static void check_refused(struct pages *pages, uint64_t base, uint64_t count, enum status status)
{
    static uint8_t bitmap[2 * MIB];
    struct pages before = *pages;

    memcpy(bitmap, arena->bitmap, pages->bookkeeping * PAGE_SIZE);
    assert_int_equal(pages_give(pages, HPA(base), count), status);
    assert_memory_equal(&before, pages, sizeof(before));
    assert_memory_equal(bitmap, arena->bitmap, pages->bookkeeping * PAGE_SIZE);
}

static void refuses_a_wrong_give_without_change(void **state)
{
    struct pages *pages = START_HOLES(bochs_64m);
    hpa_t base, below;

    (void)state;
    check_refused(pages, MIB, 1, STATUS_NOT_FOUND); /* never handed out */
    assert_int_equal(pages_take(pages, 10, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
    assert_int_equal(pages_take(pages, 200, PAGE_SIZE, PAGES_ANYWHERE, &below), STATUS_OK);
    check_refused(pages, base.value + 1, 1, STATUS_INVALID);
    check_refused(pages, base.value, 0, STATUS_INVALID);
    check_refused(pages, base.value, UINT64_MAX, STATUS_INVALID);
    check_refused(pages, 0, 1, STATUS_INVALID);
    check_refused(pages, 0x8000, 1, STATUS_INVALID);    /* a hole */
    check_refused(pages, 0x9f000, 1, STATUS_INVALID);   /* reserved */
    check_refused(pages, 0x3ff0000, 1, STATUS_INVALID); /* ACPI tables */
    check_refused(pages, 0x5000000, 1, STATUS_INVALID); /* no memory at all */
    check_refused(pages, arena->bitmap_base.value, 1, STATUS_INVALID);
    check_refused(pages, BIT(63), 1, STATUS_INVALID);
    /* The range runs over the end of the zone, or begins below what is taken. */
    check_refused(pages, base.value, 11, STATUS_INVALID);
    check_refused(pages, below.value - PAGE_SIZE, 2, STATUS_NOT_FOUND);
    check_refused(pages, below.value - PAGE_SIZE, 1, STATUS_NOT_FOUND);
    /* One free page among taken ones, at the beginning, in the middle, at the end. */
    assert_int_equal(pages_give(pages, HPA(below.value + 100 * PAGE_SIZE), 1), STATUS_OK);
    check_refused(pages, below.value + 100 * PAGE_SIZE, 3, STATUS_NOT_FOUND);
    check_refused(pages, below.value, 200, STATUS_NOT_FOUND);
    check_refused(pages, below.value + 90 * PAGE_SIZE, 11, STATUS_NOT_FOUND);
    /* Free and beyond management: that it was never managed goes first. */
    check_refused(pages, below.value, 300, STATUS_INVALID);
    assert_int_equal(pages_give(pages, below, 100), STATUS_OK);
    assert_int_equal(pages_give(pages, HPA(below.value + 101 * PAGE_SIZE), 99), STATUS_OK);
    assert_int_equal(pages_give(pages, base, 10), STATUS_OK);
    assert_int_equal(pages->free, pages->total);
    check_refused(pages, base.value, 10, STATUS_NOT_FOUND);
    check_invariants(pages);
}

/* 4 GiB is a border between zones, not a hole: what was taken on both sides comes back at once. */
static void gives_back_across_adjoining_zones(void **state)
{
    static const struct memory_range map[] = {USABLE(4 * GIB - PAGE_SIZE, 4 * GIB + 9 * PAGE_SIZE)};
    struct pages *pages = START(map);
    hpa_t base;

    (void)state;
    /* One page below 4 GiB cannot hold the bitmap and be of use: it lies above. */
    assert_int_equal(arena->bitmap_base.value, 4 * GIB + 8 * PAGE_SIZE);
    assert_int_equal(pages_take(pages, 8, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
    assert_int_equal(base.value, 4 * GIB);
    check_refused(pages, 4 * GIB - PAGE_SIZE, 9, STATUS_NOT_FOUND);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_OK);
    assert_int_equal(base.value, 4 * GIB - PAGE_SIZE);
    assert_int_equal(pages_give(pages, base, 9), STATUS_OK);
    assert_int_equal(pages->free, 9);
    check_invariants(pages);
}

static void odd_ranges_are_cut_to_what_is_safe(void **state)
{
    static const struct memory_range map[] = {
        {{UINT64_MAX - 5}, 100, MEMORY_RESERVED},        /* wraps: beyond all memory */
        {{UINT64_MAX - 5}, 0x10000, MEMORY_USABLE},      /* and is no memory at its other end */
        {{BIT(52) - PAGE_SIZE}, BIT(60), MEMORY_USABLE}, /* beyond 52 bits: cut */
        {{BIT(51)}, -BIT(51), MEMORY_RESERVED},          /* from there to the end of all */
        {{BIT(60)}, BIT(40), MEMORY_USABLE},             /* no processor reaches it */
        {{0x300001}, 0x1ffe, MEMORY_USABLE},             /* not one whole page */
        {{0x100fff}, 0x100001, MEMORY_USABLE},           /* 0x101000 to 0x201000 */
        {{0x180fff}, 1, MEMORY_BAD},                     /* one byte costs its page */
        {{0x182000}, 1, (enum memory_type)77},           /* an unknown type is not usable */
        {{0x1000}, 0, MEMORY_RESERVED},
        {{0x1000}, 0x1000, MEMORY_USABLE},
        {{BIT(51) - 0x1000}, BIT(63), MEMORY_USABLE},
    };
    static const struct page_hole holes[] = {{{0x110800}, 0}, {{0x190fff}, 2}, {{~UINT64_C(0)}, 1}};
    struct pages *pages = start(map, ARRAY_SIZE(map), holes, ARRAY_SIZE(holes));

    (void)state;
    check_window(pages, map, ARRAY_SIZE(map), holes, 3, 0, 0x400);
    check_window(pages, map, ARRAY_SIZE(map), holes, 3, PAGE_OF(BIT(51)) - 3, PAGE_OF(BIT(51)) + 3);
    assert_int_equal(pages->total + pages->bookkeeping, 1 + 0x100 - 4 + 1);
    check_invariants(pages);
}

static void a_map_of_crumbs_drops_the_smallest(void **state)
{
    static struct memory_range crumbs[MACHINE_MAX_RANGES];
    uint64_t sizes[MACHINE_MAX_RANGES], kept = 0, all = 0;
    struct pages *pages;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(crumbs); i++) {
        sizes[i] = 1 + (i * 97) % 256; /* each of 1..256 once */
        all += sizes[i];
        kept += sizes[i] > ARRAY_SIZE(crumbs) - PAGES_MAX_ZONES ? sizes[i] : 0;
        crumbs[i] = (struct memory_range){{MIB + i * 2 * MIB}, sizes[i] * PAGE_SIZE, MEMORY_USABLE};
    }
    pages = START(crumbs);
    assert_int_equal(pages->zone_count, PAGES_MAX_ZONES);
    assert_int_equal(pages->total + pages->bookkeeping, kept);
    assert_int_equal(pages->dropped, all - kept);
    check_invariants(pages);
}

static void no_place_for_the_bitmaps(void **state)
{
    static const struct memory_range nothing[] = {RESERVED(0, GIB)};
    static const struct memory_range low_only[] = {USABLE(0, MIB)};
    static const struct memory_range crumbs[] = {USABLE(MIB, MIB + PAGE_SIZE)};
    struct pages *pages = &arena->pages;
    hpa_t base;

    (void)state;
    assert_int_equal(pages_init(pages, NULL, 0, NULL, 0, bitmap_pointer), STATUS_NO_MEMORY);
    assert_int_equal(pages_init(pages, nothing, 1, NULL, 0, bitmap_pointer), STATUS_NO_MEMORY);
    assert_int_equal(pages_init(pages, low_only, 1, NULL, 0, bitmap_pointer), STATUS_NO_MEMORY);
    assert_int_equal(pages_init(pages, crumbs, 1, NULL, 0, bitmap_pointer), STATUS_NO_MEMORY);
    assert_int_equal(arena->pointer_calls, 0);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_ANYWHERE, &base), STATUS_NO_MEMORY);
    assert_int_equal(pages_take(pages, 1, PAGE_SIZE, PAGES_BELOW_1M, &base), STATUS_NO_MEMORY);
    assert_int_equal(pages_give(pages, HPA(MIB), 1), STATUS_INVALID);
}

static uint64_t random64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Unsorted, overlapping, unaligned ranges around 1 MiB and 4 GiB, each page judged on its own. */
static void agrees_with_random_maps(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1d;
    unsigned made = 0;

    (void)state;
    memset(arena->bitmap, GARBAGE, 2 * MIB);
    for (unsigned round = 0; round < 3000; round++) {
        struct memory_range ranges[24];
        struct page_hole holes[4];
        unsigned range_count = 1 + (unsigned)(random64(&seed) % ARRAY_SIZE(ranges));
        unsigned hole_count = (unsigned)(random64(&seed) % ARRAY_SIZE(holes));

        for (unsigned i = 0; i < range_count + hole_count; i++) {
            uint64_t window = random64(&seed) % 3 == 0 ? 0 : 4 * GIB - MIB;
            uint64_t base = window + random64(&seed) % (2 * MIB);
            uint64_t length = random64(&seed) % (random64(&seed) % 2 == 0 ? MIB : 0x4000);

            if (random64(&seed) % 2 == 0) {
                base = ALIGN_DOWN(base, PAGE_SIZE);
                length = ALIGN_DOWN(length, PAGE_SIZE);
            }
            if (i < range_count) {
                bool usable = random64(&seed) % 3 != 0;

                ranges[i] = (struct memory_range){
                    {base}, length, usable ? MEMORY_USABLE : 2 + random64(&seed) % 4};
            } else {
                holes[i - range_count] = (struct page_hole){{base}, length % 0x8000};
            }
        }
        if (pages_init(&arena->pages, ranges, range_count, holes, hole_count, bitmap_pointer) !=
            STATUS_OK) {
            continue;
        }
        made++;
        check_invariants(&arena->pages);
        check_window(&arena->pages, ranges, range_count, holes, hole_count, 0, PAGE_OF(3 * MIB));
        check_window(&arena->pages, ranges, range_count, holes, hole_count, PAGE_OF(4 * GIB - MIB),
                     PAGE_OF(4 * GIB + 2 * MIB));
    }
    assert_in_range(made, 2000, 3000);
}

/* A small machine with zones on all three sides, beside one byte a page. */
static const struct memory_range model_map[] = {
    USABLE(0, 0x40000),
    RESERVED(0x20000, 0x23000),
    USABLE(MIB, MIB + 700 * PAGE_SIZE),
    USABLE(4 * MIB, 4 * MIB + 130 * PAGE_SIZE),
    USABLE(8 * MIB, 8 * MIB + 64 * PAGE_SIZE),
    USABLE(4 * GIB, 4 * GIB + 333 * PAGE_SIZE),
};
#define MODEL_LOW   PAGE_OF(12 * MIB) /* pages 0.. of the model are the machine's */
#define MODEL_PAGES (MODEL_LOW + 400) /* the rest stand for those from 4 GiB on */

enum model_state { ALIEN, FREE, TAKEN };

static uint64_t model_index(uint64_t page)
{
    return page >= PAGE_OF(4 * GIB) ? page - PAGE_OF(4 * GIB) + MODEL_LOW : page;
}

static uint64_t model_page(uint64_t index)
{
    return index >= MODEL_LOW ? index - MODEL_LOW + PAGE_OF(4 * GIB) : index;
}

static bool model_all(const uint8_t *model, uint64_t from, uint64_t count, enum model_state state)
{
    for (uint64_t i = from; i < from + count; i++) {
        if (i >= MODEL_PAGES || model[i] != state) {
            return false;
        }
    }
    return true;
}

/* Whether any place would do: the allocator may only refuse if there is none. */
static bool model_has_place(const uint8_t *model, uint64_t count, uint64_t alignment,
                            enum page_limit limit)
{
    uint64_t from = limit == PAGES_BELOW_1M ? 0 : PAGE_OF(MIB);
    uint64_t end = limit == PAGES_BELOW_1M   ? PAGE_OF(MIB)
                   : limit == PAGES_BELOW_4G ? MODEL_LOW
                                             : MODEL_PAGES;

    for (uint64_t i = from; i + count <= end; i++) {
        if (IS_ALIGNED(model_page(i), alignment) && model_all(model, i, count, FREE)) {
            return true;
        }
    }
    return false;
}

static void model_take(struct pages *pages, uint8_t *model, uint64_t *seed)
{
    uint64_t count = random64(seed) % 2 == 0 ? 1 : 1 + random64(seed) % 90;
    uint64_t alignment = random64(seed) % 3 != 0 ? 1 : BIT(random64(seed) % 9);
    enum page_limit limit = (enum page_limit)(random64(seed) % 3);
    hpa_t base;
    enum status status = pages_take(pages, count, alignment * PAGE_SIZE, limit, &base);

    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_false(model_has_place(model, count, alignment, limit));
        return;
    }
    assert_true(IS_ALIGNED(base.value, alignment * PAGE_SIZE));
    assert_true((base.value < MIB) == (limit == PAGES_BELOW_1M));
    assert_true(base.value < 4 * GIB || limit == PAGES_ANYWHERE);
    assert_true(model_all(model, model_index(PAGE_OF(base.value)), count, FREE));
    memset(model + model_index(PAGE_OF(base.value)), TAKEN, count);
}

static void model_give(struct pages *pages, uint8_t *model, uint64_t *seed)
{
    uint64_t index = random64(seed) % MODEL_PAGES;
    uint64_t count = 1;
    enum status should_be = STATUS_OK;

    /* Mostly a run that is taken, found from a random page on; else whatever stands there. */
    if (random64(seed) % 8 != 0) {
        for (uint64_t i = 0; i < MODEL_PAGES && model[index] != TAKEN; i++) {
            index = (index + 1) % MODEL_PAGES;
        }
        while (count < 40 && model_all(model, index + count, 1, TAKEN)) {
            count++;
        }
    }
    count = 1 + random64(seed) % (count + (random64(seed) % 8 == 0 ? 4 : 0));
    if (index < MODEL_LOW && index + count > MODEL_LOW) {
        return;
    }
    for (uint64_t i = index; i < index + count; i++) {
        if (i >= MODEL_PAGES || model[i] == ALIEN) {
            should_be = STATUS_INVALID;
        } else if (model[i] == FREE && should_be == STATUS_OK) {
            should_be = STATUS_NOT_FOUND;
        }
    }
    assert_int_equal(pages_give(pages, HPA(model_page(index) << PAGE_SHIFT), count), should_be);
    if (should_be == STATUS_OK) {
        memset(model + index, FREE, count);
    }
}

/* What the words wholly below a frontier hold must not matter. */
static void spoil_below_frontiers(struct pages *pages)
{
    for (unsigned i = 0; i < pages->zone_count; i++) {
        const struct page_zone *zone = &pages->zones[i];
        uint64_t words =
            zone->frontier == zone->count ? (zone->count + 63) / 64 : zone->frontier / 64;

        memset(zone->taken, GARBAGE, words * sizeof(*zone->taken));
    }
}

static void agrees_with_an_array_of_pages(void **state)
{
    struct pages *pages = START(model_map);
    static uint8_t model[MODEL_PAGES];
    uint64_t seed = 0x9e3779b97f4a7c15;
    uint64_t free;

    (void)state;
    for (uint64_t i = 0; i < MODEL_PAGES; i++) {
        model[i] = zone_with(pages, model_page(i)) != NULL ? FREE : ALIEN;
    }
    for (unsigned i = 0; i < 300000; i++) {
        /* Now filling, now emptying, so that the frontiers travel. */
        if (random64(&seed) % 8 < (i / 2000 % 2 == 0 ? 5 : 3)) {
            model_take(pages, model, &seed);
        } else {
            model_give(pages, model, &seed);
        }
        if (i % 50 == 7) {
            spoil_below_frontiers(pages);
        }
        if (i % 20 == 0) {
            check_invariants(pages);
            free = 0;
            for (uint64_t j = 0; j < MODEL_PAGES; j++) {
                free += model[j] == FREE;
            }
            assert_int_equal(pages->free, free);
        }
    }
    for (uint64_t i = 0; i < MODEL_PAGES; i++) {
        if (model[i] == TAKEN) {
            assert_int_equal(pages_give(pages, HPA(model_page(i) << PAGE_SHIFT), 1), STATUS_OK);
        }
    }
    assert_int_equal(pages->free, pages->total);
    check_invariants(pages);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(takes_in_real_maps),
        ARENA_TEST(server_of_4t_costs_nothing_to_start),
        ARENA_TEST(takes_from_above_4g_first_and_low_only_when_asked),
        ARENA_TEST(aligns_and_reuses_what_alignment_skipped),
        ARENA_TEST(refuses_bad_arguments),
        ARENA_TEST(exhausts_and_takes_everything_back),
        ARENA_TEST(joins_what_comes_back),
        ARENA_TEST(refuses_a_wrong_give_without_change),
        ARENA_TEST(gives_back_across_adjoining_zones),
        ARENA_TEST(odd_ranges_are_cut_to_what_is_safe),
        ARENA_TEST(a_map_of_crumbs_drops_the_smallest),
        ARENA_TEST(no_place_for_the_bitmaps),
        ARENA_TEST(agrees_with_random_maps),
        ARENA_TEST(agrees_with_an_array_of_pages),
    };

    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
