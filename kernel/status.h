/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a function that can fail answers. Who detects a failure says it once, with the values, in
 * the log; who decides what follows acts on the status.
 */
#ifndef KERNEL_STATUS_H
#define KERNEL_STATUS_H

#include "kernel/types.h"

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     /* an argument or an input breaks its own rules */
    STATUS_NO_MEMORY,   /* the page allocator has nothing that fits */
    STATUS_NOT_FOUND,   /* what was asked for is not there */
    STATUS_EXISTS,      /* the place is taken */
    STATUS_UNSUPPORTED, /* this machine, or this version of Lintel, cannot */
    STATUS_FAULT,       /* the processor answered with an exception */
};

/* A short English phrase for a log line, such as "out of memory". */
const char *status_text(enum status status);

#endif
