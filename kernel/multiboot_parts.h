/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two Multiboot readers share: little-endian fields, and the parts of struct machine that
 * both kinds fill by the same rules. Private to kernel/multiboot*.c.
 */
#ifndef KERNEL_MULTIBOOT_PARTS_H
#define KERNEL_MULTIBOOT_PARTS_H

#include "kernel/multiboot.h"
#include "kernel/string.h"

/* The loader's structures are little-endian and may have any alignment, hence the copies. */
static inline uint32_t load32(const void *bytes, size_t offset)
{
    uint32_t value;

    memcpy(&value, (const uint8_t *)bytes + offset, sizeof(value));
    return value;
}

static inline uint64_t load64(const void *bytes, size_t offset)
{
    uint64_t value;

    memcpy(&value, (const uint8_t *)bytes + offset, sizeof(value));
    return value;
}

/* Writes the one sentence of a refusal; always STATUS_INVALID. */
enum status multiboot_refuse(struct multiboot_error *error, const char *format, ...)
    PRINTF_LIKE(2, 3) NODISCARD;

/*
 * Adds one entry of a memory map, the `number`-th of it. A range of no bytes is left out. One that
 * does not end below 2^64 is refused, not clipped: no processor has such addresses, so nothing else
 * that the entry says can be trusted. A type that no edition defines is reserved memory, as both
 * specifications say.
 */
enum status multiboot_add_range(struct machine *machine, unsigned number, const void *entry,
                                struct multiboot_error *error) NODISCARD;

/* Adds the module at [start, end), which may be empty. Its name is cut to fit. */
enum status multiboot_add_module(struct machine *machine, uint32_t start, uint32_t end,
                                 const char *name, struct multiboot_error *error) NODISCARD;

/* Refuses a command line that does not fit: half of it would be another one. */
enum status multiboot_set_command_line(struct machine *machine, const char *text,
                                       struct multiboot_error *error) NODISCARD;

/* What must be true once all has been read. */
enum status multiboot_check(const struct machine *machine, struct multiboot_error *error) NODISCARD;

#endif
