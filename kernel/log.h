/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: one record a line, `[ssssss.uuuuuu] cpuN topic: words key=value`, printable ASCII, at
 * most 200 columns. docs/log.md lists every topic and key.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/types.h"

#define LOG_COLUMNS 200

/* What a record may have behind the topic and its blank, however many digits the seconds and the
 * processor's number take. */
#define LOG_ROOM (LOG_COLUMNS - 34)

/*
 * Prints one record. What does not fit in 200 columns is cut, and the line then ends in "...";
 * bytes that are not printable ASCII become '?'. Text that a guest or a person chose goes through
 * format_escaped() first.
 */
void log_line(const char *topic, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops this processor's records from now on, or no longer. */
void log_mute(bool muted);

#endif
