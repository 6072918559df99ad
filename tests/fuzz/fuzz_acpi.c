/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes at all that firmware may leave in memory give a description that keeps its own rules,
 * or a sentence. The input is one piece of memory at BASE, the last KiB of the BIOS's area, in
 * which the RSDP is searched and to which the tables' addresses lead. Its first byte, which is not
 * part of the piece, chooses what is mended, since no random bytes ever add up right: the checksum
 * of every place that looks like a table, or those of the RSDP alone, or nothing; and whether the
 * RSDP comes as the loader's copy.
 */
#include "kernel/acpi.h"
#include "tests/fake_memory.h"

/* As in the corpus. The piece reaches beyond the BIOS's area, and must cover what it has of it. */
#define BASE    0xffc00
#define LONGEST 4096

#define CHOICE_MEND_TABLES 0x01
#define CHOICE_MEND_RSDP   0x02
#define CHOICE_LOADER      0x04
#define CHOICE_EBDA        0x08

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Sets the byte at `at` so that `length` bytes add up to 0. */
static void mend(uint8_t *bytes, size_t length, size_t at)
{
    uint8_t sum = 0;

    bytes[at] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)-sum;
}

static void mend_rsdps(uint8_t *piece, size_t size)
{
    for (size_t at = 0; at + 36 <= size; at += 16) {
        if (memcmp(piece + at, "RSD PTR ", 8) == 0) {
            mend(piece + at, 20, 8);
            mend(piece + at, 36, 32);
        }
    }
}

static void mend_tables(uint8_t *piece, size_t size)
{
    static const char *const signatures[] = {"RSDT", "XSDT", "FACP", "APIC", "DSDT"};

    for (size_t at = 0; at + 36 <= size; at += 4) {
        for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
            uint32_t length;

            memcpy(&length, piece + at + 4, 4);
            if (memcmp(piece + at, signatures[i], 4) == 0 && length >= 36 && length <= size - at) {
                mend(piece + at, length, 9);
            }
        }
    }
}

static void check_acpi(const struct acpi *acpi)
{
    check(strnlen(acpi->oem, sizeof(acpi->oem)) < sizeof(acpi->oem));
    check(acpi->root.value != 0);
    check(acpi->bad_tables <= acpi->table_count + 3); /* the XSDT, a DSDT, the rest of a MADT */
    check(acpi->fadt_found || (!acpi->s5_found && !acpi->reset_supported));
    check(!acpi->reset_supported || acpi->reset.address != 0);
    check(!acpi->s5_found || (acpi->s5_type_a <= 7 && acpi->s5_type_b <= 7));
    check(acpi->processor_count <= ACPI_MAX_PROCESSORS);
    check(acpi->madt_found || acpi->processor_count == 0);
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        check(!acpi->processors[i].enabled || !acpi->processors[i].online_capable);
        for (unsigned j = 0; j < i; j++) {
            check(acpi->processors[i].apic_id != acpi->processors[j].apic_id);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine machine; /* of which the RSDP alone is looked at */
    struct fake_memory memory;
    struct acpi acpi;
    struct acpi_error error;
    enum status status;
    uint8_t *piece, choice;

    if (size < 37 || size > LONGEST) {
        return 0;
    }
    choice = data[0];
    fake_memory_start(&memory);
    piece = fake_memory_add(&memory, BASE, size - 1);
    memcpy(piece, data + 1, size - 1);
    if ((choice & (CHOICE_MEND_TABLES | CHOICE_MEND_RSDP)) != 0) {
        mend_rsdps(piece, size - 1);
    }
    if ((choice & CHOICE_MEND_TABLES) != 0) {
        mend_tables(piece, size - 1);
    }
    memcpy(machine.rsdp, piece, 36);
    machine.rsdp_length = (choice & CHOICE_LOADER) == 0 ? 0 : size % 2 == 0 ? 20 : 36;
    memset(&acpi, 0xa5, sizeof(acpi));
    memset(&error, 0xa5, sizeof(error));
    status = acpi_parse(&machine, HPA((choice & CHOICE_EBDA) != 0 ? BASE : 0), &memory.reader,
                        &acpi, &error);
    check(strnlen(error.text, sizeof(error.text)) < sizeof(error.text) - 1);
    if (status == STATUS_OK) {
        check(error.text[0] == '\0');
        check_acpi(&acpi);
    } else {
        check(status == STATUS_INVALID || status == STATUS_NOT_FOUND);
        check(strncmp(error.text, "the ", 4) == 0 || strncmp(error.text, "no RSDP ", 8) == 0);
    }
    fake_memory_end(&memory);
    return 0;
}
