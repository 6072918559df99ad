/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/selftest.h"

static unsigned count(void)
{
    return 0;
}

static void name(unsigned test, char *text, size_t size)
{
    (void)test;
    (void)size;
    text[0] = '\0';
}

const struct selftest_suite selftest_audit_random = {.count = count, .name = name};
