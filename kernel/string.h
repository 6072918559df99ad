/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of <string.h> that a freestanding program must bring itself (the compiler calls
 * the first four on its own). In host builds the C library's are used.
 */
#ifndef KERNEL_STRING_H
#define KERNEL_STRING_H

#include "kernel/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);

/* Copies `from` into `to` of `size` bytes, cut where it does not fit, always terminated. */
static inline void string_copy(char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; i + 1 < size && from[i] != '\0'; i++) {
        to[i] = from[i];
    }
    if (size != 0) {
        to[i] = '\0';
    }
}

#endif
