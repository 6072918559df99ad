/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions, with the string instructions where they are one instruction: the
 * processor's own microcode is as fast as anything without vector registers, which the hypervisor
 * never touches.
 */
#include "kernel/string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    void *destination = to;
    size_t words = length / 8;
    size_t rest = length % 8;

    __asm__ volatile("rep movsq" : "+D"(destination), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(destination), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    const char *source = from;
    char *destination = to;

    if (destination <= source || destination >= source + length) {
        return memcpy(to, from, length);
    }
    while (length-- != 0) {
        destination[length] = source[length];
    }
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *destination = to;
    size_t words = length / 8;
    size_t rest = length % 8;
    uint64_t pattern = UINT64_C(0x0101010101010101) * (uint8_t)byte;

    __asm__ volatile("rep stosq" : "+D"(destination), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(destination), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a;
    const uint8_t *right = b;

    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i]) {
            return left[i] - right[i];
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) {
            return (uint8_t)a[i] - (uint8_t)b[i];
        }
        if (a[i] == '\0') {
            return 0;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}
