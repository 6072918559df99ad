/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes at all that a loader may leave in memory give a machine that keeps its own rules, or a
 * sentence. The first byte of the input chooses the kind, the rest lies at BASE: for Multiboot 1 as
 * it is, for Multiboot 2 with its total size set to what there is, unless the byte says otherwise.
 */
#include "kernel/multiboot.h"
#include "tests/fake_memory.h"

/* As in the corpus: the addresses in a Multiboot 1 structure point into the same piece. */
#define BASE 0x10000

#define CHOICE_MULTIBOOT2 0x01
#define CHOICE_RAW_SIZE   0x02

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_machine(const struct machine *machine)
{
    bool usable = false;

    check(strnlen(machine->loader, sizeof(machine->loader)) < sizeof(machine->loader));
    check(strnlen(machine->command_line, sizeof(machine->command_line)) <
          sizeof(machine->command_line));
    check(machine->range_count >= 1 && machine->range_count <= MACHINE_MAX_RANGES);
    for (unsigned i = 0; i < machine->range_count; i++) {
        const struct memory_range *range = &machine->ranges[i];

        check(range->length != 0 && range->base.value + range->length > range->base.value);
        check(range->type >= MEMORY_USABLE && range->type <= MEMORY_BAD);
        usable = usable || range->type == MEMORY_USABLE;
    }
    check(usable);
    check(machine->module_count <= MACHINE_MAX_MODULES);
    for (unsigned i = 0; i < machine->module_count; i++) {
        const struct boot_module *module = &machine->modules[i];

        check(module->base.value + module->length <= UINT32_MAX);
        check(strnlen(module->name, sizeof(module->name)) < sizeof(module->name));
    }
    check(machine->rsdp_length == 0 || machine->rsdp_length == 20 || machine->rsdp_length == 36);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_memory memory;
    struct machine machine;
    struct multiboot_error error;
    enum status status;
    bool second;

    if (size < 2) {
        return 0;
    }
    second = (data[0] & CHOICE_MULTIBOOT2) != 0;
    fake_memory_start(&memory);
    memcpy(fake_memory_add(&memory, BASE, size - 1), data + 1, size - 1);
    if (second && (data[0] & CHOICE_RAW_SIZE) == 0 && size > 4) {
        put_field(memory.pieces[0].bytes, 0, 4, size - 1);
    }
    memset(&machine, 0xa5, sizeof(machine));
    memset(&error, 0xa5, sizeof(error));
    status = multiboot_parse(second ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC, HPA(BASE),
                             &memory.reader, &machine, &error);
    check(strnlen(error.text, sizeof(error.text)) < sizeof(error.text) - 1);
    if (status == STATUS_OK) {
        check(error.text[0] == '\0' && machine.multiboot == (second ? 2 : 1));
        check_machine(&machine);
    } else {
        check(status == STATUS_INVALID && strncmp(error.text, "multiboot", 9) == 0);
    }
    fake_memory_end(&memory);
    return 0;
}
