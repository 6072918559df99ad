/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any tables at all, EPT's and the guest's, and any registers: a walk ends after as many accesses
 * as there are levels, in an address within the memory's width or in a fault that is explained; and
 * what is printed are whole lines.
 */
#include "vmx/guest_walk_text.h"

#include "ept/violation.h"
#include "kernel/cpu.h"
#include "tests/fake_memory.h"

#include <stdlib.h>

#define BASE  0x10000 /* of the only memory: whatever leads elsewhere cannot be read */
#define PAGES 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The input: registers and rules, then edits of the memory. */
struct input {
    const uint8_t *data;
    size_t size;
};

static uint64_t take(struct input *input, size_t width)
{
    uint64_t value = 0;

    width = MIN(width, input->size);
    memcpy(&value, input->data, width);
    input->data += width;
    input->size -= width;
    return value;
}

struct counting {
    struct physical_reader reader; /* first */
    struct fake_memory memory;
    unsigned reads;
};

static const void *count_at(const struct physical_reader *reader, hpa_t address, uint64_t length)
{
    struct counting *counting = (struct counting *)(uintptr_t)reader;

    counting->reads++;
    check(length <= PAGE_SIZE && address.value >> 52 == 0);
    return fake_memory_at(&counting->memory.reader, address, length);
}

struct printed {
    struct walk_sink sink; /* first */
    unsigned lines;
};

static void hear(const struct walk_sink *sink, const char *line)
{
    size_t length = strlen(line);

    ((struct printed *)(uintptr_t)sink)->lines++;
    check(length != 0 && length <= LOG_ROOM);
    check(strncmp(line + length - 10, "fault=none", 10) == 0 || line[length - 1] == '"' ||
          strrchr(line, ' ')[1] == 'n'); /* next= */
    for (size_t i = 0; i < length; i++) {
        check(line[i] >= ' ' && line[i] <= '~');
    }
}

static void check_ept(const struct ept_path *path, const struct ept_rules *rules)
{
    char why[256];

    check(path->verdict <= EPT_BAD_POINTER && path->levels <= 5 && path->level <= path->levels);
    check(path->levels == 0 || (path->walk.level >= 1 && path->walk.level <= path->levels));
    check((path->verdict == EPT_MISCONFIGURED) == (path->flaws != 0));
    check(path->verdict != EPT_MAPPED || path->hpa.value >> rules->width == 0);
    check(path->verdict != EPT_VIOLATED || (path->qualification & BITS(2, 0)) != 0);
    ept_path_why(path, rules, why, sizeof(why));
    check((why[0] == '\0') == (path->verdict == EPT_MAPPED));
}

static void check_guest(const struct guest_path *path, const struct guest_translation *guest,
                        const struct ept_rules *rules)
{
    char why[256];

    check(path->verdict <= GUEST_EPT && path->count <= GUEST_LEVELS && path->level <= 5);
    for (unsigned i = 0; i < path->count; i++) {
        if (!path->steps[i].in_register) {
            check_ept(&path->steps[i].ept, rules);
        }
        check(path->steps[i].read || (i == path->count - 1 && path->verdict == GUEST_EPT));
    }
    if (path->ept_reached) {
        check_ept(&path->ept, rules);
        check((path->verdict == GUEST_MAPPED) == (path->ept.verdict == EPT_MAPPED));
        check((path->gpa.value ^ path->gva.value) % PAGE_SIZE == 0);
    }
    guest_path_why(path, guest, rules, why, sizeof(why));
    check((why[0] == '\0') == (path->verdict == GUEST_MAPPED));
    check(path->verdict != GUEST_PAGE_FAULT || path->error_code < 0x20);
}

/* Edits: where, then an entry whose address is often one of the memory's pages. */
static void fill(struct input *input, uint8_t *memory)
{
    while (input->size != 0) {
        size_t index = take(input, 2) % (PAGES * PT_ENTRIES);
        uint64_t entry = take(input, 8);

        if (entry & BIT(11)) {
            entry = (entry & ~BITS(51, 12)) | (BASE + (entry >> 12) % PAGES * PAGE_SIZE);
        }
        put_field(memory, index * 8, 8, entry);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct counting counting = {.reader = {count_at}};
    struct printed printed = {.sink = {hear}};
    uint64_t choice = take(&input, 4);
    struct ept_rules rules = {
        .pointer = take(&input, 8),
        .width = 32 + (unsigned)(choice % 21),
        .execute_only = choice & BIT(8),
        .page_2m = choice & BIT(9),
        .page_1g = choice & BIT(10),
        .mode_based = choice & BIT(11),
        .exit_information = choice & BIT(12),
    };
    struct guest_translation guest = {
        .width = 32 + (unsigned)((choice >> 16) % 21),
        .page_1g = choice & BIT(13),
        .pse_36 = choice & BIT(14),
    };
    gva_t gva = GVA(take(&input, 8));
    struct guest_access access = {
        .write = choice & BIT(24), .fetch = choice & BIT(25), .user = choice & BIT(26)};
    struct ept_access ept_access = {
        .read = !access.write && !access.fetch, .write = access.write, .fetch = access.fetch};
    struct guest_path path;
    struct ept_path ept;

    guest.cr0 = take(&input, 4);
    guest.cr3 = take(&input, 8);
    guest.cr4 = take(&input, 4);
    guest.efer = take(&input, 2);
    guest.rflags = take(&input, 4);
    for (unsigned i = 0; i < 4; i++) {
        guest.pdptes[i] = take(&input, 4);
    }
    fake_memory_start(&counting.memory);
    fill(&input, fake_memory_add(&counting.memory, BASE, PAGES * PAGE_SIZE));

    ept = ept_follow(&rules, &counting.reader, GPA(gva.value), ept_access);
    check(counting.reads <= 5);
    check_ept(&ept, &rules);
    ept_path_lines(&ept, &rules, 0, &printed.sink);
    ept_path_outcome(&ept, &rules, &printed.sink);
    check(printed.lines <= 6);

    counting.reads = printed.lines = 0;
    guest_follow(&guest, &rules, &counting.reader, gva, access, &path);
    check(counting.reads <= 5 * 6 + 5);
    check_guest(&path, &guest, &rules);
    guest_path_lines(&path, &guest, &rules, true, &printed.sink);
    check(printed.lines <= 5 * 6 + 6);

    counting.reads = 0;
    guest_follow(&guest, NULL, &counting.reader, gva, access, &path);
    check(counting.reads <= 5);
    check(path.verdict != GUEST_EPT || guest_failed_ept(&path)->verdict == EPT_UNREADABLE);
    fake_memory_end(&counting.memory);
    return 0;
}
