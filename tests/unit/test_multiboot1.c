/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot 1 reader, on what QEMU and GRUB hand over and on what they should not. */
#include "kernel/multiboot.h"
#include "tests/fake_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define INFO    0x9500
#define STRINGS 0xa000
#define MODULES 0xb800
#define MAP     0xc000

/* The offsets of the fields that the tests set. */
enum {
    FLAGS = 0,
    COMMAND_LINE = 16,
    MODULE_COUNT = 20,
    MODULE_LIST = 24,
    MAP_LENGTH = 44,
    MAP_ADDRESS = 48,
    LOADER_NAME = 64,
    FRAMEBUFFER = 88,
};

/* One loader's work, in memory of which only just these parts are there. */
struct loader {
    struct fake_memory memory;
    uint8_t *info, *strings, *modules, *map;
    uint32_t map_length, string_length, module_count;
    struct machine machine;
    struct multiboot_error error;
};

static int start(void **state)
{
    struct loader *loader = calloc(1, sizeof(*loader));

    fake_memory_start(&loader->memory);
    loader->info = fake_memory_add(&loader->memory, INFO, 116);
    loader->strings = fake_memory_add(&loader->memory, STRINGS, 0x1000);
    loader->modules = fake_memory_add(&loader->memory, MODULES, 16 * 16);
    loader->map = fake_memory_add(&loader->memory, MAP, 0x4000);
    *state = loader;
    return 0;
}

static int end(void **state)
{
    struct loader *loader = *state;

    fake_memory_end(&loader->memory);
    free(loader);
    return 0;
}

static void add_flag(struct loader *loader, unsigned bit)
{
    loader->info[FLAGS + bit / 8] |= (uint8_t)(1u << bit % 8);
}

static uint32_t add_string(struct loader *loader, const char *text)
{
    uint32_t at = loader->string_length;

    strcpy((char *)loader->strings + at, text);
    loader->string_length += (uint32_t)strlen(text) + 1;
    return STRINGS + at;
}

static void set_command_line(struct loader *loader, const char *text)
{
    add_flag(loader, 2);
    put_field(loader->info, COMMAND_LINE, 4, add_string(loader, text));
}

/* An entry of `size` bytes, which need not be the size that the memory takes it for. */
static uint8_t *add_entry(struct loader *loader, uint32_t size, uint64_t base, uint64_t length,
                          uint32_t type)
{
    uint8_t *entry = loader->map + loader->map_length;

    put_field(entry, 0, 4, size);
    put_field(entry, 4, 8, base);
    put_field(entry, 12, 8, length);
    put_field(entry, 20, 4, type);
    loader->map_length += 4 + size;
    add_flag(loader, 6);
    put_field(loader->info, MAP_LENGTH, 4, loader->map_length);
    put_field(loader->info, MAP_ADDRESS, 4, MAP);
    return entry;
}

static void add_module(struct loader *loader, uint32_t begin, uint32_t past, uint32_t string)
{
    uint8_t *module = loader->modules + 16 * loader->module_count++;

    put_field(module, 0, 4, begin);
    put_field(module, 4, 4, past);
    put_field(module, 8, 4, string);
    add_flag(loader, 3);
    put_field(loader->info, MODULE_COUNT, 4, loader->module_count);
    put_field(loader->info, MODULE_LIST, 4, MODULES);
}

static void add_usual_map(struct loader *loader)
{
    add_entry(loader, 20, 0, 0x9fc00, 1);
    add_entry(loader, 20, 0x100000, 0x7ee0000, 1);
}

static enum status parse(struct loader *loader)
{
    memset(&loader->machine, 0xa5, sizeof(loader->machine));
    memset(&loader->error, 0xa5, sizeof(loader->error));
    return multiboot_parse(MULTIBOOT1_MAGIC, HPA(INFO), &loader->memory.reader, &loader->machine,
                           &loader->error);
}

static void assert_taken(struct loader *loader)
{
    enum status status = parse(loader);

    assert_string_equal(loader->error.text, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(loader->machine.multiboot, 1);
}

static void assert_refused(struct loader *loader, const char *sentence)
{
    assert_int_equal(parse(loader), STATUS_INVALID);
    assert_string_equal(loader->error.text, sentence);
}

static void assert_range(const struct machine *machine, unsigned i, uint64_t base, uint64_t length,
                         enum memory_type type)
{
    assert_in_range(i, 0, machine->range_count - 1);
    assert_int_equal(machine->ranges[i].base.value, base);
    assert_int_equal(machine->ranges[i].length, length);
    assert_int_equal(machine->ranges[i].type, type);
}

/* QEMU -kernel with 128 MiB. */
static void qemu(void **state)
{
    struct loader *loader = *state;
    const struct machine *machine = &loader->machine;

    add_flag(loader, 0); /* mem_lower and mem_upper, which are not read */
    add_flag(loader, 1);
    set_command_line(loader, "build/lintel.elf guest=module machine=qemu-7.2");
    add_flag(loader, 9);
    put_field(loader->info, LOADER_NAME, 4, add_string(loader, "qemu"));
    add_module(loader, 0x12b000, 0x12b3e8, add_string(loader, "guest.bin one two"));
    add_entry(loader, 20, 0x0, 0x9fc00, 1);
    add_entry(loader, 20, 0x9fc00, 0x400, 2);
    add_entry(loader, 20, 0xf0000, 0x10000, 2);
    add_entry(loader, 20, 0x100000, 0x7ee0000, 1);
    add_entry(loader, 20, 0x7fe0000, 0x20000, 2);
    add_entry(loader, 20, 0xfffc0000, 0x40000, 2);
    add_entry(loader, 20, 0xfd00000000, 0x300000000, 2);
    assert_taken(loader);
    assert_string_equal(machine->loader, "qemu");
    assert_string_equal(machine->command_line, "build/lintel.elf guest=module machine=qemu-7.2");
    assert_false(machine->efi);
    assert_int_equal(machine->rsdp_length, 0);
    assert_int_equal(machine->framebuffer.base.value, 0);
    assert_int_equal(machine->module_count, 1);
    assert_int_equal(machine->modules[0].base.value, 0x12b000);
    assert_int_equal(machine->modules[0].length, 0x3e8);
    assert_string_equal(machine->modules[0].name, "guest.bin one two");
    assert_int_equal(machine->range_count, 7);
    assert_range(machine, 0, 0, 0x9fc00, MEMORY_USABLE);
    assert_range(machine, 2, 0xf0000, 0x10000, MEMORY_RESERVED);
    assert_range(machine, 3, 0x100000, 0x7ee0000, MEMORY_USABLE);
    assert_range(machine, 6, 0xfd00000000, 0x300000000, MEMORY_RESERVED);
}

/* GRUB 2 on Bochs's BIOS with 512 MiB, with a framebuffer. */
static void bochs(void **state)
{
    struct loader *loader = *state;
    const struct machine *machine = &loader->machine;

    add_flag(loader, 9);
    put_field(loader->info, LOADER_NAME, 4, add_string(loader, "GRUB 2.06-13+deb12u1"));
    set_command_line(loader, "");
    add_entry(loader, 20, 0x0, 0x9f000, 1);
    add_entry(loader, 20, 0x9f000, 0x1000, 2);
    add_entry(loader, 20, 0xe8000, 0x18000, 2);
    add_entry(loader, 20, 0x100000, 0x1fef0000, 1);
    add_entry(loader, 20, 0x1fff0000, 0x10000, 3);
    add_entry(loader, 20, 0xfffc0000, 0x40000, 2);
    add_flag(loader, 12);
    put_field(loader->info, FRAMEBUFFER, 8, 0xe0000000);
    put_field(loader->info, FRAMEBUFFER + 8, 4, 4096);
    put_field(loader->info, FRAMEBUFFER + 12, 4, 1024);
    put_field(loader->info, FRAMEBUFFER + 16, 4, 768);
    put_field(loader->info, FRAMEBUFFER + 20, 1, 32);
    put_field(loader->info, FRAMEBUFFER + 21, 1, 1);
    assert_taken(loader);
    assert_string_equal(machine->loader, "GRUB 2.06-13+deb12u1");
    assert_string_equal(machine->command_line, "");
    assert_int_equal(machine->range_count, 6);
    assert_range(machine, 4, 0x1fff0000, 0x10000, MEMORY_ACPI_RECLAIMABLE);
    assert_int_equal(machine->module_count, 0);
    assert_int_equal(machine->framebuffer.base.value, 0xe0000000);
    assert_int_equal(machine->framebuffer.pitch, 4096);
    assert_int_equal(machine->framebuffer.width, 1024);
    assert_int_equal(machine->framebuffer.height, 768);
    assert_int_equal(machine->framebuffer.bits_per_pixel, 32);
    assert_int_equal(machine->framebuffer.type, 1);
}

static void fields_without_their_flag_are_not_read(void **state)
{
    struct loader *loader = *state;

    /* All that is not promised would be nonsense. */
    memset(loader->info, 0xff, 116);
    put_field(loader->info, FLAGS, 4, 0);
    add_usual_map(loader);
    loader->memory.pieces[0].length = 52; /* and the structure ends behind mmap_addr */
    assert_taken(loader);
    assert_string_equal(loader->machine.loader, "");
    assert_string_equal(loader->machine.command_line, "");
    assert_int_equal(loader->machine.module_count, 0);
    assert_int_equal(loader->machine.range_count, 2);

    add_flag(loader, 12);
    assert_refused(loader, "multiboot1: the framebuffer at offset 88 of the information at 0x9500 "
                           "is unreadable");
}

static void an_information_that_ends_before_a_field(void **state)
{
    static const struct {
        unsigned bit, length;
        const char *sentence;
    } cases[] = {
        {12, 109, "the framebuffer at offset 88"},
        {9, 67, "the loader name's address at offset 64"},
        {6, 51, "the memory map's place at offset 44"},
        {3, 27, "the module list at offset 20"},
        {2, 19, "the command line's address at offset 16"},
    };
    struct loader *loader = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char sentence[160];

        put_field(loader->info, FLAGS, 4, BIT(6));
        add_flag(loader, cases[i].bit);
        loader->map_length = 0;
        add_usual_map(loader);
        loader->memory.pieces[0].length = cases[i].length;
        snprintf(sentence, sizeof(sentence),
                 "multiboot1: %s of the information at 0x9500 is unreadable", cases[i].sentence);
        assert_refused(loader, sentence);
    }
}

static void another_magic_is_refused(void **state)
{
    struct loader *loader = *state;

    assert_int_equal(multiboot_parse(0x1badb002, HPA(INFO), &loader->memory.reader,
                                     &loader->machine, &loader->error),
                     STATUS_INVALID);
    assert_string_equal(loader->error.text,
                        "multiboot: magic 0x1badb002 in EAX; 0x2badb002 (Multiboot 1) and "
                        "0x36d76289 (Multiboot 2) are allowed");
}

static void information_that_cannot_be_read(void **state)
{
    struct loader *loader = *state;

    loader->memory.pieces[0].base = 0x100;
    assert_refused(loader, "multiboot1: flags at offset 0 of the information at 0x9500 is "
                           "unreadable");
}

static void no_memory_map(void **state)
{
    struct loader *loader = *state;

    add_flag(loader, 0);
    assert_refused(loader, "multiboot1: no memory map (flags 0x1 without bit 6)");
    add_flag(loader, 6);
    assert_refused(loader, "multiboot1: the memory map has 0x0 bytes; 1 to 0x100000 are allowed");
    put_field(loader->info, MAP_LENGTH, 4, 0x100001);
    assert_refused(loader,
                   "multiboot1: the memory map has 0x100001 bytes; 1 to 0x100000 are allowed");
    put_field(loader->info, MAP_LENGTH, 4, 0x4001);
    put_field(loader->info, MAP_ADDRESS, 4, MAP);
    assert_refused(loader, "multiboot1: the memory map, 0x4001 bytes at 0xc000, is unreadable");
}

static void a_map_without_usable_memory(void **state)
{
    struct loader *loader = *state;

    add_entry(loader, 20, 0x100000, 0, 1);
    assert_refused(loader, "multiboot1: no usable memory in a memory map of 0 ranges");
    add_entry(loader, 20, 0x100000, 0x1000, 2);
    assert_refused(loader, "multiboot1: no usable memory in a memory map of 1 ranges");
}

static void entries_of_other_sizes(void **state)
{
    struct loader *loader = *state;

    add_entry(loader, 24, 0, 0x9fc00, 1);
    add_entry(loader, 0x40, 0x100000, 0x1000, 1);
    add_entry(loader, 20, 0x200000, 0x1000, 4);
    assert_taken(loader);
    assert_int_equal(loader->machine.range_count, 3);
    assert_range(&loader->machine, 2, 0x200000, 0x1000, MEMORY_ACPI_NVS);

    put_field(loader->map, 0, 4, 19);
    assert_refused(loader, "multiboot1: memory map entry 0 at offset 0x0 has size 0x13; 0x14 to "
                           "0x74 are allowed");
    put_field(loader->map, 0, 4, 0);
    assert_refused(loader, "multiboot1: memory map entry 0 at offset 0x0 has size 0x0; 0x14 to "
                           "0x74 are allowed");
    put_field(loader->map, 0, 4, 0xffffffff);
    assert_refused(loader, "multiboot1: memory map entry 0 at offset 0x0 has size 0xffffffff; "
                           "0x14 to 0x74 are allowed");
    put_field(loader->map, 0, 4, 24);
    put_field(loader->map, 0x60, 4, 21); /* one byte beyond the map */
    assert_refused(loader, "multiboot1: memory map entry 2 at offset 0x60 has size 0x15; 0x14 to "
                           "0x14 are allowed");
    put_field(loader->info, MAP_LENGTH, 4, loader->map_length - 1);
    assert_refused(loader, "multiboot1: memory map entry 2 at offset 0x60 is cut by the map's end "
                           "at 0x77");
}

static void entries_that_say_nothing(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_entry(loader, 20, 0xffffffffffffffff, 0, 1); /* no bytes: nothing, wherever it is */
    add_entry(loader, 20, 0x200000, 0x1000, 0);
    add_entry(loader, 20, 0x201000, 0x1000, 12);
    add_entry(loader, 20, 0x202000, 0x1000, 0x80000001);
    add_entry(loader, 20, 0x203000, 0x1000, 5);
    assert_taken(loader);
    assert_int_equal(loader->machine.range_count, 6);
    assert_range(&loader->machine, 2, 0x200000, 0x1000, MEMORY_RESERVED);
    assert_range(&loader->machine, 3, 0x201000, 0x1000, MEMORY_RESERVED);
    assert_range(&loader->machine, 4, 0x202000, 0x1000, MEMORY_RESERVED);
    assert_range(&loader->machine, 5, 0x203000, 0x1000, MEMORY_BAD);
}

static void a_range_that_wraps(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_entry(loader, 20, 0xfffffffffffff000, 0xfff, 2);
    assert_taken(loader);
    add_entry(loader, 20, 0xfffffffffffff000, 0x1000, 2);
    assert_refused(loader, "multiboot1: memory map entry 3, 0x1000 bytes at 0xfffffffffffff000, "
                           "runs past the end of the address space");
}

static void more_ranges_than_there_is_room_for(void **state)
{
    struct loader *loader = *state;

    for (unsigned i = 0; i < MACHINE_MAX_RANGES; i++) {
        add_entry(loader, 20, i * 0x2000ull, 0x1000, 1);
    }
    assert_taken(loader);
    assert_int_equal(loader->machine.range_count, 256);
    add_entry(loader, 20, 0x12345000, 0x1000, 1);
    assert_refused(loader, "multiboot1: the memory map has more than 256 ranges, there is no room "
                           "for entry 256 at 0x12345000");
}

static void modules(void **state)
{
    struct loader *loader = *state;
    char name[100];

    add_usual_map(loader);
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    add_module(loader, 0x200000, 0x200000, 0);
    add_module(loader, 0xfffff000, 0xffffffff, add_string(loader, name));
    add_module(loader, 0x300000, 0x300001, add_string(loader, "\x01\xff"));
    assert_taken(loader);
    assert_int_equal(loader->machine.module_count, 3);
    assert_int_equal(loader->machine.modules[0].base.value, 0x200000);
    assert_int_equal(loader->machine.modules[0].length, 0);
    assert_string_equal(loader->machine.modules[0].name, "");
    assert_int_equal(loader->machine.modules[1].length, 0xfff);
    name[63] = '\0';
    assert_string_equal(loader->machine.modules[1].name, name);
    assert_string_equal(loader->machine.modules[2].name, "\x01\xff");

    add_module(loader, 0x200000, 0x1fffff, 0);
    assert_refused(loader, "multiboot1: module 3 ends at 0x1fffff, before its start 0x200000");
}

static void modules_that_cannot_be_read(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    for (unsigned i = 0; i < MACHINE_MAX_MODULES; i++) {
        add_module(loader, 0x1000 * i, 0x1000 * i + 1, 0);
    }
    assert_taken(loader);
    assert_int_equal(loader->machine.module_count, 8);
    add_module(loader, 0, 1, 0);
    assert_refused(loader, "multiboot1: 9 modules, there is room for 8");
    put_field(loader->info, MODULE_COUNT, 4, 0xffffffff);
    assert_refused(loader, "multiboot1: 4294967295 modules, there is room for 8");
    put_field(loader->info, MODULE_COUNT, 4, 2);
    put_field(loader->info, MODULE_LIST, 4, MODULES + 15 * 16);
    assert_refused(loader, "multiboot1: module 1 of 2 at 0xb900 is unreadable");
    put_field(loader->info, MODULE_LIST, 4, 0xfffffff8);
    assert_refused(loader, "multiboot1: module 0 of 2 at 0xfffffff8 is unreadable");
}

static void a_command_line_fits_or_is_refused(void **state)
{
    struct loader *loader = *state;
    char line[1100];

    memset(line, 'x', sizeof(line));
    line[1024] = '\0';
    add_usual_map(loader);
    set_command_line(loader, line);
    assert_refused(loader, "multiboot1: the command line has 1024 bytes, 1023 are allowed");
    loader->strings[1023] = '\0';
    line[1023] = '\0';
    assert_taken(loader);
    assert_string_equal(loader->machine.command_line, line);
}

static void strings_without_an_end(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_flag(loader, 2);
    put_field(loader->info, COMMAND_LINE, 4, STRINGS);
    memset(loader->strings, 'x', 0x1000);
    assert_refused(loader, "multiboot1: the command line at 0xa000 has no end within 4096 bytes");
    put_field(loader->info, COMMAND_LINE, 4, STRINGS + 0xff0);
    assert_refused(loader, "multiboot1: the command line at 0xaff0 is unreadable from byte 16 on");
    fake_memory_add(&loader->memory, STRINGS + 0x1000, 16); /* each byte, but not all at once */
    assert_refused(loader, "multiboot1: the command line at 0xaff0 is unreadable");
    put_field(loader->info, COMMAND_LINE, 4, 0); /* GRUB Legacy's way to say: none */
    assert_taken(loader);

    add_flag(loader, 9);
    put_field(loader->info, LOADER_NAME, 4, 0x70);
    assert_refused(loader, "multiboot1: the loader name at 0x70 is unreadable from byte 0 on");
    put_field(loader->info, LOADER_NAME, 4, 0);
    add_module(loader, 0, 1, 0x71);
    assert_refused(loader, "multiboot1: a module's string at 0x71 is unreadable from byte 0 on");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(qemu),
        TEST(bochs),
        TEST(fields_without_their_flag_are_not_read),
        TEST(an_information_that_ends_before_a_field),
        TEST(another_magic_is_refused),
        TEST(information_that_cannot_be_read),
        TEST(no_memory_map),
        TEST(a_map_without_usable_memory),
        TEST(entries_of_other_sizes),
        TEST(entries_that_say_nothing),
        TEST(a_range_that_wraps),
        TEST(more_ranges_than_there_is_room_for),
        TEST(modules),
        TEST(modules_that_cannot_be_read),
        TEST(a_command_line_fits_or_is_refused),
        TEST(strings_without_an_end),
    };

    return cmocka_run_group_tests_name("multiboot1", tests, NULL, NULL);
}
