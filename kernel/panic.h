/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end that is our own fault. A guest's fault never comes here: it stops its VM, and the
 * hypervisor goes on.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/fault.h"
#include "kernel/types.h"

/*
 * Prints why, a backtrace and what hooks know, then ends the run with a failing verdict. Takes no
 * lock and allocates nothing. Newline-free text, at most some 150 characters.
 */
__attribute__((noreturn)) void panic(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same for an exception, with all registers. */
__attribute__((noreturn)) void panic_exception(const struct exception_frame *frame);

/*
 * What a higher room adds to a panic, such as the last VM exits: called once, after the backtrace.
 * There is room for one.
 */
void panic_set_hook(void (*hook)(void));

/* How the run ends: prints the failing verdict and ends the machine. Set once by boot/main.c. */
void panic_set_end(void (*end)(const char *why));

/* The function of ours that holds `address` and the offset in it; NULL outside the image's text. */
const char *symbol_name(uint64_t address, uint64_t *offset);

#endif
