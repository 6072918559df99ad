/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of value that options have: numbers, sizes, names, choices. Private to the command
 * line; each parser takes a whole word, and writes its result only where it takes it.
 */
#ifndef KERNEL_OPTION_VALUES_H
#define KERNEL_OPTION_VALUES_H

#include "kernel/types.h"

/* What became of one value. */
enum option_verdict {
    OPTION_TAKEN,
    OPTION_ADDED,    /* taken, beside earlier ones: this option may be repeated */
    OPTION_TWICE,    /* taken, in the place of an earlier one */
    OPTION_BAD,      /* none of what is allowed */
    OPTION_TOO_LONG, /* for where it would be kept */
    OPTION_TOO_MANY, /* the option was given more often than there is room for */
    OPTION_UNBUILT,  /* a right one, which this version does not do yet */
};

/* Decimal, or hexadecimal after 0x, of at most 64 bits. */
bool option_number(const char *text, uint64_t *number);

/* Hexadecimal after 0x: for ports, where a decimal number would rather be a slip. */
bool option_hexadecimal(const char *text, uint64_t *number);

/* A number, or one followed by K, M or G (powers of 1024, either case). */
bool option_size(const char *text, uint64_t *bytes);

/* The place of `text` among `count` choices. */
bool option_choice(const char *text, const char *const *choices, unsigned count, unsigned *choice);

/* A name of 0-9 A-Z a-z . _ - into `name` of `size` bytes: nothing that a log would have to quote.
 */
enum option_verdict option_name(const char *text, char *name, size_t size);

/* The same with the characters of `more` allowed too. */
enum option_verdict option_text(const char *text, const char *more, char *value, size_t size);

#endif
