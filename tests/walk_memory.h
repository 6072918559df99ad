/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine for tests of walks: host-physical memory with EPT tables at fixed places, and the
 * two sorts of entries written by hand, so that no builder of tables is trusted. What a walk prints
 * is collected.
 */
#ifndef TESTS_WALK_MEMORY_H
#define TESTS_WALK_MEMORY_H

#include "ept/walk_text.h"
#include "tests/fake_memory.h"

#include <stdio.h>

#define EPT_ROOT  0x10000 /* at EPT_ROOT - 0x1000 the root of a walk of five levels */
#define EPT_PDPT  0x11000
#define EPT_PD    0x12000
#define EPT_PT    0x13000
#define RAM       0x40000 /* what guest-physical 0 is mapped to, page by page */
#define RAM_PAGES 32

struct walk_machine {
    struct fake_memory memory;
    uint8_t *tables, *ram;
    struct ept_rules rules;
};

struct printed {
    struct walk_sink sink; /* first */
    char text[32768];
    unsigned lines;
    size_t longest;
};

static inline void collect(const struct walk_sink *sink, const char *line)
{
    struct printed *printed = (struct printed *)(uintptr_t)sink;
    size_t used = strlen(printed->text);

    snprintf(printed->text + used, sizeof(printed->text) - used, "%s\n", line);
    printed->lines++;
    printed->longest = strlen(line) > printed->longest ? strlen(line) : printed->longest;
}

static inline void printed_start(struct printed *printed)
{
    memset(printed, 0, sizeof(*printed));
    printed->sink.line = collect;
}

/* The entry of an EPT table at `table` that translates `gpa` at `level`. */
static inline void put_ept(struct walk_machine *machine, uint64_t table, unsigned level,
                           uint64_t gpa, uint64_t entry)
{
    size_t index = (gpa >> (12 + 9 * (level - 1))) & 511;

    put_field(machine->tables, table - (EPT_ROOT - 0x1000) + index * 8, 8, entry);
}

/* Four levels, which map the RAM_PAGES pages from guest-physical 0 on to RAM, rwx and write-back.
 * Accessed and dirty flags are off; 39 address bits. */
static inline void machine_start(struct walk_machine *machine)
{
    memset(machine, 0, sizeof(*machine));
    fake_memory_start(&machine->memory);
    machine->tables = fake_memory_add(&machine->memory, EPT_ROOT - 0x1000, 5 * 0x1000);
    machine->ram = fake_memory_add(&machine->memory, RAM, RAM_PAGES * 0x1000);
    machine->rules = (struct ept_rules){.pointer = EPT_ROOT | 0x1e,
                                        .width = 39,
                                        .execute_only = true,
                                        .page_2m = true,
                                        .page_1g = true};
    put_ept(machine, EPT_ROOT - 0x1000, 5, 0, EPT_ROOT | 7);
    put_ept(machine, EPT_ROOT, 4, 0, EPT_PDPT | 7);
    put_ept(machine, EPT_PDPT, 3, 0, EPT_PD | 7);
    put_ept(machine, EPT_PD, 2, 0, EPT_PT | 7);
    for (uint64_t page = 0; page < RAM_PAGES; page++) {
        put_ept(machine, EPT_PT, 1, page << 12, (RAM + (page << 12)) | 0x37);
    }
}

static inline void machine_end(struct walk_machine *machine)
{
    fake_memory_end(&machine->memory);
}

#endif
