/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/glob.h"

/* On a mismatch, the last star takes one character more: no other has to be tried again. */
bool glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *taken = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            taken = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
