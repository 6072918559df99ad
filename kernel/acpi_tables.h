/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the ACPI reader: one table that was found whole, and what is read from each
 * kind. Private to kernel/acpi*.c.
 */
#ifndef KERNEL_ACPI_TABLES_H
#define KERNEL_ACPI_TABLES_H

#include "kernel/acpi.h"
#include "kernel/string.h"

/* ACPI Specification 6.5, "DESCRIPTION_HEADER Fields". */
#define ACPI_HEADER_LENGTH   36
#define ACPI_HEADER_REVISION 8

/* No table is larger in earnest; a wrong length shall not make us sum up gigabytes. */
#define ACPI_LARGEST_TABLE UINT32_C(0x1000000)

/* A table, all of whose bytes can be read and add up to 0. */
struct acpi_table {
    hpa_t address;
    const uint8_t *bytes;
    uint32_t length; /* at least that of the header */
};

/*
 * A little-endian field of 1 to 8 bytes; 0 where the table is too short to hold it, which is how an
 * older revision says that it has none.
 */
static inline uint64_t acpi_field(const struct acpi_table *table, uint32_t offset, uint32_t width)
{
    uint64_t value = 0;

    if (offset <= table->length && width <= table->length - offset) {
        memcpy(&value, table->bytes + offset, width);
    }
    return value;
}

static inline uint8_t acpi_sum(const uint8_t *bytes, uint32_t length)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum;
}

/*
 * The table at `address`: readable, with the `signature` of four letters, a length that can be and
 * a right checksum. Else STATUS_INVALID, with a sentence.
 */
enum status acpi_open_table(const struct physical_reader *reader, hpa_t address,
                            const char *signature, struct acpi_table *table,
                            struct acpi_error *error) NODISCARD;

/* Each fills its part of `acpi`; the FADT leads on to the DSDT, which may be counted as bad. */
void acpi_read_fadt(const struct physical_reader *reader, const struct acpi_table *fadt,
                    struct acpi *acpi);
void acpi_read_madt(const struct acpi_table *madt, struct acpi *acpi);

/* The two sleep types of \_S5_ in a DSDT; false where it has none that can be understood. */
bool acpi_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b);

/* Root System Description Pointer, as far as we need it. */
struct acpi_rsdp {
    unsigned revision;
    char oem[7];
    hpa_t rsdt, xsdt; /* 0: there is none */
};

/* As acpi_parse() tells: the machine's copy, else the BIOS's areas. */
enum status acpi_find_rsdp(const struct machine *machine, hpa_t ebda,
                           const struct physical_reader *reader, struct acpi_rsdp *rsdp,
                           struct acpi_error *error) NODISCARD;

#endif
