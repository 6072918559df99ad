/* SPDX-License-Identifier: BSD-2-Clause */
/* KTAP: the lines that any TAP reader takes, bare, without the log's prefix. */
#ifndef SELFTEST_KTAP_H
#define SELFTEST_KTAP_H

#include "kernel/types.h"

enum ktap_status { KTAP_OK, KTAP_NOT_OK, KTAP_SKIP, KTAP_TODO };

/* "KTAP version 1" and the plan. */
void ktap_begin(unsigned tests);

/* One result; `note` stands behind SKIP or TODO, or as a comment behind the name; "" is none. */
void ktap_result(unsigned number, enum ktap_status status, const char *name, const char *note);

#endif
