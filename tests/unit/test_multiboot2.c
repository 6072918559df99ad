/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot 2 reader, on what GRUB hands over on BIOS and UEFI and on what it should not. */
#include "kernel/multiboot.h"
#include "tests/fake_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define INFO      0x10000
#define INFO_ROOM 0x4000

struct loader {
    struct fake_memory memory;
    uint8_t *info;
    uint32_t total; /* so far */
    struct machine machine;
    struct multiboot_error error;
};

static int start(void **state)
{
    struct loader *loader = calloc(1, sizeof(*loader));

    fake_memory_start(&loader->memory);
    loader->info = fake_memory_add(&loader->memory, INFO, INFO_ROOM);
    loader->total = 8;
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

/* A tag of `size` bytes, the 8 of its header included; gives where it stands. */
static uint8_t *add_tag(struct loader *loader, uint32_t type, uint32_t size)
{
    uint8_t *tag;

    loader->total = (loader->total + 7) & ~7u;
    tag = loader->info + loader->total;
    put_field(tag, 0, 4, type);
    put_field(tag, 4, 4, size);
    loader->total += size;
    put_field(loader->info, 0, 4, loader->total);
    return tag;
}

static uint8_t *add_string(struct loader *loader, uint32_t type, const char *text)
{
    uint8_t *tag = add_tag(loader, type, 8 + (uint32_t)strlen(text) + 1);

    strcpy((char *)tag + 8, text);
    return tag;
}

static uint8_t *add_module(struct loader *loader, uint32_t begin, uint32_t past, const char *text)
{
    uint8_t *tag = add_tag(loader, 3, 16 + (uint32_t)strlen(text) + 1);

    put_field(tag, 8, 4, begin);
    put_field(tag, 12, 4, past);
    strcpy((char *)tag + 16, text);
    return tag;
}

struct range {
    uint64_t base, length;
    uint32_t type;
};

static uint8_t *add_map(struct loader *loader, uint32_t entry_size, const struct range *ranges,
                        unsigned count)
{
    uint8_t *tag = add_tag(loader, 6, 16 + count * entry_size);

    put_field(tag, 8, 4, entry_size);
    for (unsigned i = 0; i < count; i++) {
        put_field(tag, 16 + i * entry_size, 8, ranges[i].base);
        put_field(tag, 24 + i * entry_size, 8, ranges[i].length);
        put_field(tag, 32 + i * entry_size, 4, ranges[i].type);
    }
    return tag;
}

static const struct range usual_map[] = {{0, 0x9fc00, 1}, {0x100000, 0x7ee0000, 1}};

static uint8_t *add_usual_map(struct loader *loader)
{
    return add_map(loader, 24, usual_map, ARRAY_SIZE(usual_map));
}

static void add_end(struct loader *loader)
{
    add_tag(loader, 0, 8);
}

static enum status parse_at(struct loader *loader, uint64_t address)
{
    memset(&loader->machine, 0xa5, sizeof(loader->machine));
    memset(&loader->error, 0xa5, sizeof(loader->error));
    return multiboot_parse(MULTIBOOT2_MAGIC, HPA(address), &loader->memory.reader, &loader->machine,
                           &loader->error);
}

static void assert_taken(struct loader *loader)
{
    enum status status = parse_at(loader, INFO);

    assert_string_equal(loader->error.text, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(loader->machine.multiboot, 2);
}

static void assert_refused(struct loader *loader, const char *sentence)
{
    assert_int_equal(parse_at(loader, INFO), STATUS_INVALID);
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

/* GRUB 2 on a BIOS: what it gives beside what we read is stepped over. */
static void grub_on_bios(void **state)
{
    static const struct range map[] = {{0x0, 0x9f000, 1},        {0x9f000, 0x1000, 2},
                                       {0xe8000, 0x18000, 2},    {0x100000, 0x1fef0000, 1},
                                       {0x1fff0000, 0x10000, 3}, {0xfffc0000, 0x40000, 2}};
    struct loader *loader = *state;
    const struct machine *machine = &loader->machine;
    uint8_t *tag;

    add_string(loader, 1, "guest=module trace=ring");
    add_string(loader, 2, "GRUB 2.12-9");
    add_tag(loader, 10, 28); /* APM */
    add_module(loader, 0x1000000, 0x1000200, "/boot/guest.bin");
    add_tag(loader, 4, 16);          /* basic memory information */
    add_tag(loader, 5, 20);          /* boot device: 20 bytes, then 4 of padding */
    add_tag(loader, 9, 20 + 3 * 64); /* ELF symbols */
    add_map(loader, 24, map, ARRAY_SIZE(map));
    tag = add_tag(loader, 8, 32);
    put_field(tag, 8, 8, 0xb8000);
    put_field(tag, 16, 4, 160);
    put_field(tag, 20, 4, 80);
    put_field(tag, 24, 4, 25);
    put_field(tag, 28, 1, 16);
    put_field(tag, 29, 1, 2);
    tag = add_tag(loader, 14, 28);
    memcpy(tag + 8,
           "RSD PTR \x5a"
           "BOCHS \0\0\x7f\xff\x1f",
           20);
    add_tag(loader, 21, 12);        /* image load base */
    add_tag(loader, 0x12345678, 9); /* nobody's */
    add_end(loader);
    assert_taken(loader);
    assert_string_equal(machine->command_line, "guest=module trace=ring");
    assert_string_equal(machine->loader, "GRUB 2.12-9");
    assert_false(machine->efi);
    assert_int_equal(machine->module_count, 1);
    assert_int_equal(machine->modules[0].base.value, 0x1000000);
    assert_int_equal(machine->modules[0].length, 0x200);
    assert_string_equal(machine->modules[0].name, "/boot/guest.bin");
    assert_int_equal(machine->range_count, 6);
    assert_range(machine, 0, 0, 0x9f000, MEMORY_USABLE);
    assert_range(machine, 4, 0x1fff0000, 0x10000, MEMORY_ACPI_RECLAIMABLE);
    assert_range(machine, 5, 0xfffc0000, 0x40000, MEMORY_RESERVED);
    assert_int_equal(machine->framebuffer.base.value, 0xb8000);
    assert_int_equal(machine->framebuffer.pitch, 160);
    assert_int_equal(machine->framebuffer.width, 80);
    assert_int_equal(machine->framebuffer.height, 25);
    assert_int_equal(machine->framebuffer.bits_per_pixel, 16);
    assert_int_equal(machine->framebuffer.type, 2);
    assert_int_equal(machine->rsdp_length, 20);
    assert_memory_equal(machine->rsdp, tag + 8, 20);
}

/* GRUB 2 on OVMF with 6 GiB: holes below 4 GiB, persistent memory, both RSDPs. */
static void grub_on_uefi(void **state)
{
    static const struct range map[] = {{0x0, 0xa0000, 1},
                                       {0x100000, 0x700000, 1},
                                       {0x800000, 0x8000, 4},
                                       {0x808000, 0x3000, 1},
                                       {0x80b000, 0x1000, 4},
                                       {0x80c000, 0x4000, 1},
                                       {0x810000, 0xf0000, 4},
                                       {0x900000, 0x7e8ee000, 1},
                                       {0x7f1ee000, 0x300000, 2},
                                       {0x7f4ee000, 0x80000, 3},
                                       {0x7f56e000, 0x80000, 4},
                                       {0x7f5ee000, 0x886000, 1},
                                       {0x7fe74000, 0x18c000, 4},
                                       {0xe0000000, 0x10000000, 2},
                                       {0x100000000, 0x100000000, 1},
                                       {0x200000000, 0x40000000, 7},
                                       {0xfd00000000, 0x300000000, 2}};
    struct loader *loader = *state;
    uint8_t *old, *new;

    add_string(loader, 1, "");
    add_tag(loader, 12, 16);
    new = add_tag(loader, 15, 8 + 36);
    memset(new + 8, 0x22, 36);
    old = add_tag(loader, 14, 8 + 20);
    memset(old + 8, 0x11, 20);
    add_tag(loader, 17, 16 + 48 * 20);
    add_tag(loader, 20, 16);
    add_map(loader, 24, map, ARRAY_SIZE(map));
    add_end(loader);
    assert_taken(loader);
    assert_true(loader->machine.efi);
    assert_int_equal(loader->machine.range_count, ARRAY_SIZE(map));
    assert_range(&loader->machine, 2, 0x800000, 0x8000, MEMORY_ACPI_NVS);
    assert_range(&loader->machine, 14, 0x100000000, 0x100000000, MEMORY_USABLE);
    assert_range(&loader->machine, 15, 0x200000000, 0x40000000, MEMORY_RESERVED);
    assert_int_equal(loader->machine.rsdp_length, 36);
    assert_memory_equal(loader->machine.rsdp, new + 8, 36);
}

static void the_newer_rsdp_wins_in_either_order(void **state)
{
    struct loader *loader = *state;
    uint8_t *new;

    add_usual_map(loader);
    memset(add_tag(loader, 14, 28) + 8, 0x11, 20);
    new = add_tag(loader, 15, 44);
    memset(new + 8, 0x22, 36);
    add_end(loader);
    assert_taken(loader);
    assert_int_equal(loader->machine.rsdp_length, 36);
    assert_memory_equal(loader->machine.rsdp, new + 8, 36);
}

static void each_efi_tag_tells_of_efi(void **state)
{
    static const uint32_t types[] = {11, 12, 17};
    struct loader *loader = *state;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        loader->total = 8;
        add_usual_map(loader);
        add_tag(loader, types[i], 16);
        add_end(loader);
        assert_taken(loader);
        assert_true(loader->machine.efi);
    }
}

static void active_boot_services_are_refused(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_tag(loader, 18, 8);
    add_end(loader);
    assert_refused(loader, "multiboot2: tag 18 at offset 0x48: EFI boot services still active");
}

static void the_whole_information(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_end(loader);
    assert_taken(loader);

    put_field(loader->info, 0, 4, 15);
    assert_refused(loader, "multiboot2: the total size is 0xf; 0x10 to 0x1000000 are allowed");
    put_field(loader->info, 0, 4, 0xffffffff);
    assert_refused(loader,
                   "multiboot2: the total size is 0xffffffff; 0x10 to 0x1000000 are allowed");
    put_field(loader->info, 0, 4, INFO_ROOM + 1);
    assert_refused(loader, "multiboot2: the information, 0x4001 bytes at 0x10000, is unreadable");
    assert_int_equal(parse_at(loader, 0x200), STATUS_INVALID);
    assert_string_equal(loader->error.text, "multiboot2: the information at 0x200 is unreadable");
    assert_int_equal(parse_at(loader, INFO + 4), STATUS_INVALID);
    assert_string_equal(loader->error.text,
                        "multiboot2: the information at 0x10004 is not on an 8-byte boundary");
}

static void the_end_tag_is_needed(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader); /* total: 0x48 */
    assert_refused(loader, "multiboot2: no end tag before the end of the information (0x48 bytes)");
    add_tag(loader, 4, 13); /* whose padding reaches past the end */
    assert_refused(loader, "multiboot2: no end tag before the end of the information (0x55 bytes)");
    add_tag(loader, 0, 12);
    assert_refused(loader, "multiboot2: the end tag at offset 0x58 has size 0xc; 0x8 is allowed");
    put_field(loader->info, 0x5c, 4, 8);
    assert_taken(loader); /* what follows it within the total size is no matter */
}

static void tags_past_the_end(void **state)
{
    struct loader *loader = *state;
    uint8_t *tag;

    add_string(loader, 1, "the guest's name is long");
    tag = add_usual_map(loader);
    add_end(loader);
    assert_taken(loader);
    put_field(tag, 4, 4, 0x9999);
    assert_refused(loader, "multiboot2: tag 6 at offset 0x30 has size 0x9999, past the end of the "
                           "information (0x78 bytes)");
    put_field(tag, 4, 4, 0xffffffff);
    assert_refused(loader, "multiboot2: tag 6 at offset 0x30 has size 0xffffffff, past the end of "
                           "the information (0x78 bytes)");
    put_field(tag, 4, 4, 7);
    assert_refused(loader, "multiboot2: tag 6 at offset 0x30 has size 0x7; at least 0x8 is needed");
    put_field(tag, 4, 4, 0);
    assert_refused(loader, "multiboot2: tag 6 at offset 0x30 has size 0x0; at least 0x8 is needed");
}

static void tags_too_short_for_what_they_hold(void **state)
{
    static const struct {
        uint32_t type, size;
        const char *sentence;
    } cases[] = {
        {1, 8, "multiboot2: tag 1 at offset 0x8 has size 0x8; at least 0x9 is needed"},
        {2, 8, "multiboot2: tag 2 at offset 0x8 has size 0x8; at least 0x9 is needed"},
        {3, 16, "multiboot2: tag 3 at offset 0x8 has size 0x10; at least 0x11 is needed"},
        {6, 15, "multiboot2: tag 6 at offset 0x8 has size 0xf; at least 0x10 is needed"},
        {8, 30, "multiboot2: tag 8 at offset 0x8 has size 0x1e; at least 0x1f is needed"},
        {14, 27, "multiboot2: tag 14 at offset 0x8 has size 0x1b; at least 0x1c is needed"},
        {15, 43, "multiboot2: tag 15 at offset 0x8 has size 0x2b; at least 0x2c is needed"},
    };
    struct loader *loader = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        loader->total = 8;
        add_tag(loader, cases[i].type, cases[i].size);
        add_end(loader);
        assert_refused(loader, cases[i].sentence);
    }
}

static void tags_that_come_twice(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    add_usual_map(loader);
    add_end(loader);
    assert_refused(loader, "multiboot2: tag 6 at offset 0x48 is there a second time");

    loader->total = 8;
    add_string(loader, 1, "one");
    add_string(loader, 1, "two");
    add_end(loader);
    assert_refused(loader, "multiboot2: tag 1 at offset 0x18 is there a second time");
}

static void no_memory_map(void **state)
{
    struct loader *loader = *state;

    add_tag(loader, 4, 16);
    add_end(loader);
    assert_refused(loader, "multiboot2: no memory map (tag 6)");
    loader->total = 8;
    add_map(loader, 24, usual_map, 0);
    add_end(loader);
    assert_refused(loader, "multiboot2: no usable memory in a memory map of 0 ranges");
}

static void shapes_of_the_memory_map(void **state)
{
    struct loader *loader = *state;
    uint8_t *tag = add_map(loader, 40, usual_map, 2);

    add_end(loader);
    assert_taken(loader); /* larger entries, of a later edition */
    assert_range(&loader->machine, 1, 0x100000, 0x7ee0000, MEMORY_USABLE);
    put_field(tag, 12, 4, 1);
    assert_refused(loader, "multiboot2: the memory map's entry version is 1; 0 is allowed");
    put_field(tag, 12, 4, 0);
    put_field(tag, 8, 4, 0);
    assert_refused(loader, "multiboot2: the memory map's entry size is 0; multiples of 8 from 24 "
                           "on are allowed");
    put_field(tag, 8, 4, 20);
    assert_refused(loader, "multiboot2: the memory map's entry size is 20; multiples of 8 from 24 "
                           "on are allowed");
    put_field(tag, 8, 4, 28);
    assert_refused(loader, "multiboot2: the memory map's entry size is 28; multiples of 8 from 24 "
                           "on are allowed");
    put_field(tag, 8, 4, 48);
    assert_refused(loader, "multiboot2: the memory map's 0x50 bytes are no whole number of 48-byte "
                           "entries");
}

static void ranges(void **state)
{
    struct range map[MACHINE_MAX_RANGES + 1];
    struct loader *loader = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
        map[i] = (struct range){i * 0x2000ull, 0x1000, 1};
    }
    add_map(loader, 24, map, MACHINE_MAX_RANGES);
    add_end(loader);
    assert_taken(loader);
    assert_int_equal(loader->machine.range_count, 256);

    loader->total = 8;
    add_map(loader, 24, map, ARRAY_SIZE(map));
    add_end(loader);
    assert_refused(loader, "multiboot2: the memory map has more than 256 ranges, there is no room "
                           "for entry 256 at 0x200000");

    loader->total = 8;
    map[1] = (struct range){0x8000000000000000, 0x8000000000000000, 2};
    add_map(loader, 24, map, 2);
    add_end(loader);
    assert_refused(loader, "multiboot2: memory map entry 1, 0x8000000000000000 bytes at "
                           "0x8000000000000000, runs past the end of the address space");
}

static void strings_must_end_in_their_tag(void **state)
{
    struct loader *loader = *state;
    uint8_t *tag = add_string(loader, 2, "GRUB");

    add_usual_map(loader);
    add_end(loader);
    assert_taken(loader);
    put_field(tag, 4, 4, 12); /* the tag now ends before the NUL, which is still there */
    assert_refused(loader, "multiboot2: the string of tag 2 at offset 0x8 has no end within the "
                           "tag's 0xc bytes");

    loader->total = 8;
    tag = add_module(loader, 0, 1, "name");
    tag[20] = 'x';
    add_end(loader);
    assert_refused(loader, "multiboot2: the string of tag 3 at offset 0x8 has no end within the "
                           "tag's 0x15 bytes");
}

static void a_command_line_fits_or_is_refused(void **state)
{
    struct loader *loader = *state;
    char line[1025];

    memset(line, 'x', sizeof(line));
    line[1024] = '\0';
    add_usual_map(loader);
    add_string(loader, 1, line);
    add_end(loader);
    assert_refused(loader, "multiboot2: the command line has 1024 bytes, 1023 are allowed");
    loader->total = 8;
    line[1023] = '\0';
    add_usual_map(loader);
    add_string(loader, 1, line);
    add_end(loader);
    assert_taken(loader);
    assert_string_equal(loader->machine.command_line, line);
}

static void modules(void **state)
{
    struct loader *loader = *state;

    add_usual_map(loader);
    for (unsigned i = 0; i < MACHINE_MAX_MODULES; i++) {
        add_module(loader, 0x1000 * i, 0x1000 * i + i, "m");
    }
    add_end(loader);
    assert_taken(loader);
    assert_int_equal(loader->machine.module_count, 8);
    assert_int_equal(loader->machine.modules[0].length, 0);
    assert_int_equal(loader->machine.modules[7].base.value, 0x7000);
    assert_int_equal(loader->machine.modules[7].length, 7);

    loader->total -= 8;
    add_module(loader, 0, 1, "one more");
    add_end(loader);
    assert_refused(loader, "multiboot2: more than 8 modules");

    loader->total = 8;
    add_module(loader, 0x2000, 0x1fff, "backwards");
    add_end(loader);
    assert_refused(loader, "multiboot2: module 0 ends at 0x1fff, before its start 0x2000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(grub_on_bios),
        TEST(grub_on_uefi),
        TEST(the_newer_rsdp_wins_in_either_order),
        TEST(each_efi_tag_tells_of_efi),
        TEST(active_boot_services_are_refused),
        TEST(the_whole_information),
        TEST(the_end_tag_is_needed),
        TEST(tags_past_the_end),
        TEST(tags_too_short_for_what_they_hold),
        TEST(tags_that_come_twice),
        TEST(no_memory_map),
        TEST(shapes_of_the_memory_map),
        TEST(ranges),
        TEST(strings_must_end_in_their_tag),
        TEST(a_command_line_fits_or_is_refused),
        TEST(modules),
    };

    return cmocka_run_group_tests_name("multiboot2", tests, NULL, NULL);
}
