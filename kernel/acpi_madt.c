/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MADT: which processors there are. Firmware may list one processor twice, as a Local APIC and
 * as a Local x2APIC, and empty sockets with identifiers that another has: each identifier is kept
 * once, enabled if any entry says so.
 * ACPI Specification 6.5, "Multiple APIC Description Table (MADT)".
 */
#include "kernel/acpi_tables.h"

enum {
    MADT_LOCAL_APIC = 36,
    MADT_ENTRIES = 44,
};

/* Interrupt controller structures: type, length, then what the type says. */
#define ENTRY_HEADER 2

enum entry_type {
    ENTRY_LOCAL_APIC = 0,
    ENTRY_LOCAL_APIC_ADDRESS_OVERRIDE = 5,
    ENTRY_LOCAL_X2APIC = 9,
};

#define LOCAL_APIC_LENGTH       8
#define ADDRESS_OVERRIDE_LENGTH 12
#define LOCAL_X2APIC_LENGTH     16

/* "Local APIC Flags". */
#define FLAG_ENABLED        BIT(0)
#define FLAG_ONLINE_CAPABLE BIT(1)

/* What firmware writes for a processor that is not there: the broadcast identifiers. */
#define NO_APIC   UINT32_C(0xff)
#define NO_X2APIC UINT32_C(0xffffffff)

static struct acpi_processor *find_processor(struct acpi *acpi, uint32_t apic_id)
{
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        if (acpi->processors[i].apic_id == apic_id) {
            return &acpi->processors[i];
        }
    }
    return NULL;
}

static void add_processor(struct acpi *acpi, uint32_t apic_id, uint64_t flags, bool x2apic)
{
    struct acpi_processor *processor = find_processor(acpi, apic_id);

    if (processor == NULL) {
        if (acpi->processor_count == ACPI_MAX_PROCESSORS) {
            acpi->processors_dropped++;
            return;
        }
        processor = &acpi->processors[acpi->processor_count++];
        processor->apic_id = apic_id;
    }
    processor->enabled = processor->enabled || (flags & FLAG_ENABLED) != 0;
    processor->online_capable =
        !processor->enabled && (processor->online_capable || (flags & FLAG_ONLINE_CAPABLE) != 0);
    processor->x2apic = processor->x2apic || x2apic;
}

/* An entry too short for its type is stepped over. */
static void read_entry(const struct acpi_table *madt, uint32_t at, uint32_t type, uint32_t length,
                       struct acpi *acpi)
{
    uint32_t id;

    switch (type) {
    case ENTRY_LOCAL_APIC:
        id = (uint32_t)acpi_field(madt, at + 3, 1);
        if (length >= LOCAL_APIC_LENGTH && id != NO_APIC) {
            add_processor(acpi, id, acpi_field(madt, at + 4, 4), false);
        }
        break;
    case ENTRY_LOCAL_X2APIC:
        id = (uint32_t)acpi_field(madt, at + 4, 4);
        if (length >= LOCAL_X2APIC_LENGTH && id != NO_X2APIC) {
            add_processor(acpi, id, acpi_field(madt, at + 8, 4), true);
        }
        break;
    case ENTRY_LOCAL_APIC_ADDRESS_OVERRIDE:
        if (length >= ADDRESS_OVERRIDE_LENGTH) {
            acpi->local_apic = acpi_field(madt, at + 4, 8);
        }
        break;
    default:
        break;
    }
}

void acpi_read_madt(const struct acpi_table *madt, struct acpi *acpi)
{
    uint32_t length;

    acpi->madt_found = true;
    acpi->local_apic = acpi_field(madt, MADT_LOCAL_APIC, 4);
    for (uint32_t at = MADT_ENTRIES; at < madt->length; at += length) {
        length = (uint32_t)acpi_field(madt, at + 1, 1);
        /* Behind a length that cannot be, nothing is known to be an entry: what came before stays.
         */
        if (length < ENTRY_HEADER || length > madt->length - at) {
            acpi->bad_tables++;
            break;
        }
        read_entry(madt, at, (uint32_t)acpi_field(madt, at, 1), length, acpi);
    }
}
