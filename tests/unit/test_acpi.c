/* SPDX-License-Identifier: BSD-2-Clause */
/* The ACPI reader, on tables of the shapes that Bochs, QEMU and servers have, and on broken ones.
 */
#include "kernel/acpi.h"
#include "tests/fake_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Where firmware puts things: the BIOS area, and tables high up. */
#define BIOS        0xe0000
#define BIOS_LENGTH 0x20000
#define EBDA        0x9fc00
#define TABLES      0x7fe0000
#define TABLES_ROOM 0x8000

#define RSDP 0xf59e0
#define ROOT (TABLES + 0x100)
#define XSDT (TABLES + 0x200)
#define FADT (TABLES + 0x400)
#define MADT (TABLES + 0x800)
#define HPET (TABLES + 0x2000)
#define DSDT (TABLES + 0x3000)

struct firmware {
    struct fake_memory memory;
    uint8_t *bios, *ebda, *tables;
    struct machine machine;
    struct acpi acpi;
    struct acpi_error error;
};

static int start(void **state)
{
    struct firmware *firmware = calloc(1, sizeof(*firmware));

    fake_memory_start(&firmware->memory);
    firmware->bios = fake_memory_add(&firmware->memory, BIOS, BIOS_LENGTH);
    firmware->ebda = fake_memory_add(&firmware->memory, EBDA, 0x400);
    firmware->tables = fake_memory_add(&firmware->memory, TABLES, TABLES_ROOM);
    *state = firmware;
    return 0;
}

static int end(void **state)
{
    struct firmware *firmware = *state;

    fake_memory_end(&firmware->memory);
    free(firmware);
    return 0;
}

/* --- Builders
 * -------------------------------------------------------------------------------------- */

/* Sets the byte at `at` so that `length` bytes add up to 0. */
static void fix_sum(uint8_t *bytes, size_t length, size_t at)
{
    uint8_t sum = 0;

    bytes[at] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)-sum;
}

static void make_rsdp(uint8_t *rsdp, unsigned revision, uint32_t rsdt, uint64_t xsdt)
{
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "BOCHS ", 6);
    rsdp[15] = (uint8_t)revision;
    put_field(rsdp, 16, 4, rsdt);
    fix_sum(rsdp, 20, 8);
    if (revision >= 2) {
        put_field(rsdp, 20, 4, 36);
        put_field(rsdp, 24, 8, xsdt);
        fix_sum(rsdp, 36, 32);
    }
}

static uint8_t *table_at(struct firmware *firmware, uint32_t address)
{
    return firmware->tables + (address - TABLES);
}

static uint32_t table_length(const uint8_t *table)
{
    uint32_t length;

    memcpy(&length, table + 4, 4);
    return length;
}

static void seal(uint8_t *table)
{
    fix_sum(table, table_length(table), 9);
}

static uint8_t *make_table(struct firmware *firmware, uint32_t address, const char *signature,
                           uint32_t length, unsigned revision)
{
    uint8_t *table = table_at(firmware, address);

    memset(table, 0, length);
    memcpy(table, signature, 4);
    put_field(table, 4, 4, length);
    table[8] = (uint8_t)revision;
    memcpy(table + 10, "BOCHS BXPC    ", 14);
    seal(table);
    return table;
}

static uint8_t *make_root(struct firmware *firmware, uint32_t address, unsigned width,
                          const uint64_t *entries, unsigned count)
{
    uint8_t *root =
        make_table(firmware, address, width == 8 ? "XSDT" : "RSDT", 36 + count * width, 1);

    for (unsigned i = 0; i < count; i++) {
        put_field(root, 36 + i * width, width, entries[i]);
    }
    seal(root);
    return root;
}

static uint8_t *make_dsdt(struct firmware *firmware, const void *aml, uint32_t length)
{
    uint8_t *dsdt = make_table(firmware, DSDT, "DSDT", 36 + 64 + length, 1);

    memset(dsdt + 36, 0x5b, 64); /* something before it */
    memcpy(dsdt + 36 + 64, aml, length);
    seal(dsdt);
    return dsdt;
}

/* The fields of an ACPI 1.0 table, as Bochs and QEMU's PC machine have them. */
static uint8_t *make_fadt(struct firmware *firmware, uint32_t length, unsigned revision)
{
    uint8_t *fadt = make_table(firmware, FADT, "FACP", length, revision);

    put_field(fadt, 40, 4, DSDT);
    put_field(fadt, 46, 2, 9);
    put_field(fadt, 48, 4, 0xb2);
    put_field(fadt, 52, 1, 0xf1);
    put_field(fadt, 53, 1, 0xf0);
    put_field(fadt, 56, 4, 0xb000);
    put_field(fadt, 64, 4, 0xb004);
    put_field(fadt, 76, 4, 0xb008);
    put_field(fadt, 88, 1, 4);
    put_field(fadt, 89, 1, 2);
    put_field(fadt, 91, 1, 4);
    put_field(fadt, 112, 4, 0x80a5);
    seal(fadt);
    return fadt;
}

static uint8_t *make_madt(struct firmware *firmware)
{
    uint8_t *madt = make_table(firmware, MADT, "APIC", 44, 3);

    put_field(madt, 36, 4, 0xfee00000);
    put_field(madt, 40, 4, 1);
    seal(madt);
    return madt;
}

static void add_entry(uint8_t *madt, const void *bytes, uint32_t length)
{
    uint32_t at = table_length(madt);

    memcpy(madt + at, bytes, length);
    put_field(madt, 4, 4, at + length);
    seal(madt);
}

static void add_local_apic(uint8_t *madt, uint8_t id, uint8_t flags)
{
    add_entry(madt, (uint8_t[]){0, 8, 0x55, id, flags, 0, 0, 0}, 8);
}

static void add_x2apic(uint8_t *madt, uint32_t id, uint8_t flags)
{
    uint8_t entry[16] = {9, 16};

    put_field(entry, 4, 4, id);
    put_field(entry, 8, 1, flags);
    put_field(entry, 12, 4, 0x66);
    add_entry(madt, entry, sizeof(entry));
}

static const uint8_t usual_s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0};

/* A whole machine as of ACPI 1.0; tests break parts of it. */
static void make_old_machine(struct firmware *firmware)
{
    make_rsdp(firmware->bios + (RSDP - BIOS), 0, ROOT, 0);
    make_root(firmware, ROOT, 4, (uint64_t[]){FADT, HPET, MADT}, 3);
    make_fadt(firmware, 116, 1);
    make_dsdt(firmware, usual_s5, sizeof(usual_s5));
    make_table(firmware, HPET, "HPET", 56, 1);
    add_local_apic(make_madt(firmware), 0, 1);
}

/* One as of ACPI 2.0 and later: an XSDT beside the RSDT, generic addresses in the FADT. */
static uint8_t *make_new_machine(struct firmware *firmware)
{
    uint8_t *fadt;

    make_old_machine(firmware);
    make_rsdp(firmware->bios + (RSDP - BIOS), 2, ROOT, XSDT);
    make_root(firmware, XSDT, 8, (uint64_t[]){FADT, MADT}, 2);
    fadt = make_fadt(firmware, 244, 3);
    put_field(fadt, 112, 4, 0x84a5 | 1 << 8); /* RESET_REG_SUP, TMR_VAL_EXT */
    memcpy(fadt + 116, (uint8_t[]){1, 8, 0, 1, 0xf9, 0x0c}, 6);
    fadt[128] = 0x0f;
    put_field(fadt, 140, 8, DSDT);
    memcpy(fadt + 172, (uint8_t[]){1, 16, 0, 2, 0x04, 0x06}, 6);
    memcpy(fadt + 208, (uint8_t[]){1, 32, 0, 3, 0x08, 0x06}, 6);
    seal(fadt);
    return fadt;
}

/* --- What is asserted
 * ------------------------------------------------------------------------------ */

static enum status parse(struct firmware *firmware, uint64_t ebda)
{
    memset(&firmware->acpi, 0xa5, sizeof(firmware->acpi));
    memset(&firmware->error, 0xa5, sizeof(firmware->error));
    return acpi_parse(&firmware->machine, HPA(ebda), &firmware->memory.reader, &firmware->acpi,
                      &firmware->error);
}

static void assert_taken(struct firmware *firmware)
{
    enum status status = parse(firmware, 0);

    assert_string_equal(firmware->error.text, "");
    assert_int_equal(status, STATUS_OK);
}

static void assert_refused(struct firmware *firmware, enum status status, const char *sentence)
{
    assert_int_equal(parse(firmware, 0), status);
    assert_string_equal(firmware->error.text, sentence);
}

static void assert_register(const struct acpi_register *found, uint8_t space, uint8_t width,
                            uint64_t address)
{
    assert_int_equal(found->space, space);
    assert_int_equal(found->width, width);
    assert_int_equal(found->address, address);
}

static void assert_processor(const struct acpi *acpi, unsigned i, uint32_t id, bool enabled,
                             bool online_capable, bool x2apic)
{
    assert_in_range(i, 0, acpi->processor_count - 1);
    assert_int_equal(acpi->processors[i].apic_id, id);
    assert_int_equal(acpi->processors[i].enabled, enabled);
    assert_int_equal(acpi->processors[i].online_capable, online_capable);
    assert_int_equal(acpi->processors[i].x2apic, x2apic);
}

/* --- Whole machines
 * -------------------------------------------------------------------------------- */

static void bochs(void **state)
{
    struct firmware *firmware = *state;
    const struct acpi *acpi = &firmware->acpi;

    make_old_machine(firmware);
    assert_taken(firmware);
    assert_int_equal(acpi->revision, 0);
    assert_string_equal(acpi->oem, "BOCHS");
    assert_int_equal(acpi->root.value, ROOT);
    assert_false(acpi->root_is_xsdt);
    assert_int_equal(acpi->table_count, 3);
    assert_int_equal(acpi->bad_tables, 0);
    assert_true(acpi->fadt_found);
    assert_int_equal(acpi->fadt_revision, 1);
    assert_int_equal(acpi->smi_command, 0xb2);
    assert_int_equal(acpi->acpi_enable, 0xf1);
    assert_register(&acpi->pm1a_control, 1, 16, 0xb004);
    assert_register(&acpi->pm1b_control, 0, 0, 0);
    assert_register(&acpi->pm_timer, 1, 32, 0xb008);
    assert_register(&acpi->reset, 0, 0, 0);
    assert_false(acpi->pm_timer_32bit);
    assert_false(acpi->reset_supported);
    assert_true(acpi->s5_found);
    assert_int_equal(acpi->s5_type_a, 0);
    assert_int_equal(acpi->s5_type_b, 0);
    assert_true(acpi->madt_found);
    assert_int_equal(acpi->local_apic, 0xfee00000);
    assert_int_equal(acpi->processor_count, 1);
    assert_processor(acpi, 0, 0, true, false, false);
    assert_int_equal(acpi->processors_dropped, 0);
}

static void uefi(void **state)
{
    struct firmware *firmware = *state;
    const struct acpi *acpi = &firmware->acpi;

    make_new_machine(firmware);
    memcpy(firmware->machine.rsdp, firmware->bios + (RSDP - BIOS), 36);
    firmware->machine.rsdp_length = 36;
    memset(firmware->bios, 0, BIOS_LENGTH);
    assert_taken(firmware);
    assert_int_equal(acpi->revision, 2);
    assert_int_equal(acpi->root.value, XSDT);
    assert_true(acpi->root_is_xsdt);
    assert_int_equal(acpi->table_count, 2);
    assert_int_equal(acpi->fadt_revision, 3);
    assert_register(&acpi->pm1a_control, 1, 16, 0x604);
    assert_register(&acpi->pm1b_control, 0, 0, 0);
    assert_register(&acpi->pm_timer, 1, 32, 0x608);
    assert_true(acpi->pm_timer_32bit);
    assert_true(acpi->reset_supported);
    assert_register(&acpi->reset, 1, 8, 0xcf9);
    assert_int_equal(acpi->reset_value, 0x0f);
    assert_true(acpi->s5_found);
    assert_int_equal(acpi->processor_count, 1);
}

/* --- The RSDP
 * -------------------------------------------------------------------------------------- */

static void the_rsdp_is_searched_in_both_areas(void **state)
{
    struct firmware *firmware = *state;

    assert_refused(firmware, STATUS_NOT_FOUND, "no RSDP in 0xe0000 to 0xfffff");
    assert_int_equal(parse(firmware, EBDA), STATUS_NOT_FOUND);
    assert_string_equal(firmware->error.text,
                        "no RSDP in the first KiB at 0x9fc00 nor in 0xe0000 to 0xfffff");

    make_old_machine(firmware);
    memset(firmware->bios, 0, BIOS_LENGTH);
    make_rsdp(firmware->ebda + 0x3e0, 0, ROOT, 0);
    assert_int_equal(parse(firmware, EBDA), STATUS_OK);
    assert_refused(firmware, STATUS_NOT_FOUND, "no RSDP in 0xe0000 to 0xfffff");

    /* The last place of the area holds an old one, though not a new one. */
    make_rsdp(firmware->bios + BIOS_LENGTH - 32, 0, ROOT, 0);
    assert_taken(firmware);
    memset(firmware->bios, 0, BIOS_LENGTH);
    make_rsdp(firmware->bios + 8, 0, ROOT, 0); /* on no 16-byte boundary */
    assert_refused(firmware, STATUS_NOT_FOUND, "no RSDP in 0xe0000 to 0xfffff");

    memset(firmware->bios, 0, BIOS_LENGTH);
    make_rsdp(firmware->tables, 0, ROOT, 0);
    memcpy(firmware->bios + BIOS_LENGTH - 16, firmware->tables, 16); /* the rest would lie beyond */
    assert_refused(firmware, STATUS_INVALID, "the RSDP at 0xffff0 is unreadable");
    firmware->memory.pieces[0].length = 0x123; /* areas that cannot be read hold none */
    assert_refused(firmware, STATUS_NOT_FOUND, "no RSDP in 0xe0000 to 0xfffff");
}

static void a_stale_rsdp_does_not_hide_a_good_one(void **state)
{
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    make_rsdp(firmware->bios + 0x100, 0, 0x1234, 0);
    firmware->bios[0x100 + 16]++;
    assert_taken(firmware);

    firmware->bios[RSDP - BIOS + 16]++;
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDP at 0xf59e0 has a wrong checksum: its first 20 bytes add up to "
                   "0x1");
    make_rsdp(firmware->ebda, 0, ROOT, 0);
    firmware->ebda[10]++;
    memset(firmware->bios, 0, BIOS_LENGTH);
    assert_int_equal(parse(firmware, EBDA), STATUS_INVALID);
    assert_string_equal(firmware->error.text, "the RSDP at 0x9fc00 has a wrong checksum: its "
                                              "first 20 bytes add up to 0x1");
}

static void the_newer_part_of_the_rsdp_is_checked_too(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *rsdp = firmware->bios + (RSDP - BIOS);

    make_new_machine(firmware);
    rsdp[33] = 1;
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDP at 0xf59e0 has length 36, its 36 bytes add up to 0x1; 36 and 0 "
                   "are allowed");
    rsdp[33] = 0;
    put_field(rsdp, 20, 4, 0x100);
    fix_sum(rsdp, 36, 32);
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDP at 0xf59e0 has length 256, its 36 bytes add up to 0x0; 36 and 0 "
                   "are allowed");
}

static void the_loaders_copy_is_checked(void **state)
{
    struct firmware *firmware = *state;

    make_new_machine(firmware);
    memcpy(firmware->machine.rsdp, firmware->bios + (RSDP - BIOS), 36);
    firmware->machine.rsdp_length = 20; /* a new one, cut to an old one: the RSDT it is */
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.revision, 2);
    assert_false(firmware->acpi.root_is_xsdt);

    firmware->machine.rsdp[0] = 'r';
    assert_refused(firmware, STATUS_INVALID, "the RSDP from the loader has no \"RSD PTR \"");
}

static void the_oem_is_printable(void **state)
{
    static const struct {
        char raw[7];
        const char *shown;
    } cases[] = {{"BOCHS ", "BOCHS"},
                 {"      ", ""},
                 {"ALASKA", "ALASKA"},
                 {"A B C ", "A B C"},
                 {"\x01\"\n\xff z", "?\"?? z"}};
    struct firmware *firmware = *state;
    uint8_t *rsdp = firmware->bios + (RSDP - BIOS);

    make_old_machine(firmware);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        memcpy(rsdp + 9, cases[i].raw, 6);
        fix_sum(rsdp, 20, 8);
        assert_taken(firmware);
        assert_string_equal(firmware->acpi.oem, cases[i].shown);
    }
}

/* --- The root table
 * -------------------------------------------------------------------------------- */

static void a_broken_xsdt_leaves_the_rsdt(void **state)
{
    struct firmware *firmware = *state;

    make_new_machine(firmware);
    table_at(firmware, XSDT)[36]++;
    assert_taken(firmware);
    assert_false(firmware->acpi.root_is_xsdt);
    assert_int_equal(firmware->acpi.root.value, ROOT);
    assert_int_equal(firmware->acpi.bad_tables, 1);
    assert_true(firmware->acpi.fadt_found);

    make_rsdp(firmware->bios + (RSDP - BIOS), 2, 0, XSDT);
    assert_refused(firmware, STATUS_INVALID,
                   "the XSDT at 0x7fe0200 has a wrong checksum: its 0x34 bytes add up to "
                   "0x1");
    make_rsdp(firmware->bios + (RSDP - BIOS), 2, ROOT, 0); /* no XSDT is no fault */
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.bad_tables, 0);
}

static void a_root_table_that_breaks_its_rules(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *root = table_at(firmware, ROOT);

    make_old_machine(firmware);
    memcpy(root, "RS\"\x01", 4);
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDT at 0x7fe0100 has the signature \"RS\\\"\\x01\"");
    memcpy(root, "RSDT", 4);
    root[40]++;
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDT at 0x7fe0100 has a wrong checksum: its 0x30 bytes add up to "
                   "0x1");
    put_field(root, 4, 4, 35);
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDT at 0x7fe0100 has length 0x23; 0x24 to 0x1000000 are allowed");
    put_field(root, 4, 4, 0xfffffff0);
    assert_refused(firmware, STATUS_INVALID,
                   "the RSDT at 0x7fe0100 has length 0xfffffff0; 0x24 to 0x1000000 are allowed");
    put_field(root, 4, 4, TABLES_ROOM);
    assert_refused(firmware, STATUS_INVALID, "the RSDT, 0x8000 bytes at 0x7fe0100, is unreadable");

    make_rsdp(firmware->bios + (RSDP - BIOS), 0, 0xfffffff0, 0);
    assert_refused(firmware, STATUS_INVALID, "the RSDT at 0xfffffff0 is unreadable");
    make_rsdp(firmware->bios + (RSDP - BIOS), 1, 0, 0);
    assert_refused(firmware, STATUS_INVALID, "the RSDP, revision 1, names no RSDT and no XSDT");
}

static void an_empty_root_is_no_fault(void **state)
{
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    make_root(firmware, ROOT, 4, NULL, 0);
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.table_count, 0);
    assert_false(firmware->acpi.fadt_found);
    assert_false(firmware->acpi.madt_found);
}

static void broken_tables_are_counted_and_skipped(void **state)
{
    struct firmware *firmware = *state;
    struct acpi *acpi = &firmware->acpi;
    uint8_t *spare;

    make_old_machine(firmware);
    table_at(firmware, FADT)[60]++;                /* a wrong checksum */
    fake_memory_add(&firmware->memory, 0, 0x1000); /* at 0 there is no table, readable or not */
    make_root(firmware, ROOT, 4, (uint64_t[]){FADT, 0, 0xfffffffc, MADT, ROOT}, 5);
    assert_taken(firmware);
    assert_int_equal(acpi->table_count, 5);
    assert_int_equal(acpi->bad_tables, 3);
    assert_false(acpi->fadt_found);
    assert_int_equal(acpi->pm_timer.address, 0);
    assert_true(acpi->madt_found);

    table_at(firmware, MADT)[40]++;
    assert_taken(firmware);
    assert_int_equal(acpi->bad_tables, 4);
    assert_false(acpi->madt_found);
    assert_int_equal(acpi->processor_count, 0);

    /* A good one after a bad one counts, and the first of two good ones. */
    spare = table_at(firmware, HPET);
    memcpy(spare, table_at(firmware, FADT), 116);
    put_field(spare, 76, 4, 0x1234);
    seal(spare);
    make_root(firmware, ROOT, 4, (uint64_t[]){FADT, HPET}, 2);
    assert_taken(firmware);
    assert_int_equal(acpi->bad_tables, 1);
    assert_int_equal(acpi->pm_timer.address, 0x1234);
    seal(table_at(firmware, FADT));
    assert_taken(firmware);
    assert_int_equal(acpi->bad_tables, 0);
    assert_int_equal(acpi->pm_timer.address, 0xb008);
}

/* --- The FADT and the DSDT
 * ------------------------------------------------------------------------- */

static void generic_addresses_of_zero_leave_the_ports(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *fadt = make_new_machine(firmware);

    memset(fadt + 172, 0, 12);
    memset(fadt + 208, 0, 12);
    put_field(fadt, 68, 4, 0xb104);
    put_field(fadt, 140, 8, 0);
    seal(fadt);
    assert_taken(firmware);
    assert_register(&firmware->acpi.pm1a_control, 1, 16, 0xb004);
    assert_register(&firmware->acpi.pm1b_control, 1, 16, 0xb104);
    assert_register(&firmware->acpi.pm_timer, 1, 32, 0xb008);
    assert_true(firmware->acpi.s5_found);
}

static void a_reset_register_needs_its_flag_and_its_bytes(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *fadt = make_new_machine(firmware);

    put_field(fadt, 112, 4, 0x80a5);
    seal(fadt);
    assert_taken(firmware);
    assert_false(firmware->acpi.reset_supported);
    assert_int_equal(firmware->acpi.reset.address, 0);

    put_field(fadt, 112, 4, 1 << 10);
    put_field(fadt, 4, 4, 128); /* ends before RESET_VALUE */
    seal(fadt);
    assert_taken(firmware);
    assert_false(firmware->acpi.reset_supported);
    put_field(fadt, 4, 4, 129);
    seal(fadt);
    assert_taken(firmware);
    assert_true(firmware->acpi.reset_supported);
    put_field(fadt, 120, 8, 0);
    seal(fadt);
    assert_taken(firmware);
    assert_false(firmware->acpi.reset_supported);
}

static void a_fadt_of_a_header_alone(void **state)
{
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    make_table(firmware, FADT, "FACP", 36, 1);
    assert_taken(firmware);
    assert_true(firmware->acpi.fadt_found);
    assert_int_equal(firmware->acpi.pm_timer.address, 0);
    assert_false(firmware->acpi.s5_found);
    assert_int_equal(firmware->acpi.bad_tables, 0);
}

static void a_dsdt_that_is_none(void **state)
{
    static const uint64_t addresses[] = {FADT, 0xfffffff0, TABLES + TABLES_ROOM - 20};
    struct firmware *firmware = *state;
    uint8_t *fadt = make_new_machine(firmware);

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        put_field(fadt, 140, 8, addresses[i]);
        seal(fadt);
        assert_taken(firmware);
        assert_true(firmware->acpi.fadt_found);
        assert_false(firmware->acpi.s5_found);
        assert_int_equal(firmware->acpi.bad_tables, 1);
    }
    put_field(fadt, 140, 8, DSDT);
    seal(fadt);
    table_at(firmware, DSDT)[50]++;
    assert_taken(firmware);
    assert_false(firmware->acpi.s5_found);
    assert_int_equal(firmware->acpi.bad_tables, 1);
}

#define S5 '_', 'S', '5', '_'

static void sleep_types_in_all_their_encodings(void **state)
{
    static const struct {
        uint8_t aml[32];
        uint32_t length;
        uint8_t a, b;
    } cases[] = {
        {{0x08, S5, 0x12, 6, 4, 0, 0, 0, 0}, 12, 0, 0},
        {{0x08, S5, 0x12, 6, 4, 1, 1, 0, 0}, 12, 1, 1},
        {{0x08, S5, 0x12, 8, 4, 0x0a, 5, 0x0a, 7, 0, 0}, 14, 5, 7},
        {{0x08, S5, 0x12, 7, 4, 0x0a, 7, 0, 0, 0}, 13, 7, 0},
        {{0x08, S5, 0x12, 8, 2, 0x0b, 3, 0, 0x0b, 4, 0}, 14, 3, 4},
        {{0x08, S5, 0x12, 12, 2, 0x0c, 6, 0, 0, 0, 0x0c, 2, 0, 0, 0}, 18, 6, 2},
        {{0x08, 0x5c, S5, 0x12, 6, 4, 1, 0, 0, 0}, 13, 1, 0},
        {{0x08, S5, 0x12, 0x47, 0x00, 4, 1, 0, 0, 0}, 13, 1, 0},             /* two-byte length */
        {{0x08, S5, 0x12, 0xc9, 0x00, 0x00, 0x00, 4, 1, 1, 0, 0}, 15, 1, 1}, /* four-byte length */
        {{0x08, S5, 0x12, 0x44, 0x01, 4, 0x0a, 5, 0x0a, 6}, 26, 5, 6},       /* 20 bytes */
        /* A mention that defines nothing, then the definition. */
        {{0x70, S5, 0x60, 0x08, S5, 0x12, 5, 2, 0x0a, 2, 1}, 17, 2, 1},
    };
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_dsdt(firmware, cases[i].aml, cases[i].length);
        assert_taken(firmware);
        assert_true(firmware->acpi.s5_found);
        assert_int_equal(firmware->acpi.s5_type_a, cases[i].a);
        assert_int_equal(firmware->acpi.s5_type_b, cases[i].b);
    }
}

static void sleep_types_that_cannot_be_understood(void **state)
{
    static const struct {
        uint8_t aml[24];
        uint32_t length;
    } cases[] = {
        {{0}, 0},
        {{S5}, 4},
        {{0x08, S5}, 5},
        {{0x08, S5, 0x12}, 6},
        {{0x08, S5, 0x12, 6}, 7},
        {{0x08, S5, 0x12, 6, 4, 0, 0}, 10},             /* the package ends beyond the table */
        {{0x08, S5, 0x12, 3, 4, 0, 0, 0, 0}, 12},       /* the second lies beyond the package */
        {{0x08, S5, 0x12, 0, 4, 0, 0, 0, 0}, 12},       /* a length without its own byte */
        {{0x08, S5, 0x12, 0xc0}, 7},                    /* a length that is cut */
        {{0x08, S5, 0x12, 6, 1, 0, 0, 0, 0}, 12},       /* one element alone */
        {{0x08, S5, 0x12, 7, 4, 0x0a, 8, 0, 0, 0}, 13}, /* SLP_TYP has three bits */
        {{0x08, S5, 0x12, 7, 4, 0, 0x0b, 1, 1, 0}, 13},
        {{0x08, S5, 0x12, 6, 4, 0xff, 0, 0, 0}, 12}, /* Ones */
        {{0x08, S5, 0x12, 4, 2, 0, 0x0b, 1}, 11},    /* a word that is cut */
        {{0x08, S5, 0x13, 6, 4, 0, 0, 0, 0}, 12},    /* a package of variable length */
        {{0x14, S5, 0x12, 6, 4, 0, 0, 0, 0}, 12},    /* a method */
    };
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_dsdt(firmware, cases[i].aml, cases[i].length);
        assert_taken(firmware);
        assert_false(firmware->acpi.s5_found);
        assert_int_equal(firmware->acpi.bad_tables, 0);
    }
}

static void a_name_at_the_very_start_of_the_dsdt(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *dsdt;

    make_old_machine(firmware);
    dsdt = make_table(firmware, DSDT, "DSDT", 36 + 11, 1);
    dsdt[35] = 0x08; /* the header's last byte is no NameOp */
    memcpy(dsdt + 36, usual_s5 + 1, 11);
    seal(dsdt);
    assert_taken(firmware);
    assert_false(firmware->acpi.s5_found);
}

/* --- The MADT
 * -------------------------------------------------------------------------------------- */

static void processors(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *madt;

    make_old_machine(firmware);
    madt = make_madt(firmware);
    add_local_apic(madt, 0, 1);
    add_entry(madt, (uint8_t[]){1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}, 12); /* I/O APIC */
    add_local_apic(madt, 2, 1);
    add_local_apic(madt, 4, 0);
    add_local_apic(madt, 6, 2);
    add_local_apic(madt, 0xff, 0);
    add_entry(madt, (uint8_t[]){2, 10, 0, 0, 2, 0, 0, 0, 0, 0}, 10);
    add_x2apic(madt, 0x100, 1);
    add_x2apic(madt, 0x102, 2);
    add_x2apic(madt, 0xffffffff, 0);
    add_entry(madt, (uint8_t[]){4, 6, 0xff, 0, 0, 1}, 6);
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.processor_count, 6);
    assert_processor(&firmware->acpi, 0, 0, true, false, false);
    assert_processor(&firmware->acpi, 1, 2, true, false, false);
    assert_processor(&firmware->acpi, 2, 4, false, false, false);
    assert_processor(&firmware->acpi, 3, 6, false, true, false);
    assert_processor(&firmware->acpi, 4, 0x100, true, false, true);
    assert_processor(&firmware->acpi, 5, 0x102, false, true, true);
    assert_int_equal(firmware->acpi.bad_tables, 0);
}

static void a_processor_that_is_listed_twice_is_one(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *madt;

    make_old_machine(firmware);
    madt = make_madt(firmware);
    add_local_apic(madt, 0, 1);
    add_local_apic(madt, 1, 2);
    add_local_apic(madt, 0, 0); /* an empty socket that firmware gave the identifier 0 */
    add_x2apic(madt, 0, 1);
    add_x2apic(madt, 1, 1);
    add_x2apic(madt, 2, 1);
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.processor_count, 3);
    assert_processor(&firmware->acpi, 0, 0, true, false, true);
    assert_processor(&firmware->acpi, 1, 1, true, false, true);
    assert_processor(&firmware->acpi, 2, 2, true, false, true);
}

static void the_local_apics_address_may_be_overridden(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *madt;

    make_old_machine(firmware);
    madt = make_madt(firmware);
    add_entry(madt, (uint8_t[]){5, 12, 0, 0, 0x00, 0x00, 0xe0, 0xfe, 0x0f, 0, 0, 0}, 12);
    add_entry(madt, (uint8_t[]){5, 11, 0, 0, 1, 1, 1, 1, 1, 1, 1},
              11); /* too short for an address */
    assert_taken(firmware);
    assert_true(firmware->acpi.local_apic == 0xffee00000);
}

static void entries_whose_length_cannot_be(void **state)
{
    static const uint8_t lengths[] = {0, 1, 9, 255};
    struct firmware *firmware = *state;
    uint8_t *madt;

    make_old_machine(firmware);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        madt = make_madt(firmware);
        add_local_apic(madt, 7, 1);
        add_entry(madt, (uint8_t[]){0, lengths[i], 0, 8, 1, 0, 0, 0}, 8);
        assert_taken(firmware);
        assert_true(firmware->acpi.madt_found);
        assert_int_equal(firmware->acpi.processor_count, 1);
        assert_processor(&firmware->acpi, 0, 7, true, false, false);
        assert_int_equal(firmware->acpi.bad_tables, 1);
    }
    /* Were a length of 1 stepped over, what follows would look like an entry. */
    madt = make_madt(firmware);
    add_entry(madt, (uint8_t[]){0, 1, 8, 0, 0, 0, 0, 0, 0}, 9);
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.bad_tables, 1);
    /* Too short for its type, but a length: stepped over. A single byte at the end: broken. */
    madt = make_madt(firmware);
    add_entry(madt, (uint8_t[]){0, 7, 0, 1, 1, 0, 0}, 7);
    add_entry(madt, (uint8_t[]){9, 12, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, 12);
    add_local_apic(madt, 3, 1);
    add_entry(madt, (uint8_t[]){0}, 1);
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.processor_count, 1);
    assert_processor(&firmware->acpi, 0, 3, true, false, false);
    assert_int_equal(firmware->acpi.bad_tables, 1);
}

static void a_madt_without_processors(void **state)
{
    struct firmware *firmware = *state;

    make_old_machine(firmware);
    make_table(firmware, MADT, "APIC", 36, 1);
    assert_taken(firmware);
    assert_true(firmware->acpi.madt_found);
    assert_int_equal(firmware->acpi.processor_count, 0);
    assert_int_equal(firmware->acpi.local_apic, 0);
    assert_int_equal(firmware->acpi.bad_tables, 0);
}

static void processors_beyond_the_room_are_counted(void **state)
{
    struct firmware *firmware = *state;
    uint8_t *madt;

    make_old_machine(firmware);
    madt = make_madt(firmware);
    for (unsigned i = 0; i < ACPI_MAX_PROCESSORS + 3; i++) {
        add_x2apic(madt, i * 2, 1);
    }
    add_x2apic(madt, 510, 1); /* the last that has room, again */
    assert_taken(firmware);
    assert_int_equal(firmware->acpi.processor_count, 256);
    assert_int_equal(firmware->acpi.processors_dropped, 3);
    assert_processor(&firmware->acpi, 255, 510, true, false, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(bochs),
        TEST(uefi),
        TEST(the_rsdp_is_searched_in_both_areas),
        TEST(a_stale_rsdp_does_not_hide_a_good_one),
        TEST(the_newer_part_of_the_rsdp_is_checked_too),
        TEST(the_loaders_copy_is_checked),
        TEST(the_oem_is_printable),
        TEST(a_broken_xsdt_leaves_the_rsdt),
        TEST(a_root_table_that_breaks_its_rules),
        TEST(an_empty_root_is_no_fault),
        TEST(broken_tables_are_counted_and_skipped),
        TEST(generic_addresses_of_zero_leave_the_ports),
        TEST(a_reset_register_needs_its_flag_and_its_bytes),
        TEST(a_fadt_of_a_header_alone),
        TEST(a_dsdt_that_is_none),
        TEST(sleep_types_in_all_their_encodings),
        TEST(sleep_types_that_cannot_be_understood),
        TEST(a_name_at_the_very_start_of_the_dsdt),
        TEST(processors),
        TEST(a_processor_that_is_listed_twice_is_one),
        TEST(the_local_apics_address_may_be_overridden),
        TEST(entries_whose_length_cannot_be),
        TEST(a_madt_without_processors),
        TEST(processors_beyond_the_room_are_counted),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
