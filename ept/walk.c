/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/walk.h"

#include "ept/violation.h"
#include "kernel/pagewalk.h"

#define TABLE_RESERVED BITS(7, 3) /* of an entry that leads to a table */

/* The walker's memory: whole tables, through a reader of physical memory. */
struct walk_memory {
    struct pt_memory memory; /* first */
    const struct physical_reader *reader;
};

static uint64_t *table_at(struct pt_memory *memory, hpa_t table)
{
    const struct walk_memory *walk = (const struct walk_memory *)memory;

    /* The walker's type is for all that it does; a walk only reads. */
    return (uint64_t *)(uintptr_t)physical_at(walk->reader, table, PAGE_SIZE);
}

static uint64_t all_rights(const struct ept_rules *rules)
{
    return EPT_RWX | (rules->mode_based ? EPT_EXECUTE_USER : 0);
}

static struct pt_format format_of(const struct ept_rules *rules)
{
    return (struct pt_format){
        .levels = (unsigned)FIELD_GET(EPTP_WALK, rules->pointer) + 1,
        .largest_leaf = rules->page_1g   ? 3
                        : rules->page_2m ? 2
                                         : 1,
        .present = all_rights(rules),
        .leaf = EPT_LEAF,
        .address = BITS(MIN(rules->width, 52U) - 1, PAGE_SHIFT),
    };
}

enum pt_kind ept_kind(const struct ept_rules *rules, unsigned level, uint64_t entry)
{
    struct pt_format format = format_of(rules);

    return pt_kind(&format, level, entry);
}

static unsigned flaws_of(const struct ept_rules *rules, const struct pt_format *format,
                         unsigned level, uint64_t entry, uint64_t *reserved)
{
    enum pt_kind kind = pt_kind(format, level, entry);
    uint64_t beyond = entry & BITS(51, PAGE_SHIFT) & ~format->address;
    uint64_t bits = kind == PT_LEAF ? BITS(pt_shift(level) - 1, 0) & ~BITS(11, 0) : TABLE_RESERVED;
    unsigned flaws = 0;

    if (kind == PT_ABSENT) {
        return 0;
    }
    *reserved = (entry & bits) | beyond;
    if (!(entry & EPT_READ)) {
        flaws |= entry & EPT_WRITE ? EPT_FLAW_WRITE : 0;
        flaws |=
            entry & format->present & ~EPT_WRITE && !rules->execute_only ? EPT_FLAW_EXECUTE : 0;
    }
    flaws |= entry & bits ? EPT_FLAW_RESERVED : 0;
    flaws |= beyond ? EPT_FLAW_WIDTH : 0;
    if (kind == PT_LEAF) {
        unsigned type = FIELD_GET(EPT_MEMORY, entry);
        flaws |= BIT(type) & (BIT(2) | BIT(3) | BIT(7)) ? EPT_FLAW_TYPE : 0;
    }
    return flaws;
}

unsigned ept_entry_flaws(const struct ept_rules *rules, unsigned level, uint64_t entry,
                         uint64_t *reserved)
{
    struct pt_format format = format_of(rules);

    *reserved = 0;
    return flaws_of(rules, &format, level, entry, reserved);
}

/* Goes down the entries that were read: the first with a flaw ends the translation. */
static void judge_entries(struct ept_path *path, const struct ept_rules *rules,
                          const struct pt_format *format)
{
    unsigned last = path->walk.readable ? path->walk.level : path->walk.level + 1;
    uint64_t must_be = EPT_READ | TABLE_RESERVED | (BITS(51, PAGE_SHIFT) & ~format->address);

    path->rights = format->present;
    for (unsigned level = path->levels; level >= last; level--) {
        uint64_t entry = path->walk.entry[level];

        path->rights &= entry;
        if (level > path->walk.level && (entry & must_be) == EPT_READ) {
            continue; /* a table, and a good one */
        }
        path->flaws = flaws_of(rules, format, level, entry, &path->reserved);
        if (path->flaws != 0) {
            path->verdict = EPT_MISCONFIGURED;
            path->walk.level = path->level = level;
            path->walk.present = false;
            path->walk.readable = true;
            return;
        }
    }
    if (!path->walk.readable) {
        path->verdict = EPT_UNREADABLE;
    }
}

/* The highest entry that lacks one of the rights, or the one that is not present. */
static unsigned level_at_fault(const struct ept_path *path, uint64_t wanted)
{
    unsigned level = path->levels;

    if (!path->walk.present) {
        return path->walk.level;
    }
    while (level > path->walk.level && (path->walk.entry[level] & wanted) == wanted) {
        level--;
    }
    return level;
}

static void judge_access(struct ept_path *path, const struct ept_rules *rules,
                         struct ept_access access)
{
    uint64_t execute = rules->mode_based && access.user ? EPT_EXECUTE_USER : EPT_EXECUTE;
    uint64_t wanted = (access.read ? EPT_READ : 0) | (access.write ? EPT_WRITE : 0) |
                      (access.fetch ? execute : 0);

    path->denied = wanted & ~path->rights;
    if (path->walk.present && path->denied == 0) {
        path->hpa = path->walk.target;
        return;
    }
    path->verdict = EPT_VIOLATED;
    path->level = path->levels != 0 ? level_at_fault(path, wanted) : 0;
    path->qualification =
        (access.read ? EPT_VIOLATION_READ : 0) | (access.write ? EPT_VIOLATION_WRITE : 0) |
        (access.fetch ? EPT_VIOLATION_FETCH : 0) | FIELD_PUT(EPT_VIOLATION_ALLOWED, path->rights) |
        (path->rights & EPT_EXECUTE_USER ? EPT_VIOLATION_USER_EXECUTABLE : 0);
}

struct ept_path ept_follow(const struct ept_rules *rules, const struct physical_reader *reader,
                           gpa_t gpa, struct ept_access access)
{
    struct walk_memory memory = {.memory = {.at = table_at}, .reader = reader};
    struct pt_format format = format_of(rules);
    struct ept_path path = {.gpa = gpa};

    if (format.levels != 4 && format.levels != 5) {
        path.verdict = EPT_BAD_POINTER;
        return path;
    }
    if (gpa.value >> MIN(rules->width, 52U) != 0) {
        path.verdict = EPT_BEYOND;
        return path;
    }
    if (gpa.value >> (pt_shift(format.levels) + 9) != 0) { /* more than the levels translate */
        judge_access(&path, rules, access);
        return path;
    }
    path.levels = format.levels;
    path.walk = pt_walk_with(&format, &memory.memory, table_at,
                             HPA(rules->pointer & format.address), gpa.value);
    judge_entries(&path, rules, &format);
    if (path.verdict == EPT_MAPPED) {
        judge_access(&path, rules, access);
    }
    return path;
}
