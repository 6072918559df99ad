/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what a Multiboot 1 or Multiboot 2 loader hands over. Pure: no privileged instruction, no
 * global; any bytes at all give a description or a sentence, never a read outside what the reader
 * offers.
 */
#ifndef KERNEL_MULTIBOOT_H
#define KERNEL_MULTIBOOT_H

#include "kernel/machine.h"
#include "kernel/physical.h"
#include "kernel/status.h"

#define MULTIBOOT1_MAGIC UINT32_C(0x2BADB002) /* in EAX at entry */
#define MULTIBOOT2_MAGIC UINT32_C(0x36D76289)

/* Why a description was refused: one sentence that names the field and the values. */
struct multiboot_error {
    char text[160];
};

/*
 * Fills `machine` from the information structure at host-physical `info`, whose kind the loader's
 * `magic` tells. STATUS_INVALID, with a sentence in `error`: an unknown magic, sizes that run past
 * the end, tags that overlap or are cut short, a string without an end, a module that ends before
 * it starts, no memory map, more ranges or modules than there is room for.
 * Multiboot Specification 0.6.96, "Boot information format"; Multiboot2 Specification 2.0,
 * "Boot information format".
 */
enum status multiboot_parse(uint32_t magic, hpa_t info, const struct physical_reader *reader,
                            struct machine *machine, struct multiboot_error *error) NODISCARD;

/* The two kinds, behind multiboot_parse(). */
enum status multiboot1_parse(hpa_t info, const struct physical_reader *reader,
                             struct machine *machine, struct multiboot_error *error) NODISCARD;
enum status multiboot2_parse(hpa_t info, const struct physical_reader *reader,
                             struct machine *machine, struct multiboot_error *error) NODISCARD;

#endif
