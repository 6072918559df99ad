/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INVEPT where the SDM wants it, and only there. A model of a processor caches translations and
 * pointers to tables while it uses random pages, also between a change of the tables and its end;
 * once a change has been settled, nothing that it has cached may differ from the tables in a way
 * that the SDM forbids. And the calls are counted against the SDM's list, read out of the tables'
 * content before and after each change: no call where the list names no reason.
 *
 * SDM vol. 3C, "Caching Translation Information" and "Guidelines for Use of the INVEPT
 * Instruction".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ept/invalidate.h"
#include "tests/unit/table_pool.h"

#define ROUNDS  8000
#define SLOTS   64 /* of each kind of what is cached */
#define POINTER UINT64_C(0x12345000)
#define WINDOW  (GIB - 4 * MIB) /* 8 MiB of pages over the boundary of two tables */
#define PAGES   2048

#define TABLE_BITS POOL_ADDRESS

/* --- What is cached ------------------------------------------------------------------------------
 */

/* An entry as the processor has read it: a leaf, or one that refers to a table. */
struct cached {
    bool valid;
    unsigned level;
    uint64_t gpa; /* the first that the entry translates */
    uint64_t entry;
};

struct snapshot {
    struct cached entries[16384];
    unsigned count;
};

static struct {
    struct pool *pool;
    struct ept ept;
    struct ept_flusher flusher;
    struct ept_invept invept;
    bool accessed_dirty;
    bool others_run; /* pages are used until the moment that INVEPT is executed */
    struct cached leaves[SLOTS], pointers[SLOTS];
    struct snapshot before, after;
    unsigned calls; /* since the last settling */
    uint64_t seed;
} w;

static uint64_t random_below(uint64_t limit)
{
    w.seed ^= w.seed << 13;
    w.seed ^= w.seed >> 7;
    w.seed ^= w.seed << 17;
    return (w.seed >> 11) % limit;
}

static bool covers(const struct cached *cached, uint64_t gpa)
{
    return cached->valid && gpa - cached->gpa < pt_span(cached->level);
}

static void cache(struct cached *slots, unsigned level, uint64_t gpa, uint64_t entry)
{
    slots[random_below(SLOTS)] =
        (struct cached){true, level, ALIGN_DOWN(gpa, pt_span(level)), entry};
}

/* One that is cached for `gpa`, any of them, or NULL. */
static const struct cached *find(const struct cached *slots, uint64_t gpa)
{
    unsigned start = (unsigned)random_below(SLOTS);

    for (unsigned i = 0; i < SLOTS; i++) {
        const struct cached *cached = &slots[(start + i) % SLOTS];

        if (covers(cached, gpa)) {
            return cached;
        }
    }
    return NULL;
}

static void forget_everything(void)
{
    memset(w.leaves, 0, sizeof(w.leaves));
    memset(w.pointers, 0, sizeof(w.pointers));
}

/* What an EPT violation does. */
static void forget(uint64_t gpa)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        w.leaves[i].valid = w.leaves[i].valid && !covers(&w.leaves[i], gpa);
        w.pointers[i].valid = w.pointers[i].valid && !covers(&w.pointers[i], gpa);
    }
}

/* Walks from the root, or from wherever a cached pointer leads: pool_at() fails the test where that
 * table has been given back. */
static void walk(uint64_t gpa, uint64_t right)
{
    const struct cached *start = random_below(4) != 0 ? find(w.pointers, gpa) : NULL;
    unsigned level = start != NULL ? start->level - 1 : w.ept.format.levels;
    uint64_t table = start != NULL ? start->entry & TABLE_BITS : w.ept.table.root.value;

    for (;; level--) {
        uint64_t *entry = &pool_at(&w.pool->memory, HPA(table))[pt_index(level, gpa)];
        bool leaf = level == 1 || (*entry & EPT_LEAF);

        if ((*entry & right) == 0) {
            forget(gpa);
            return;
        }
        if (w.accessed_dirty) {
            *entry |= EPT_ACCESSED | (leaf && right == EPT_WRITE ? EPT_DIRTY : 0);
        }
        if (leaf) {
            cache(w.leaves, level, gpa, *entry);
            return;
        }
        if (random_below(2) == 0) {
            cache(w.pointers, level, gpa, *entry);
        }
        table = *entry & TABLE_BITS;
    }
}

/* A read, write or fetch, with what is cached or without. */
static void use(uint64_t gpa)
{
    uint64_t right = BIT(random_below(3));
    const struct cached *cached = random_below(8) != 0 ? find(w.leaves, gpa) : NULL;

    if (cached == NULL) {
        walk(gpa, right);
    } else if ((cached->entry & right) == 0) {
        forget(gpa);
        walk(gpa, right);
    } else if (right == EPT_WRITE && w.accessed_dirty && !(cached->entry & EPT_DIRTY)) {
        walk(gpa, right);
    }
}

static void use_some(void)
{
    for (uint64_t i = random_below(12); i != 0; i--) {
        use(random_below(16) == 0 ? random_below(2 * GIB)
                                  : WINDOW + random_below(PAGES) * PAGE_SIZE);
    }
}

/* --- What the SDM wants --------------------------------------------------------------------------
 */

static bool is_leaf(unsigned level, uint64_t entry)
{
    return level == 1 || (entry & EPT_LEAF) != 0;
}

/* Whether INVEPT should follow the change of a present entry: the SDM's list, item by item. */
static bool listed(unsigned level, uint64_t before, uint64_t after)
{
    uint64_t cleared = before & ~after, changed = before ^ after;

    return (cleared & EPT_RWX) != 0 || (changed & BITS(51, 12)) != 0 ||
           (w.accessed_dirty && (cleared & EPT_ACCESSED) != 0) ||
           (level > 1 && (changed & EPT_LEAF) != 0) ||
           (is_leaf(level, before) && (changed & (EPT_MEMORY | EPT_IGNORE_PAT)) != 0) ||
           (is_leaf(level, before) && w.accessed_dirty && (cleared & EPT_DIRTY) != 0);
}

/* Nothing that is cached may grant, or spare the processor, more than the tables do. */
static void check_cached(const struct cached *cached)
{
    struct pt_walk now = ept_walk(&w.ept, GPA(cached->gpa));

    assert_true(now.level <= cached->level);
    assert_false(listed(cached->level, cached->entry, now.entry[cached->level]));
}

static void check_everything_cached(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (w.leaves[i].valid) {
            check_cached(&w.leaves[i]);
        }
        if (w.pointers[i].valid) {
            check_cached(&w.pointers[i]);
        }
    }
}

static void snap_table(struct snapshot *snapshot, uint64_t table, unsigned level, uint64_t gpa)
{
    const uint64_t *entries = pool_at(&w.pool->memory, HPA(table));

    for (unsigned i = 0; i < PT_ENTRIES; i++, gpa += pt_span(level)) {
        if ((entries[i] & EPT_RWX) == 0) {
            continue;
        }
        assert_true(snapshot->count < ARRAY_SIZE(snapshot->entries));
        snapshot->entries[snapshot->count++] = (struct cached){true, level, gpa, entries[i]};
        if (!is_leaf(level, entries[i])) {
            snap_table(snapshot, entries[i] & TABLE_BITS, level - 1, gpa);
        }
    }
}

static void snap(struct snapshot *snapshot)
{
    snapshot->count = 0;
    snap_table(snapshot, w.ept.table.root.value, w.ept.format.levels, 0);
}

/* Whether some entry changed in a way that needs INVEPT. Such an entry's addresses are accounted
 * for in pt_changes, unless that has been settled half-way. */
static bool must_invalidate(void)
{
    const struct pt_changes *changes = &w.ept.table.changes;
    unsigned j = 0;
    bool needed = false;

    for (unsigned i = 0; i < w.before.count; i++) {
        const struct cached *old = &w.before.entries[i], *now;
        bool gone;

        while (j < w.after.count &&
               (w.after.entries[j].gpa < old->gpa ||
                (w.after.entries[j].gpa == old->gpa && w.after.entries[j].level > old->level))) {
            j++;
        }
        now = &w.after.entries[j];
        gone = j == w.after.count || now->gpa != old->gpa || now->level != old->level;
        if (gone || listed(old->level, old->entry, now->entry)) {
            needed = true;
            assert_true(w.calls != 0 || (changes->needs_flush && changes->first <= old->gpa &&
                                         changes->last >= old->gpa + pt_span(old->level) - 1));
        }
    }
    return needed;
}

/* --- The space -----------------------------------------------------------------------------------
 */

static hpa_t take(struct pt_memory *memory)
{
    (void)memory;
    return pool_take(&w.pool->memory);
}

static void give(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    pool_give(&w.pool->memory, table);
}

static uint64_t *at(struct pt_memory *memory, hpa_t table)
{
    (void)memory;
    return pool_at(&w.pool->memory, table);
}

struct table_memory table_memory(enum page_limit limit)
{
    return (struct table_memory){{take, give, at, w.pool->memory.direct}, limit};
}

static void execute(const struct ept_invept *invept, enum ept_invept_type type, uint64_t pointer)
{
    assert_ptr_equal(invept, &w.invept);
    assert_true(type == EPT_INVEPT_SINGLE ? invept->single : invept->all);
    assert_int_equal(type,
                     invept->single && !w.flusher.shared ? EPT_INVEPT_SINGLE : EPT_INVEPT_ALL);
    assert_int_equal(pointer, type == EPT_INVEPT_SINGLE ? POINTER : 0);
    if (w.others_run) {
        use_some();
    }
    forget_everything();
    w.calls++;
}

static void start(struct pool *pool, const struct ept_abilities *abilities, bool single, bool all,
                  bool shared)
{
    w.pool = pool;
    w.seed = 0x4c696e74656c + abilities->largest_leaf;
    w.accessed_dirty = abilities->accessed_dirty;
    w.calls = 0;
    w.others_run = false;
    w.invept = (struct ept_invept){single, all, execute};
    forget_everything();
    assert_int_equal(ept_init(&w.ept, abilities), STATUS_OK);
    assert_int_equal(ept_flush_with(&w.ept, &w.flusher, &w.invept, POINTER, shared), STATUS_OK);
}

static void end(void)
{
    ept_destroy(&w.ept);
    assert_int_equal(w.pool->in_use, 0);
}

/* --- Random changes ------------------------------------------------------------------------------
 */

static enum status map_at_random(gpa_t gpa, uint64_t length)
{
    static const uint64_t rights[] = {EPT_RWX, EPT_RWX, EPT_READ, EPT_EXECUTE};
    uint64_t kind = random_below(4);
    uint64_t moved = kind == 0 ? 2 * MIB : kind == 1 && length != GIB ? PAGE_SIZE : 0;

    return ept_map(&w.ept, gpa, HPA(gpa.value + 4 * GIB + moved), length, rights[random_below(4)],
                   random_below(4) == 0 ? EPT_TYPE_UC : EPT_TYPE_WB);
}

static enum status change_at_random(void)
{
    static const uint64_t rights[] = {EPT_RWX, EPT_RWX, EPT_READ | EPT_WRITE, EPT_READ,
                                      EPT_EXECUTE};
    uint64_t kind = random_below(40);
    uint64_t page = random_below(2) == 0 ? random_below(4) * 512 : random_below(PAGES - 16);
    gpa_t gpa = GPA(WINDOW + page * PAGE_SIZE);
    uint64_t length = (1 + random_below(8)) * PAGE_SIZE;

    if (kind == 0 && w.ept.format.largest_leaf == 3) {
        gpa = GPA(random_below(2) * GIB);
        length = GIB;
    } else if (kind < 16) {
        gpa = GPA(ALIGN_DOWN(gpa.value, 2 * MIB));
        length = 2 * MIB;
    }
    switch (random_below(8)) {
    case 0:
        return map_at_random(gpa, length);
    case 1:
        return ept_unmap(&w.ept, gpa, length);
    case 2:
    case 3:
        return ept_set_rights(&w.ept, gpa, length, rights[random_below(ARRAY_SIZE(rights))]);
    case 4:
        return ept_set_type(&w.ept, gpa, length, random_below(4) == 0 ? EPT_TYPE_UC : EPT_TYPE_WB);
    case 5:
        return ept_split(&w.ept, gpa, length, length == GIB ? 2 : 1);
    case 6:
        return pt_protect(&w.ept.table, gpa.value, length,
                          random_below(2) == 0 ? EPT_DIRTY : EPT_ACCESSED | EPT_DIRTY, 0);
    default:
        return ept_join(&w.ept, gpa, length);
    }
}

static void is_stale_for_nobody(struct pool *pool, const struct ept_abilities *abilities,
                                bool single, bool all, bool shared)
{
    unsigned called = 0, spared = 0;

    start(pool, abilities, single, all, shared);
    w.others_run = true;
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool needed = false;

        w.calls = 0;
        for (uint64_t changes = 1 + random_below(8) / 6; changes != 0; changes--) {
            use_some();
            snap(&w.before);
            assert_int_equal(change_at_random(), STATUS_OK);
            snap(&w.after);
            needed = must_invalidate() || needed;
        }
        use_some();
        ept_settle(&w.ept);
        assert_int_equal(w.calls, needed);
        check_everything_cached();
        called += w.calls;
        spared += !needed;
        use_some();
    }
    check_tables(pool, &w.ept.table);
    print_message("%u rounds of changes: %u with INVEPT, %u without\n", ROUNDS, called, spared);
    assert_true(called > ROUNDS / 8 && spared > ROUNDS / 8);
    end();
}

static void no_stale_translation_and_no_needless_call(void **state)
{
    struct ept_abilities can = {.physical_width = 46, .execute_only = true};

    for (can.largest_leaf = 1; can.largest_leaf <= 3; can.largest_leaf++) {
        if (can.largest_leaf == 2) {
            pool_make_direct(*state);
        }
        can.accessed_dirty = true;
        is_stale_for_nobody(*state, &can, can.largest_leaf != 2, can.largest_leaf != 3, false);
        can.accessed_dirty = false;
        is_stale_for_nobody(*state, &can, true, true, can.largest_leaf == 2);
    }
}

/* --- One change at a time ------------------------------------------------------------------------
 */

/* Settles; whether that took INVEPT. */
static bool called(enum status status)
{
    unsigned before = w.calls;

    assert_int_equal(status, STATUS_OK);
    ept_settle(&w.ept);
    assert_false(w.ept.table.changes.needs_flush);
    assert_int_equal(w.ept.table.changes.retired, 0);
    return w.calls != before;
}

static void each_kind_of_change(void **state)
{
    struct ept_abilities can = {.physical_width = 46, .largest_leaf = 3, .accessed_dirty = true};
    gpa_t gpa = GPA(GIB), page = GPA(GIB + 0x5000);
    struct page_table *pt = &w.ept.table;

    start(*state, &can, true, true, false);
    assert_false(called(STATUS_OK));
    assert_false(called(ept_map(&w.ept, gpa, HPA(2 * GIB), GIB, EPT_RWX, EPT_TYPE_WB)));
    assert_false(called(ept_set_rights(&w.ept, gpa, GIB, EPT_RWX)));
    assert_false(called(ept_set_type(&w.ept, page, PAGE_SIZE, EPT_TYPE_WB)));
    assert_false(called(ept_join(&w.ept, gpa, GIB)));
    assert_false(called(ept_split(&w.ept, gpa, GIB, 3)));
    assert_false(called(ept_unmap(&w.ept, GPA(0), GIB)));
    assert_true(called(ept_set_rights(&w.ept, gpa, GIB, EPT_READ)));
    assert_false(called(ept_set_rights(&w.ept, gpa, GIB, EPT_RWX)));
    assert_true(called(ept_set_type(&w.ept, gpa, GIB, EPT_TYPE_UC)));
    assert_true(called(ept_split(&w.ept, page, PAGE_SIZE, 1)));
    assert_false(called(pt_protect(pt, page.value, PAGE_SIZE, 0, EPT_ACCESSED | EPT_DIRTY)));
    assert_true(called(pt_protect(pt, page.value, PAGE_SIZE, EPT_DIRTY, 0)));
    assert_true(called(pt_protect(pt, page.value, PAGE_SIZE, EPT_ACCESSED, 0)));
    assert_false(called(pt_protect(pt, page.value, PAGE_SIZE, EPT_ACCESSED, 0)));
    assert_true(called(ept_join(&w.ept, page, PAGE_SIZE)));
    assert_false(called(ept_map(&w.ept, gpa, HPA(2 * GIB), GIB, EPT_RWX, EPT_TYPE_UC)));
    assert_true(called(ept_map(&w.ept, gpa, HPA(3 * GIB), GIB, EPT_RWX, EPT_TYPE_UC)));
    assert_true(called(ept_unmap(&w.ept, page, PAGE_SIZE)));
    assert_false(called(ept_map(&w.ept, page, HPA(0), PAGE_SIZE, EPT_RWX, EPT_TYPE_WB)));
    assert_true(called(ept_unmap(&w.ept, GPA(0), 4 * GIB)));
    assert_int_equal(w.ept.table.tables, 1);
    /* A page in which the table lies that will stand for it: but for bit 7, entries are alike. */
    assert_false(called(ept_map(&w.ept, gpa, HPA(POOL_BASE), GIB, EPT_RWX, EPT_TYPE_UC)));
    assert_true(called(ept_split(&w.ept, gpa, PAGE_SIZE, 2)));
    end();
}

/* Where the processor does not use bits 8 and 9, they are nothing to it. */
static void without_accessed_and_dirty(void **state)
{
    struct ept_abilities can = {.physical_width = 46, .largest_leaf = 3};

    start(*state, &can, false, true, true);
    assert_false(called(ept_map(&w.ept, GPA(0), HPA(0), GIB, EPT_RWX, EPT_TYPE_WB)));
    assert_false(called(pt_protect(&w.ept.table, 0, GIB, 0, EPT_ACCESSED | EPT_DIRTY)));
    assert_false(called(pt_protect(&w.ept.table, 0, GIB, EPT_ACCESSED | EPT_DIRTY, 0)));
    end();
}

/* A table that was there for a moment only may have been cached all the same. */
static void a_mapping_that_failed(void **state)
{
    struct pool *pool = *state;
    struct ept_abilities can = {.physical_width = 46, .largest_leaf = 3};

    start(pool, &can, true, true, false);
    pool->left = 1;
    assert_int_equal(ept_map(&w.ept, GPA(0), HPA(0), PAGE_SIZE, EPT_RWX, EPT_TYPE_WB),
                     STATUS_NO_MEMORY);
    assert_int_equal(pool->in_use, 2);
    assert_true(called(STATUS_OK));
    assert_int_equal(pool->in_use, 1);
    end();
}

/* More tables than can wait are given back on the way, after a call of their own. */
static void many_tables_at_once(void **state)
{
    struct pool *pool = *state;
    struct ept_abilities can = {.physical_width = 46, .largest_leaf = 1};
    uint64_t length = 40 * 2 * MIB;

    start(pool, &can, true, true, false);
    assert_false(called(ept_map(&w.ept, GPA(0), HPA(0), length, EPT_RWX, EPT_TYPE_WB)));
    for (uint64_t offset = 0; offset < length; offset += 2 * MIB) {
        walk(offset, EPT_READ);
    }
    assert_int_equal(ept_unmap(&w.ept, GPA(0), length), STATUS_OK);
    assert_int_equal(w.calls, 2);
    assert_int_equal(pool->in_use, 1 + 42 - 2 * PT_RETIRED);
    assert_true(called(STATUS_OK));
    assert_int_equal(pool->in_use, 1);
    end();
}

static void needs_a_type_of_invept(void **state)
{
    struct ept_abilities can = {.physical_width = 46, .largest_leaf = 1};
    struct ept_invept none = {.execute = execute};
    struct ept_invept single = {.single = true, .execute = execute};

    start(*state, &can, true, true, false);
    assert_int_equal(ept_flush_with(&w.ept, &w.flusher, &none, POINTER, false), STATUS_UNSUPPORTED);
    assert_int_equal(ept_flush_with(&w.ept, &w.flusher, &single, POINTER, true),
                     STATUS_UNSUPPORTED);
    assert_int_equal(ept_flush_with(&w.ept, &w.flusher, &single, POINTER, false), STATUS_OK);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_stale_translation_and_no_needless_call, pool_setup,
                                        pool_teardown),
        cmocka_unit_test_setup_teardown(each_kind_of_change, pool_setup, pool_teardown),
        cmocka_unit_test_setup_teardown(without_accessed_and_dirty, pool_setup, pool_teardown),
        cmocka_unit_test_setup_teardown(a_mapping_that_failed, pool_setup, pool_teardown),
        cmocka_unit_test_setup_teardown(many_tables_at_once, pool_setup, pool_teardown),
        cmocka_unit_test_setup_teardown(needs_a_type_of_invept, pool_setup, pool_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
