/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million random operations on tables in EPT's format, each compared with a plain array of pages:
 * what every page is mapped to, its rights, type, accessed and dirty bits, and the size of the leaf
 * that maps it. With both walk lengths, each largest leaf, and so little memory for tables that
 * operations fail half-way: then the range must be new up to some page and old from there on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ept/ept.h"
#include "kernel/pagerun.h"
#include "tests/unit/table_pool.h"

#define OPERATIONS 85000   /* of each of the machines below: more than a million */
#define WINDOW     786432u /* pages: 3 GiB, that cross a boundary of the root's entries */
#define PAGES_2M   512u
#define PAGES_1G   262144u
#define TARGETS    (8 * GIB) /* where page 0 of the window is mapped to, more or less */

struct world {
    struct pool *pool;
    struct pt_format format;
    struct page_table pt;
    struct pt_flusher flusher;
    uint64_t base; /* the address of the window */
    uint64_t seed;
    uint64_t *value;     /* by page: target and attributes, 0: absent */
    uint64_t *old;       /* the same before the operation, in its range */
    uint8_t *level;      /* by page: of the leaf that maps it */
    unsigned first, end; /* the last range */
    bool large;          /* the operation's range begins or ends in a leaf of 1 GiB */
    unsigned failures, joins, splits, flushes;
};

static uint64_t random_below(struct world *world, uint64_t limit)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return (world->seed >> 11) % limit;
}

static unsigned pages_of(unsigned level)
{
    return level == 3 ? PAGES_1G : level == 2 ? PAGES_2M : 1;
}

static uint64_t address_of(const struct world *world, unsigned page)
{
    return world->base + page * PAGE_SIZE;
}

/* --- What the array does -------------------------------------------------------------------------
 */

static void set_levels(struct world *world, unsigned first, unsigned count, unsigned level)
{
    memset(world->level + first, (int)level, count);
}

/* The leaf over `page` is made of the next smaller ones. */
static void model_split_once(struct world *world, unsigned page)
{
    unsigned level = world->level[page];
    unsigned start = page / pages_of(level) * pages_of(level);

    set_levels(world, start, pages_of(level), level - 1);
    world->splits++;
}

/* No leaf reaches over the start of `page`. */
static void model_cut(struct world *world, unsigned page)
{
    while (page < WINDOW && world->level[page] > 1 && page % pages_of(world->level[page]) != 0) {
        model_split_once(world, page);
    }
}

static void model_map(struct world *world, unsigned first, unsigned end, uint64_t target,
                      uint64_t attributes)
{
    model_cut(world, first);
    model_cut(world, end);
    for (unsigned page = first; page < end;) {
        uint64_t to = target + (page - first) * PAGE_SIZE;
        unsigned level = world->format.largest_leaf;

        while (page % pages_of(level) != 0 || end - page < pages_of(level) ||
               to % (pages_of(level) * PAGE_SIZE) != 0) {
            level--;
        }
        set_levels(world, page, pages_of(level), level);
        for (unsigned i = 0; i < pages_of(level); i++) {
            world->value[page + i] = (to + i * PAGE_SIZE) | attributes;
        }
        page += pages_of(level);
    }
}

static void model_unmap(struct world *world, unsigned first, unsigned end)
{
    model_cut(world, first);
    model_cut(world, end);
    set_levels(world, first, end - first, 0);
    memset(world->value + first, 0, (end - first) * sizeof(*world->value));
}

static void model_protect(struct world *world, unsigned first, unsigned end, uint64_t clear,
                          uint64_t set)
{
    if (((world->value[first] & ~clear) | set) != world->value[first]) {
        model_cut(world, first);
    }
    if (end < WINDOW && ((world->value[end] & ~clear) | set) != world->value[end]) {
        model_cut(world, end);
    }
    for (unsigned page = first; page < end; page++) {
        if (world->value[page] != 0) {
            world->value[page] = (world->value[page] & ~clear) | set;
        }
    }
}

static void model_split(struct world *world, unsigned first, unsigned end, unsigned level)
{
    for (unsigned page = first; page < end; page = (page / PAGES_2M + 1) * PAGES_2M) {
        while (world->level[page] > level) {
            model_split_once(world, page);
        }
    }
}

/* One leaf of `level` instead of smaller ones, if these are contiguous, aligned and alike. */
static void model_join_one(struct world *world, unsigned start, unsigned level)
{
    uint64_t marks = EPT_ACCESSED | EPT_DIRTY, seen = 0;
    uint64_t first = world->value[start] & ~marks;
    unsigned part = pages_of(level - 1);

    if (world->format.largest_leaf < level || start + pages_of(level) > WINDOW || first == 0 ||
        (first & POOL_ADDRESS) % (pages_of(level) * PAGE_SIZE) != 0) {
        return;
    }
    for (unsigned i = 0; i < pages_of(level); i += part) {
        uint64_t value = world->value[start + i];

        if (world->level[start + i] != level - 1 || (value & ~marks) != first + i * PAGE_SIZE) {
            return;
        }
        seen |= value & marks;
    }
    set_levels(world, start, pages_of(level), level);
    for (unsigned i = 0; i < pages_of(level); i++) {
        world->value[start + i] |= seen;
    }
    world->joins++;
}

static void model_join(struct world *world, unsigned first, unsigned end)
{
    for (unsigned level = 2; level <= 3; level++) {
        unsigned span = pages_of(level);

        for (unsigned start = first / span * span; start < end; start += span) {
            model_join_one(world, start, level);
        }
    }
}

/* --- Comparing -----------------------------------------------------------------------------------
 */

static struct pt_walk walk_page(struct world *world, unsigned page)
{
    return pt_walk(&world->format, &world->pool->memory, world->pt.root, address_of(world, page));
}

/* Where the last page was read: the table that its neighbours may be in, too. */
struct cursor {
    const uint64_t *entries;
    unsigned block; /* pages / PAGES_2M */
};

/* A page's value in the tables; and the pages from it on that the same entry decides. */
static uint64_t read_page(struct world *world, struct cursor *cursor, unsigned page,
                          unsigned *level, unsigned *same)
{
    struct pt_walk walk;
    uint64_t span, number = address_of(world, page) / PAGE_SIZE;

    if (cursor->entries != NULL && cursor->block == page / PAGES_2M) {
        *same = 1;
        *level = cursor->entries[page % PAGES_2M] != 0;
        return cursor->entries[page % PAGES_2M];
    }
    walk = walk_page(world, page);
    assert_true(walk.readable);
    cursor->entries = NULL;
    if (walk.level == 1) {
        *cursor = (struct cursor){pool_at(&world->pool->memory, walk.table[1]), page / PAGES_2M};
    }
    span = pt_span(walk.level) / PAGE_SIZE;
    *level = walk.present ? walk.level : 0;
    *same = (unsigned)MIN(span - number % span, WINDOW - page);
    return walk.present ? walk.target.value | walk.attributes : 0;
}

static void compare(struct world *world, unsigned first, unsigned end)
{
    struct cursor cursor = {0};

    for (unsigned page = first; page < end;) {
        unsigned level, same;
        uint64_t value = read_page(world, &cursor, page, &level, &same);

        for (unsigned i = 0; i < same && page + i < end; i++) {
            uint64_t there = value == 0 ? 0 : value + i * PAGE_SIZE;

            if (world->value[page + i] != there || world->level[page + i] != level) {
                fail_msg("page 0x%x: 0x%lx at level %u, the model has 0x%lx at level %u", page + i,
                         there, level, world->value[page + i], world->level[page + i]);
            }
        }
        page += same;
    }
}

/* After an operation on first..end that ran out of memory: new up to some page, then old. Where
 * leaves have been split by then, the model takes from the tables. */
static void accept_a_prefix(struct world *world, unsigned first, unsigned end)
{
    unsigned span = world->large ? PAGES_1G : PAGES_2M;
    unsigned region = first / span * span;
    unsigned region_end = MIN((end / span + 1) * span, WINDOW);
    struct cursor cursor = {0};
    bool is_new = true;

    for (unsigned page = region; page < region_end;) {
        unsigned level, same;
        uint64_t value = read_page(world, &cursor, page, &level, &same);

        for (unsigned i = 0; i < same && page + i < region_end; i++) {
            unsigned here = page + i;

            world->level[here] = (uint8_t)level;
            is_new = is_new && world->value[here] == (value == 0 ? 0 : value + i * PAGE_SIZE);
            if (!is_new && here >= first && here < end) {
                world->value[here] = world->old[here];
            }
        }
        page += same;
    }
    compare(world, region, region_end);
    world->failures++;
}

struct runs {
    struct world *world;
    unsigned page;      /* before it, all is compared */
    unsigned leaves[4]; /* of all runs */
};

static bool continues(const struct world *world, unsigned page)
{
    uint64_t marks = EPT_ACCESSED | EPT_DIRTY;

    return (world->value[page] & ~marks) + PAGE_SIZE == (world->value[page + 1] & ~marks);
}

/* From `page` on, where the model's run or gap ends. */
static unsigned model_run_end(const struct world *world, unsigned page, unsigned end)
{
    bool absent = world->value[page] == 0;

    while (page + 1 < end && (absent ? world->value[page + 1] == 0
                                     : world->value[page + 1] != 0 && continues(world, page))) {
        page++;
    }
    return page + 1;
}

static void compare_run(struct world *world, const struct pt_run *run, unsigned page, unsigned end)
{
    uint64_t marks = 0;

    for (unsigned i = page; i < end; i++) {
        marks |= world->value[i] & (EPT_ACCESSED | EPT_DIRTY);
    }
    assert_int_equal(run->first, address_of(world, page));
    assert_int_equal(run->last, address_of(world, end) - 1);
    assert_int_equal(run->present, world->value[page] != 0);
    assert_int_equal(run->level, world->level[page]);
    assert_int_equal(run->target.value | run->attributes, world->value[page] | marks);
}

static bool next_run(void *context, const struct pt_run *run)
{
    struct runs *runs = context;
    struct world *world = runs->world;
    unsigned end;

    if (world->value[runs->page] == 0) {
        runs->page = model_run_end(world, runs->page, WINDOW);
    }
    end = model_run_end(world, runs->page, WINDOW);
    compare_run(world, run, runs->page, end);
    for (unsigned level = 1; level <= 3; level++) {
        runs->leaves[level] += (unsigned)run->leaves[level];
    }
    runs->page = end;
    return true;
}

static void compare_everything(struct world *world)
{
    struct runs runs = {.world = world};
    unsigned pages[4] = {0};

    pt_settle(&world->pt);
    check_tables(world->pool, &world->pt);
    compare(world, 0, WINDOW);
    assert_int_equal(
        pt_for_each_run(&world->pt, 0, BIT(world->format.levels * 9 + 12), next_run, &runs),
        STATUS_OK);
    for (unsigned page = 0; page < WINDOW; page++) {
        pages[world->level[page]]++;
        assert_true(page < runs.page || world->value[page] == 0);
    }
    for (unsigned level = 1; level <= 3; level++) {
        assert_int_equal(runs.leaves[level] * pages_of(level), pages[level]);
    }
}

/* --- Operations ----------------------------------------------------------------------------------
 */

/* Half of the time, the range of the operation before. Else mostly a few pages around few places,
 * so that operations meet; now and then a gibibyte. */
static void random_range(struct world *world, unsigned *first, unsigned *end)
{
    static const unsigned places[] = {
        0, PAGES_2M, PAGES_1G - PAGES_2M, PAGES_1G, 2 * PAGES_1G - PAGES_2M, 2 * PAGES_1G + 4096,
    };
    uint64_t kind = random_below(world, 4000);
    unsigned place = places[random_below(world, ARRAY_SIZE(places))];
    unsigned count;

    if (world->end != 0 && kind >= 2000) {
        *first = world->first;
        *end = world->end;
        return;
    }
    if (kind < 1) {
        place = (unsigned)random_below(world, 3) * PAGES_1G;
        count = PAGES_1G - (unsigned)(random_below(world, 2) * random_below(world, 1000));
    } else if (kind < 200) {
        count = PAGES_2M * (1 + (unsigned)random_below(world, 4));
    } else if (kind < 500) {
        place += (unsigned)random_below(world, PAGES_2M);
        count = 1 + (unsigned)random_below(world, 2 * PAGES_2M);
    } else {
        place += (unsigned)(random_below(world, 2) * random_below(world, PAGES_2M));
        count = 1 + (unsigned)random_below(world, 8);
    }
    *first = place;
    *end = MIN(place + count, WINDOW);
    world->first = *first;
    world->end = *end;
}

static enum status do_map(struct world *world, unsigned first, unsigned end)
{
    static const uint64_t all[] = {EPT_RWX, EPT_RWX, EPT_RWX, EPT_READ, EPT_READ | EPT_EXECUTE};
    uint64_t kind = random_below(world, 10);
    uint64_t moved = kind == 0   ? random_below(world, 1000)
                     : kind == 1 ? random_below(world, 4) * PAGES_2M
                     : kind == 2 ? PAGES_1G
                                 : 0;
    uint64_t target = TARGETS + (first + moved) * PAGE_SIZE;
    uint64_t type = random_below(world, 8) == 0 ? EPT_TYPE_UC : EPT_TYPE_WB;
    uint64_t attributes = all[random_below(world, ARRAY_SIZE(all))] | FIELD_PUT(EPT_MEMORY, type);

    model_map(world, first, end, target, attributes);
    return pt_map(&world->pt, address_of(world, first), HPA(target), (end - first) * PAGE_SIZE,
                  attributes);
}

static enum status do_protect(struct world *world, unsigned first, unsigned end)
{
    static const struct {
        uint64_t clear, set;
    } all[] = {
        {EPT_RWX, EPT_RWX},
        {EPT_RWX, EPT_RWX},
        {0, EPT_WRITE},
        {EPT_WRITE, 0},
        {EPT_RWX | EPT_DIRTY, EPT_READ},
        {EPT_MEMORY, FIELD_PUT(EPT_MEMORY, EPT_TYPE_WB)},
        {EPT_MEMORY, FIELD_PUT(EPT_MEMORY, EPT_TYPE_UC)},
        {EPT_ACCESSED | EPT_DIRTY, 0},
        {EPT_DIRTY, 0},
    };
    uint64_t which = random_below(world, ARRAY_SIZE(all));

    model_protect(world, first, end, all[which].clear, all[which].set);
    return pt_protect(&world->pt, address_of(world, first), (end - first) * PAGE_SIZE,
                      all[which].clear, all[which].set);
}

/* As the processor does it: the leaf, and the tables on the way. */
static void use_page(struct world *world, unsigned page)
{
    struct pt_walk walk = walk_page(world, page);
    uint64_t marks = EPT_ACCESSED | (random_below(world, 2) == 0 ? EPT_DIRTY : 0);
    unsigned span;

    if (!walk.present) {
        return;
    }
    for (unsigned level = world->format.levels; level >= walk.level; level--) {
        uint64_t *entries = pool_at(&world->pool->memory, walk.table[level]);

        entries[pt_index(level, address_of(world, page))] |=
            level == walk.level ? marks : EPT_ACCESSED;
    }
    span = pages_of(walk.level);
    for (unsigned i = page / span * span; i < page / span * span + span; i++) {
        world->value[i] |= marks;
    }
}

static void query_page(struct world *world, unsigned page)
{
    unsigned count = 1 + (unsigned)random_below(world, MIN(WINDOW - page, 1200));
    struct pt_run run;

    assert_int_equal(pt_query(&world->pt, address_of(world, page), count * PAGE_SIZE, &run),
                     STATUS_OK);
    compare_run(world, &run, page, model_run_end(world, page, page + count));
}

/* One operation on a range: 0 map, 1 unmap, 2 protect, 3 split, 4 join. */
static enum status edit(struct world *world, unsigned operation, unsigned first, unsigned end)
{
    uint64_t address = address_of(world, first);
    uint64_t length = (end - first) * PAGE_SIZE;
    unsigned level = 1 + (unsigned)random_below(world, 2);

    switch (operation) {
    case 0:
        return do_map(world, first, end);
    case 1:
        model_unmap(world, first, end);
        return pt_unmap(&world->pt, address, length);
    case 2:
        return do_protect(world, first, end);
    case 3:
        model_split(world, first, end, level);
        return pt_split(&world->pt, address, length, level);
    default:
        model_join(world, first, end);
        return pt_join(&world->pt, address, length);
    }
}

static void operate(struct world *world)
{
    static const unsigned operations[] = {0, 0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 5, 6};
    unsigned operation = operations[random_below(world, ARRAY_SIZE(operations))];
    unsigned first, end, around = random_below(world, 16) == 0 ? 2 * PAGES_2M : 4;
    enum status status;

    random_range(world, &first, &end);
    if (operation == 5) {
        use_page(world, first);
    } else if (operation == 6) {
        query_page(world, first);
    } else {
        world->large = world->level[first] == 3 || world->level[end - 1] == 3;
        memcpy(world->old + first, world->value + first, (end - first) * sizeof(*world->old));
        status = edit(world, operation, first, end);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_NO_MEMORY);
            assert_int_not_equal(operation, 4);
            accept_a_prefix(world, first, end);
        }
    }
    compare(world, first - MIN(first, around), MIN(end + around, WINDOW));
    if (random_below(world, 2) == 0) {
        pt_settle(&world->pt);
    }
}

static void count_flush(struct pt_flusher *flusher, const struct pt_changes *changes)
{
    struct world *world = (struct world *)((char *)flusher - offsetof(struct world, flusher));

    assert_true(changes->needs_flush);
    assert_true(changes->first <= changes->last);
    world->flushes++;
}

static const struct machine_case {
    unsigned levels, largest_leaf, tables; /* tables: how many there are */
    bool flusher, direct;
} machines[] = {
    {4, 3, 4000, true, true},  {4, 2, 4000, false, false}, {4, 1, 4000, true, false},
    {5, 3, 4000, false, true}, {5, 2, 4000, true, false},  {5, 1, 4000, false, true},
    {4, 3, 9, true, false},    {4, 3, 13, false, true},    {4, 2, 12, true, true},
    {4, 1, 10, false, false},  {5, 3, 12, false, false},   {5, 1, 14, true, true},
};

static void run_machine(struct world *world, const struct machine_case *machine)
{
    world->format = (struct pt_format){
        .levels = machine->levels,
        .largest_leaf = machine->largest_leaf,
        .present = EPT_RWX,
        .table = EPT_RWX,
        .leaf = EPT_LEAF,
        .address = POOL_ADDRESS,
        .accessed = EPT_ACCESSED,
        .dirty = EPT_DIRTY,
        .grants = EPT_RWX,
        .types = EPT_MEMORY | EPT_IGNORE_PAT,
    };
    world->base = (machine->levels == 4 ? 512 * GIB : 256 * TIB) - GIB;
    world->seed = 0x4c696e74656c + machine->levels * 1000 + machine->tables;
    world->pool->left = machine->tables;
    world->pool->memory.direct = machine->direct;
    world->pt = new_tables(world->pool, &world->format);
    world->flusher.flush = count_flush;
    world->pt.flusher = machine->flusher ? &world->flusher : NULL;
    memset(world->value, 0, WINDOW * sizeof(*world->value));
    memset(world->level, 0, WINDOW);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        operate(world);
        if (i % 1000 == 0) {
            pt_settle(&world->pt);
            check_tables(world->pool, &world->pt);
        }
        if (i % 5000 == 0) {
            compare_everything(world);
        }
    }
    compare_everything(world);
    pt_destroy(&world->pt);
    assert_int_equal(world->pool->in_use, 0);
}

static void agrees_with_an_array_of_pages(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    world->pool = *state;
    pool_make_direct(world->pool);
    world->value = calloc(WINDOW, sizeof(*world->value));
    world->old = calloc(WINDOW, sizeof(*world->old));
    world->level = calloc(WINDOW, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
        run_machine(world, &machines[i]);
    }
    print_message("%zu operations: %u joins, %u splits, %u ran out of memory, %u flushes\n",
                  OPERATIONS * ARRAY_SIZE(machines), world->joins, world->splits, world->failures,
                  world->flushes);
    /* It did meet what it is for. */
    assert_true(world->joins > 1000 && world->splits > 1000 && world->failures > 1000 &&
                world->flushes > 1000);
    free(world->value);
    free(world->old);
    free(world->level);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agrees_with_an_array_of_pages, pool_setup, pool_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
