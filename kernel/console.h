/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the log goes: every UART that the command line names and that answers. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "kernel/options.h"
#include "kernel/types.h"

/*
 * Brings up the consoles that `options` names. If none of them answers, COM1 is tried too: better
 * an unasked port than silence. console_report() tells how it went once there is a place to say it.
 */
void console_init(const struct options *options);

/* Logs a line for each console: its port, or that it is missing. */
void console_report(void);

/* Writes `length` bytes to every console, whatever other processors write meanwhile in one piece: a
 * line at a time. */
void console_write(const char *bytes, size_t length);

/* Waits until everything written is on the line; before the machine ends. */
void console_drain(void);

/* TSC ticks spent so far on waiting for UARTs: device time, not work. */
uint64_t console_waited(void);

#endif
