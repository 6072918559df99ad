/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FADT: where the PM timer, the power-off and the reset registers are. A register stands in it
 * twice, as a plain port and, from ACPI 2.0 on, as a generic address, which is taken where it is
 * there and not 0. ACPI Specification 6.5, "Fixed ACPI Description Table (FADT)".
 */
#include "kernel/acpi_tables.h"

/* Offsets of fields, the header's 36 bytes included. */
enum {
    FADT_DSDT = 40,
    FADT_SMI_CMD = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_CNT_BLK = 64,
    FADT_PM1B_CNT_BLK = 68,
    FADT_PM_TMR_BLK = 76,
    FADT_PM1_CNT_LEN = 89,
    FADT_PM_TMR_LEN = 91,
    FADT_FLAGS = 112,
    FADT_RESET_REG = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CNT_BLK = 172,
    FADT_X_PM1B_CNT_BLK = 184,
    FADT_X_PM_TMR_BLK = 208,
};

/* "Fixed ACPI Description Table Fixed Feature Flags". */
#define FLAG_TMR_VAL_EXT   BIT(8)
#define FLAG_RESET_REG_SUP BIT(10)

#define SPACE_SYSTEM_IO 1

/* "Generic Address Structure (GAS)": space, bit width, bit offset, access size, address. */
static struct acpi_register read_generic(const struct acpi_table *fadt, uint32_t offset)
{
    return (struct acpi_register){
        .space = (uint8_t)acpi_field(fadt, offset, 1),
        .width = (uint8_t)acpi_field(fadt, offset + 1, 1),
        .address = acpi_field(fadt, offset + 4, 8),
    };
}

/* The generic address at `generic`, else the plain port at `port` with its length in bytes. */
static struct acpi_register read_register(const struct acpi_table *fadt, uint32_t generic,
                                          uint32_t port, uint32_t length)
{
    struct acpi_register found = read_generic(fadt, generic);

    if (found.address != 0) {
        return found;
    }
    found.address = acpi_field(fadt, port, 4);
    if (found.address == 0) {
        return (struct acpi_register){0};
    }
    found.space = SPACE_SYSTEM_IO;
    found.width = (uint8_t)(acpi_field(fadt, length, 1) * 8);
    return found;
}

static void read_dsdt(const struct physical_reader *reader, const struct acpi_table *fadt,
                      struct acpi *acpi)
{
    uint64_t address = acpi_field(fadt, FADT_X_DSDT, 8);
    struct acpi_error unused;
    struct acpi_table dsdt;

    if (address == 0) {
        address = acpi_field(fadt, FADT_DSDT, 4);
    }
    if (address == 0) {
        return;
    }
    if (acpi_open_table(reader, HPA(address), "DSDT", &dsdt, &unused) != STATUS_OK) {
        acpi->bad_tables++;
        return;
    }
    acpi->s5_found = acpi_find_s5(&dsdt, &acpi->s5_type_a, &acpi->s5_type_b);
}

void acpi_read_fadt(const struct physical_reader *reader, const struct acpi_table *fadt,
                    struct acpi *acpi)
{
    uint64_t flags = acpi_field(fadt, FADT_FLAGS, 4);

    acpi->fadt_found = true;
    acpi->fadt_revision = fadt->bytes[ACPI_HEADER_REVISION];
    acpi->smi_command = (uint32_t)acpi_field(fadt, FADT_SMI_CMD, 4);
    acpi->acpi_enable = (uint8_t)acpi_field(fadt, FADT_ACPI_ENABLE, 1);
    acpi->pm1a_control =
        read_register(fadt, FADT_X_PM1A_CNT_BLK, FADT_PM1A_CNT_BLK, FADT_PM1_CNT_LEN);
    acpi->pm1b_control =
        read_register(fadt, FADT_X_PM1B_CNT_BLK, FADT_PM1B_CNT_BLK, FADT_PM1_CNT_LEN);
    acpi->pm_timer = read_register(fadt, FADT_X_PM_TMR_BLK, FADT_PM_TMR_BLK, FADT_PM_TMR_LEN);
    acpi->pm_timer_32bit = (flags & FLAG_TMR_VAL_EXT) != 0;
    if ((flags & FLAG_RESET_REG_SUP) != 0 && fadt->length > FADT_RESET_VALUE) {
        acpi->reset = read_generic(fadt, FADT_RESET_REG);
        acpi->reset_value = (uint8_t)acpi_field(fadt, FADT_RESET_VALUE, 1);
        acpi->reset_supported = acpi->reset.address != 0;
    }
    read_dsdt(reader, fadt, acpi);
}
