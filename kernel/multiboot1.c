/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1: one structure whose flags say which of its fields are valid, with addresses of the
 * rest. Fields whose flag is clear are not even read: a loader may have made no room for them.
 * Multiboot Specification 0.6.96, "Boot information format".
 */
#include "kernel/multiboot_parts.h"

#define FLAG_COMMAND_LINE BIT(2)
#define FLAG_MODULES      BIT(3)
#define FLAG_MEMORY_MAP   BIT(6)
#define FLAG_LOADER_NAME  BIT(9)
#define FLAG_FRAMEBUFFER  BIT(12)

/* Offsets of fields in the information structure. */
enum {
    INFO_FLAGS = 0,
    INFO_COMMAND_LINE = 16,
    INFO_MODULE_COUNT = 20,
    INFO_MODULES = 24,
    INFO_MAP_LENGTH = 44,
    INFO_MAP = 48,
    INFO_LOADER_NAME = 64,
    INFO_FRAMEBUFFER = 88, /* address, pitch, width, height, bits a pixel, type: 22 bytes */
};

/* One entry of the memory map: its size, which does not count itself, then what `size` counts. */
#define ENTRY_SIZE_FIELD 4
#define ENTRY_SMALLEST   20 /* base, length, type */

/* One module: start, end, string, reserved. */
#define MODULE_SIZE 16

/* No bound is in the specification. These are far beyond any loader's, and keep reading finite. */
#define LONGEST_STRING 4096
#define LONGEST_MAP    UINT32_C(0x100000)

struct reading {
    const struct physical_reader *reader;
    hpa_t info;
    struct machine *machine;
    struct multiboot_error *error;
};

/* A part of the information structure; its absence is told by the flag that promised it. */
static enum status read_field(const struct reading *reading, const char *name, unsigned offset,
                              unsigned length, const void **field)
{
    *field = physical_at(reading->reader, HPA(reading->info.value + offset), length);
    if (*field == NULL) {
        return multiboot_refuse(
            reading->error, "multiboot1: %s at offset %u of the information at 0x%lx is unreadable",
            name, offset, reading->info.value);
    }
    return STATUS_OK;
}

/*
 * The text at `address`, with its NUL. Read bytewise, since how much can be read behind the end of
 * a string nobody knows. A string at 0 is none: some loaders set the flag all the same.
 */
static enum status read_string(const struct reading *reading, const char *name, uint32_t address,
                               const char **text)
{
    *text = "";
    if (address == 0) {
        return STATUS_OK;
    }
    for (uint64_t length = 0; length < LONGEST_STRING; length++) {
        const char *byte = physical_at(reading->reader, HPA(address + length), 1);

        if (byte == NULL) {
            return multiboot_refuse(reading->error,
                                    "multiboot1: %s at 0x%x is unreadable from byte %lu on", name,
                                    address, length);
        }
        if (*byte == '\0') {
            *text = physical_at(reading->reader, HPA(address), length + 1);
            if (*text == NULL) {
                return multiboot_refuse(reading->error, "multiboot1: %s at 0x%x is unreadable",
                                        name, address);
            }
            return STATUS_OK;
        }
    }
    return multiboot_refuse(reading->error, "multiboot1: %s at 0x%x has no end within %u bytes",
                            name, address, LONGEST_STRING);
}

static enum status read_command_line(const struct reading *reading)
{
    const void *field;
    const char *text;

    if (read_field(reading, "the command line's address", INFO_COMMAND_LINE, 4, &field) !=
            STATUS_OK ||
        read_string(reading, "the command line", load32(field, 0), &text) != STATUS_OK) {
        return STATUS_INVALID;
    }
    return multiboot_set_command_line(reading->machine, text, reading->error);
}

static enum status read_loader_name(const struct reading *reading)
{
    const void *field;
    const char *text;

    if (read_field(reading, "the loader name's address", INFO_LOADER_NAME, 4, &field) !=
            STATUS_OK ||
        read_string(reading, "the loader name", load32(field, 0), &text) != STATUS_OK) {
        return STATUS_INVALID;
    }
    string_copy(reading->machine->loader, sizeof(reading->machine->loader), text);
    return STATUS_OK;
}

static enum status read_modules(const struct reading *reading)
{
    const void *field;
    uint32_t count, address;

    if (read_field(reading, "the module list", INFO_MODULE_COUNT, 8, &field) != STATUS_OK) {
        return STATUS_INVALID;
    }
    count = load32(field, 0);
    address = load32(field, INFO_MODULES - INFO_MODULE_COUNT);
    if (count > MACHINE_MAX_MODULES) {
        return multiboot_refuse(reading->error, "multiboot1: %u modules, there is room for %u",
                                count, MACHINE_MAX_MODULES);
    }
    for (uint32_t i = 0; i < count; i++) {
        hpa_t at = HPA(address + (uint64_t)i * MODULE_SIZE);
        const void *module = physical_at(reading->reader, at, MODULE_SIZE);
        const char *name;

        if (module == NULL) {
            return multiboot_refuse(reading->error,
                                    "multiboot1: module %u of %u at 0x%lx is unreadable", i, count,
                                    at.value);
        }
        if (read_string(reading, "a module's string", load32(module, 8), &name) != STATUS_OK ||
            multiboot_add_module(reading->machine, load32(module, 0), load32(module, 4), name,
                                 reading->error) != STATUS_OK) {
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

static enum status read_map_entries(const struct reading *reading, const uint8_t *map,
                                    uint32_t length)
{
    uint32_t size, offset = 0;

    for (unsigned number = 0; offset < length; number++) {
        if (length - offset < ENTRY_SIZE_FIELD + ENTRY_SMALLEST) {
            return multiboot_refuse(
                reading->error,
                "multiboot1: memory map entry %u at offset 0x%x is cut by the map's end at 0x%x",
                number, offset, length);
        }
        size = load32(map, offset);
        if (size < ENTRY_SMALLEST || size > length - offset - ENTRY_SIZE_FIELD) {
            return multiboot_refuse(
                reading->error,
                "multiboot1: memory map entry %u at offset 0x%x has size 0x%x; 0x%x to 0x%x are "
                "allowed",
                number, offset, size, ENTRY_SMALLEST, length - offset - ENTRY_SIZE_FIELD);
        }
        if (multiboot_add_range(reading->machine, number, map + offset + ENTRY_SIZE_FIELD,
                                reading->error) != STATUS_OK) {
            return STATUS_INVALID;
        }
        offset += ENTRY_SIZE_FIELD + size;
    }
    return multiboot_check(reading->machine, reading->error);
}

static enum status read_map(const struct reading *reading)
{
    const void *field, *map;
    uint32_t length, address;

    if (read_field(reading, "the memory map's place", INFO_MAP_LENGTH, 8, &field) != STATUS_OK) {
        return STATUS_INVALID;
    }
    length = load32(field, 0);
    address = load32(field, INFO_MAP - INFO_MAP_LENGTH);
    if (length == 0 || length > LONGEST_MAP) {
        return multiboot_refuse(reading->error,
                                "multiboot1: the memory map has 0x%x bytes; 1 to 0x%x are allowed",
                                length, LONGEST_MAP);
    }
    map = physical_at(reading->reader, HPA(address), length);
    if (map == NULL) {
        return multiboot_refuse(reading->error,
                                "multiboot1: the memory map, 0x%x bytes at 0x%x, is unreadable",
                                length, address);
    }
    return read_map_entries(reading, map, length);
}

static enum status read_framebuffer(const struct reading *reading)
{
    const void *field;

    if (read_field(reading, "the framebuffer", INFO_FRAMEBUFFER, 22, &field) != STATUS_OK) {
        return STATUS_INVALID;
    }
    reading->machine->framebuffer = (struct framebuffer){
        .base = HPA(load64(field, 0)),
        .pitch = load32(field, 8),
        .width = load32(field, 12),
        .height = load32(field, 16),
        .bits_per_pixel = ((const uint8_t *)field)[20],
        .type = ((const uint8_t *)field)[21],
    };
    return STATUS_OK;
}

enum status multiboot1_parse(hpa_t info, const struct physical_reader *reader,
                             struct machine *machine, struct multiboot_error *error)
{
    static const struct {
        uint32_t flag;
        enum status (*read)(const struct reading *reading);
    } parts[] = {
        {FLAG_COMMAND_LINE, read_command_line},
        {FLAG_MODULES, read_modules},
        {FLAG_MEMORY_MAP, read_map},
        {FLAG_LOADER_NAME, read_loader_name},
        {FLAG_FRAMEBUFFER, read_framebuffer},
    };
    const struct reading reading = {reader, info, machine, error};
    const void *field;
    uint32_t flags;

    memset(machine, 0, sizeof(*machine));
    machine->multiboot = 1;
    if (read_field(&reading, "flags", INFO_FLAGS, 4, &field) != STATUS_OK) {
        return STATUS_INVALID;
    }
    flags = load32(field, 0);
    if ((flags & FLAG_MEMORY_MAP) == 0) {
        return multiboot_refuse(error, "multiboot1: no memory map (flags 0x%x without bit 6)",
                                flags);
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if ((flags & parts[i].flag) != 0 && parts[i].read(&reading) != STATUS_OK) {
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}
