/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory for tests and fuzzers: a few pieces at addresses of the test's choice, nothing
 * between them. Every read is answered by a copy of just the bytes that were asked for, so that the
 * address sanitizer sees a parser that looks one byte further than it asked.
 */
#ifndef TESTS_FAKE_MEMORY_H
#define TESTS_FAKE_MEMORY_H

#include "kernel/physical.h"

#include <stdlib.h>
#include <string.h>

#define FAKE_PIECES 16

struct fake_memory {
    struct physical_reader reader; /* first: the reader's address is the memory's */
    struct {
        uint64_t base, length;
        uint8_t *bytes;
    } pieces[FAKE_PIECES];
    unsigned piece_count;
    struct fake_copies *copies;
};

struct fake_copies {
    void **all;
    size_t count, room;
};

static inline const void *fake_memory_at(const struct physical_reader *reader, hpa_t address,
                                         uint64_t length)
{
    const struct fake_memory *memory = (const struct fake_memory *)reader;
    struct fake_copies *copies = memory->copies;

    for (unsigned i = 0; i < memory->piece_count; i++) {
        uint64_t offset = address.value - memory->pieces[i].base;
        void *copy;

        if (address.value < memory->pieces[i].base || offset > memory->pieces[i].length ||
            length > memory->pieces[i].length - offset) {
            continue;
        }
        if (copies->count == copies->room) {
            copies->room = copies->room * 2 + 16;
            copies->all = realloc(copies->all, copies->room * sizeof(*copies->all));
        }
        copy = malloc(length);
        memcpy(copy, memory->pieces[i].bytes + offset, length);
        copies->all[copies->count++] = copy;
        return copy;
    }
    return NULL;
}

static inline void fake_memory_start(struct fake_memory *memory)
{
    memset(memory, 0, sizeof(*memory));
    memory->reader.at = fake_memory_at;
    memory->copies = calloc(1, sizeof(*memory->copies));
}

/* A new piece, of zeros. */
static inline uint8_t *fake_memory_add(struct fake_memory *memory, uint64_t base, uint64_t length)
{
    unsigned i = memory->piece_count++;

    if (i >= FAKE_PIECES) {
        abort();
    }
    memory->pieces[i].base = base;
    memory->pieces[i].length = length;
    memory->pieces[i].bytes = calloc(1, length);
    return memory->pieces[i].bytes;
}

static inline void fake_memory_end(struct fake_memory *memory)
{
    for (size_t i = 0; i < memory->copies->count; i++) {
        free(memory->copies->all[i]);
    }
    free(memory->copies->all);
    free(memory->copies);
    for (unsigned i = 0; i < memory->piece_count; i++) {
        free(memory->pieces[i].bytes);
    }
}

/* Little-endian fields of any width, for builders of tables. */
static inline void put_field(uint8_t *bytes, size_t offset, size_t width, uint64_t value)
{
    memcpy(bytes + offset, &value, width);
}

#endif
