/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends the machine, and puts devices back as they were found. */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

#include "kernel/acpi.h"
#include "kernel/options.h"

/*
 * Masks both PICs and raises the task priority, recording what was there: the hypervisor runs with
 * interrupts off, but a guest with interrupts on would exit for each that a device of the machine
 * sends, for ever where a device insists.
 */
void devices_quiet(void);

/* Puts back what devices_quiet() recorded. */
void devices_restore(void);

/*
 * Ends the machine as `options->on_end` says: by the launcher's port where one was named, else ACPI
 * S5 or reset, else by a halt with a message.
 */
__attribute__((noreturn)) void machine_end(const struct options *options, const struct acpi *acpi);

#endif
