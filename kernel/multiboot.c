/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the two kinds of Multiboot apart, and holds the rules that both share: what a memory map's
 * entry, a module and a command line may be.
 */
#include "kernel/multiboot.h"
#include "kernel/format.h"
#include "kernel/multiboot_parts.h"
#include "kernel/string.h"

enum status multiboot_refuse(struct multiboot_error *error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    format_text_v(error->text, sizeof(error->text), format, list);
    va_end(list);
    return STATUS_INVALID;
}

enum status multiboot_add_range(struct machine *machine, unsigned number, const void *entry,
                                struct multiboot_error *error)
{
    uint64_t base = load64(entry, 0), length = load64(entry, 8);
    uint32_t type = load32(entry, 16);

    if (length == 0) {
        return STATUS_OK;
    }
    if (length > UINT64_MAX - base) {
        return multiboot_refuse(error,
                                "multiboot%u: memory map entry %u, 0x%lx bytes at 0x%lx, runs past "
                                "the end of the address space",
                                machine->multiboot, number, length, base);
    }
    if (machine->range_count == MACHINE_MAX_RANGES) {
        return multiboot_refuse(error,
                                "multiboot%u: the memory map has more than %u ranges, there is no "
                                "room for entry %u at 0x%lx",
                                machine->multiboot, MACHINE_MAX_RANGES, number, base);
    }
    machine->ranges[machine->range_count++] = (struct memory_range){
        .base = HPA(base),
        .length = length,
        .type =
            type >= MEMORY_USABLE && type <= MEMORY_BAD ? (enum memory_type)type : MEMORY_RESERVED,
    };
    return STATUS_OK;
}

enum status multiboot_add_module(struct machine *machine, uint32_t start, uint32_t end,
                                 const char *name, struct multiboot_error *error)
{
    struct boot_module *module;

    if (end < start) {
        return multiboot_refuse(error, "multiboot%u: module %u ends at 0x%x, before its start 0x%x",
                                machine->multiboot, machine->module_count, end, start);
    }
    if (machine->module_count == MACHINE_MAX_MODULES) {
        return multiboot_refuse(error, "multiboot%u: more than %u modules", machine->multiboot,
                                MACHINE_MAX_MODULES);
    }
    module = &machine->modules[machine->module_count++];
    module->base = HPA(start);
    module->length = end - start;
    string_copy(module->name, sizeof(module->name), name);
    return STATUS_OK;
}

enum status multiboot_set_command_line(struct machine *machine, const char *text,
                                       struct multiboot_error *error)
{
    size_t length = strlen(text);

    if (length >= sizeof(machine->command_line)) {
        return multiboot_refuse(error,
                                "multiboot%u: the command line has %lu bytes, %lu are allowed",
                                machine->multiboot, length, sizeof(machine->command_line) - 1);
    }
    memcpy(machine->command_line, text, length + 1);
    return STATUS_OK;
}

enum status multiboot_check(const struct machine *machine, struct multiboot_error *error)
{
    for (unsigned i = 0; i < machine->range_count; i++) {
        if (machine->ranges[i].type == MEMORY_USABLE) {
            return STATUS_OK;
        }
    }
    return multiboot_refuse(error, "multiboot%u: no usable memory in a memory map of %u ranges",
                            machine->multiboot, machine->range_count);
}

enum status multiboot_parse(uint32_t magic, hpa_t info, const struct physical_reader *reader,
                            struct machine *machine, struct multiboot_error *error)
{
    error->text[0] = '\0';
    switch (magic) {
    case MULTIBOOT1_MAGIC:
        return multiboot1_parse(info, reader, machine, error);
    case MULTIBOOT2_MAGIC:
        return multiboot2_parse(info, reader, machine, error);
    default:
        return multiboot_refuse(error,
                                "multiboot: magic 0x%x in EAX; 0x%x (Multiboot 1) and 0x%x "
                                "(Multiboot 2) are allowed",
                                magic, MULTIBOOT1_MAGIC, MULTIBOOT2_MAGIC);
    }
}
