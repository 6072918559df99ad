/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens after the machine is up: the VMs of one boot, and the run's verdict. */
#ifndef BOOT_SESSION_H
#define BOOT_SESSION_H

#include "guest/guest.h"
#include "kernel/acpi.h"
#include "kernel/machine.h"
#include "kernel/options.h"

/* All that boot_main() found out, filled once and constant after. */
struct boot {
    struct machine machine;
    struct options options;
    struct acpi acpi;
};

/* The guest that the options name, or the default; complains about a name that is none. */
const struct guest *choose_guest(const struct boot *boot, const struct boot_module **module);

/*
 * Runs the chosen guest as VM 0, leaves VMX operation, computes something ordinary, and runs the
 * built-in hlt as VM 1; then logs the result and ends the machine.
 */
__attribute__((noreturn)) void session_run(const struct boot *boot);

/* mode=caps: logs the capability report, which is the run's result, and ends the machine. */
__attribute__((noreturn)) void session_caps(const struct boot *boot);

/* Runs the selftests that the options select, logs the result and ends the machine. */
__attribute__((noreturn)) void session_selftest(const struct boot *boot);

/* The same with the figures of mode=bench. */
__attribute__((noreturn)) void session_bench(const struct boot *boot);

/* Logs the result record and ends the machine. `guest` may be NULL. */
__attribute__((noreturn)) void session_end(const struct boot *boot, bool passed, const char *why,
                                           uint64_t exits, const char *guest);

#endif
