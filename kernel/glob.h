/* SPDX-License-Identifier: BSD-2-Clause */
/* Patterns over names: `*` stands for any text, `?` for one character. Pure. */
#ifndef KERNEL_GLOB_H
#define KERNEL_GLOB_H

#include "kernel/types.h"

bool glob_matches(const char *pattern, const char *text);

#endif
