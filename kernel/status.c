/* SPDX-License-Identifier: BSD-2-Clause */
/* The English of enum status, for log lines. */
#include "kernel/status.h"

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_EXISTS:
        return "already there";
    case STATUS_UNSUPPORTED:
        return "not supported";
    case STATUS_FAULT:
        return "processor exception";
    }
    return "unknown status";
}
