/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/map_log.h"

#include "ept/walk_text.h"
#include "kernel/log.h"

#define MOST_RUNS 64

struct map {
    const struct vm *vm;
    unsigned runs;
    uint64_t pages[4]; /* by level, of all runs */
};

static bool log_run(void *context, const struct ept_run *run)
{
    struct map *map = context;
    const struct ept *ept = &map->vm->ept;
    const struct ept_rules rules = {.mode_based = map->vm->ept_abilities.mode_based};
    char rights[RIGHTS_TEXT];

    for (unsigned level = 1; level <= 3; level++) {
        map->pages[level] += run->pages[level];
    }
    if (map->runs++ < MOST_RUNS) {
        ept_rights_text(&rules, run->rights, rights);
        log_line("ept",
                 "map vm=%u gpa=0x%lx-0x%lx hpa=0x%lx rights=%s type=%s pages-4k=%lu pages-2m=%lu "
                 "pages-1g=%lu touched=%s",
                 map->vm->id, run->from.value, run->to.value, run->hpa.value, rights,
                 memory_type_text(run->type), run->pages[1], run->pages[2], run->pages[3],
                 ept->format.dirty == 0 ? "unknown"
                 : run->dirty           ? "written"
                 : run->accessed        ? "yes"
                                        : "no");
    }
    return true;
}

void map_log(const struct vm *vm)
{
    struct map map = {.vm = vm};
    enum status status = ept_for_each(&vm->ept, log_run, &map);

    log_line("ept",
             "map ends vm=%u runs=%u not-logged=%u pages-4k=%lu pages-2m=%lu pages-1g=%lu "
             "tables=%lu",
             vm->id, map.runs, map.runs - MIN(map.runs, MOST_RUNS), map.pages[1], map.pages[2],
             map.pages[3], vm->ept.table.tables);
    if (status != STATUS_OK) {
        log_line("ept", "map is not whole, a table cannot be read vm=%u", vm->id);
    }
}
