/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of options, between its rows (option_table.c) and its one reader (options.c). */
#ifndef KERNEL_OPTION_TABLE_H
#define KERNEL_OPTION_TABLE_H

#include "kernel/option_values.h"
#include "kernel/options.h"

struct option_row {
    const char *name;
    /* NULL: known, but not in this version. Writes to `options` only where it takes the value. */
    enum option_verdict (*parse)(const char *value, struct options *options);
    const char *allowed; /* as it follows "allowed: " */
};

extern const struct option_row option_rows[];
extern const unsigned option_row_count;

/* Gives a default to what is not simply zero, and that no word has set. */
void option_fill_in(struct options *options);

#endif
