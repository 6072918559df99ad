/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the RSDP to the root table, and from that to the tables that we read. The XSDT is preferred;
 * where it is broken, it is counted as a bad table and the RSDT serves instead.
 * ACPI Specification 6.5, "Root System Description Table (RSDT)" and "Extended System Description
 * Table (XSDT)".
 */
#include "kernel/acpi.h"
#include "kernel/acpi_tables.h"
#include "kernel/format.h"

#define SIGNATURE_LENGTH 4
#define HEADER_LENGTH_AT 4

enum status acpi_open_table(const struct physical_reader *reader, hpa_t address,
                            const char *signature, struct acpi_table *table,
                            struct acpi_error *error)
{
    const uint8_t *header = physical_at(reader, address, ACPI_HEADER_LENGTH);
    char found[4 * SIGNATURE_LENGTH + 1];
    uint8_t sum;

    *table = (struct acpi_table){.address = address, .bytes = header};
    if (header == NULL) {
        format_text(error->text, sizeof(error->text), "the %s at 0x%lx is unreadable", signature,
                    address.value);
        return STATUS_INVALID;
    }
    table->length = ACPI_HEADER_LENGTH;
    if (memcmp(header, signature, SIGNATURE_LENGTH) != 0) {
        format_escaped(found, sizeof(found), (const char *)header, SIGNATURE_LENGTH);
        format_text(error->text, sizeof(error->text), "the %s at 0x%lx has the signature \"%s\"",
                    signature, address.value, found);
        return STATUS_INVALID;
    }
    table->length = (uint32_t)acpi_field(table, HEADER_LENGTH_AT, 4);
    if (table->length < ACPI_HEADER_LENGTH || table->length > ACPI_LARGEST_TABLE) {
        format_text(error->text, sizeof(error->text),
                    "the %s at 0x%lx has length 0x%x; 0x%x to 0x%x are allowed", signature,
                    address.value, table->length, ACPI_HEADER_LENGTH, ACPI_LARGEST_TABLE);
        return STATUS_INVALID;
    }
    table->bytes = physical_at(reader, address, table->length);
    if (table->bytes == NULL) {
        format_text(error->text, sizeof(error->text), "the %s, 0x%x bytes at 0x%lx, is unreadable",
                    signature, table->length, address.value);
        return STATUS_INVALID;
    }
    sum = acpi_sum(table->bytes, table->length);
    if (sum != 0) {
        format_text(error->text, sizeof(error->text),
                    "the %s at 0x%lx has a wrong checksum: its 0x%x bytes add up to 0x%x",
                    signature, address.value, table->length, sum);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status open_root(const struct physical_reader *reader, const struct acpi_rsdp *rsdp,
                             struct acpi *acpi, struct acpi_table *root, struct acpi_error *error)
{
    if (rsdp->rsdt.value == 0 && rsdp->xsdt.value == 0) {
        format_text(error->text, sizeof(error->text),
                    "the RSDP, revision %u, names no RSDT and no XSDT", rsdp->revision);
        return STATUS_INVALID;
    }
    if (rsdp->xsdt.value != 0) {
        acpi->root_is_xsdt = true;
        if (acpi_open_table(reader, rsdp->xsdt, "XSDT", root, error) == STATUS_OK) {
            return STATUS_OK;
        }
        if (rsdp->rsdt.value == 0) {
            return STATUS_INVALID;
        }
        acpi->bad_tables++;
    }
    acpi->root_is_xsdt = false;
    return acpi_open_table(reader, rsdp->rsdt, "RSDT", root, error);
}

/*
 * One table that the root names. Tables of no use to us are looked at only as far as their header:
 * to sum up all that a firmware has to tell would take longer than the rest of our start.
 */
static void read_table(const struct physical_reader *reader, hpa_t address, struct acpi *acpi)
{
    const uint8_t *header =
        address.value == 0 ? NULL : physical_at(reader, address, ACPI_HEADER_LENGTH);
    struct acpi_error unused;
    struct acpi_table table;

    if (header == NULL) {
        acpi->bad_tables++;
    } else if (memcmp(header, "FACP", SIGNATURE_LENGTH) == 0 && !acpi->fadt_found) {
        if (acpi_open_table(reader, address, "FACP", &table, &unused) == STATUS_OK) {
            acpi_read_fadt(reader, &table, acpi);
        } else {
            acpi->bad_tables++;
        }
    } else if (memcmp(header, "APIC", SIGNATURE_LENGTH) == 0 && !acpi->madt_found) {
        if (acpi_open_table(reader, address, "APIC", &table, &unused) == STATUS_OK) {
            acpi_read_madt(&table, acpi);
        } else {
            acpi->bad_tables++;
        }
    }
}

enum status acpi_parse(const struct machine *machine, hpa_t ebda,
                       const struct physical_reader *reader, struct acpi *acpi,
                       struct acpi_error *error)
{
    struct acpi_rsdp rsdp;
    struct acpi_table root;
    uint32_t width;
    enum status status;

    memset(acpi, 0, sizeof(*acpi));
    error->text[0] = '\0';
    status = acpi_find_rsdp(machine, ebda, reader, &rsdp, error);
    if (status != STATUS_OK) {
        return status;
    }
    acpi->revision = rsdp.revision;
    memcpy(acpi->oem, rsdp.oem, sizeof(acpi->oem));
    if (open_root(reader, &rsdp, acpi, &root, error) != STATUS_OK) {
        return STATUS_INVALID;
    }
    error->text[0] = '\0'; /* a broken XSDT that the RSDT makes up for is none */
    acpi->root = root.address;
    width = acpi->root_is_xsdt ? 8 : 4;
    acpi->table_count = (root.length - ACPI_HEADER_LENGTH) / width;
    for (unsigned i = 0; i < acpi->table_count; i++) {
        read_table(reader, HPA(acpi_field(&root, ACPI_HEADER_LENGTH + i * width, width)), acpi);
    }
    return STATUS_OK;
}
