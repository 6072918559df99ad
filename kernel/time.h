/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time, by the TSC. Its speed is measured against the PIT or the ACPI PM timer: CPUID 15H and 16H
 * are not believed (an emulator's are not its speed).
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "kernel/acpi.h"
#include "kernel/status.h"
#include "kernel/types.h"

/* Starts the clock of the log at the TSC value `first`: our first instruction. */
void time_init(uint64_t first);

/* The TSC value given to time_init(). */
uint64_t time_first(void);

/* Measures the TSC against the PIT's channel 2, for 5 ms. STATUS_NOT_FOUND: it does not count. */
enum status time_calibrate_pit(void) NODISCARD;

/* The same against the ACPI PM timer. STATUS_NOT_FOUND: there is none, or it does not count. */
enum status time_calibrate_pm(const struct acpi *acpi) NODISCARD;

/* TSC ticks a millisecond. Without a timer to measure by, 1000000 is assumed. */
uint64_t time_khz(void);

/* Microseconds since time_init(); 0 until calibrated. */
uint64_t time_microseconds(void);

/* TSC ticks that calibration and other waits took. */
uint64_t time_waited(void);

/* Work: TSC ticks without such waits. time_work() gives a beginning, and later the ticks since. */
uint64_t time_work(uint64_t since);

/* Waits about `microseconds`. */
void time_wait(uint64_t microseconds);

#endif
