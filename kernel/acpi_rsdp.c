/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the Root System Description Pointer and reads it.
 * ACPI Specification 6.5, "Finding the RSDP on IA-PC Systems" and "RSDP Structure".
 */
#include "kernel/acpi_tables.h"
#include "kernel/format.h"

#define SIGNATURE        "RSD PTR " /* 8 bytes */
#define SIGNATURE_LENGTH 8

/* The first revision is 20 bytes long; what came with ACPI 2.0, 36. */
#define OLD_LENGTH 20
#define NEW_LENGTH 36

enum {
    RSDP_OEM = 9,
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,
};

#define SEARCH_STEP  16
#define EBDA_LENGTH  1024
#define BIOS_START   UINT64_C(0xe0000)
#define BIOS_END     UINT64_C(0x100000)
#define SEARCH_BLOCK 1024 /* what is asked from the reader at once */

static void read_oem(const uint8_t *bytes, char *oem)
{
    unsigned length = 6;

    for (unsigned i = 0; i < length; i++) {
        oem[i] = (char)(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
    }
    while (length != 0 && oem[length - 1] == ' ') {
        length--;
    }
    oem[length] = '\0';
}

/* Of `bytes`, OLD_LENGTH or NEW_LENGTH are there. `place` says in the sentence where they are. */
static enum status read_rsdp(const uint8_t *bytes, unsigned available, const char *place,
                             struct acpi_rsdp *rsdp, struct acpi_error *error)
{
    const struct acpi_table table = {.bytes = bytes, .length = available};
    uint8_t sum = acpi_sum(bytes, OLD_LENGTH);
    uint64_t length;

    if (memcmp(bytes, SIGNATURE, SIGNATURE_LENGTH) != 0) {
        format_text(error->text, sizeof(error->text), "the RSDP %s has no \"RSD PTR \"", place);
        return STATUS_INVALID;
    }
    if (sum != 0) {
        format_text(error->text, sizeof(error->text),
                    "the RSDP %s has a wrong checksum: its first %u bytes add up to 0x%x", place,
                    OLD_LENGTH, sum);
        return STATUS_INVALID;
    }
    rsdp->revision = bytes[RSDP_REVISION];
    rsdp->rsdt = HPA(acpi_field(&table, RSDP_RSDT, 4));
    rsdp->xsdt = HPA(0);
    read_oem(bytes + RSDP_OEM, rsdp->oem);
    /* A loader that knows the old structure alone cuts a newer one: its first part still holds. */
    if (rsdp->revision < 2 || available < NEW_LENGTH) {
        return STATUS_OK;
    }
    length = acpi_field(&table, RSDP_LENGTH, 4);
    sum = acpi_sum(bytes, NEW_LENGTH);
    if (length != NEW_LENGTH || sum != 0) {
        format_text(error->text, sizeof(error->text),
                    "the RSDP %s has length %lu, its %u bytes add up to 0x%x; %u and 0 are "
                    "allowed",
                    place, length, NEW_LENGTH, sum, NEW_LENGTH);
        return STATUS_INVALID;
    }
    rsdp->xsdt = HPA(acpi_field(&table, RSDP_XSDT, 8));
    return STATUS_OK;
}

static enum status read_candidate(const struct physical_reader *reader, hpa_t address,
                                  struct acpi_rsdp *rsdp, struct acpi_error *error)
{
    unsigned available = NEW_LENGTH;
    const uint8_t *bytes = physical_at(reader, address, NEW_LENGTH);
    char place[24];

    if (bytes == NULL) {
        available = OLD_LENGTH;
        bytes = physical_at(reader, address, OLD_LENGTH);
    }
    format_text(place, sizeof(place), "at 0x%lx", address.value);
    if (bytes == NULL) {
        format_text(error->text, sizeof(error->text), "the RSDP %s is unreadable", place);
        return STATUS_INVALID;
    }
    return read_rsdp(bytes, available, place, rsdp, error);
}

/*
 * STATUS_NOT_FOUND where nothing looks like an RSDP. One that does, but is broken, gives
 * STATUS_INVALID only if no better one follows: memory may hold a stale copy.
 */
static enum status search(const struct physical_reader *reader, uint64_t start, uint64_t end,
                          struct acpi_rsdp *rsdp, struct acpi_error *error)
{
    enum status status = STATUS_NOT_FOUND;

    for (uint64_t block = start; block < end; block += SEARCH_BLOCK) {
        const uint8_t *bytes = physical_at(reader, HPA(block), SEARCH_BLOCK);

        for (uint64_t i = 0; bytes != NULL && i < SEARCH_BLOCK; i += SEARCH_STEP) {
            if (bytes[i] != 'R' || memcmp(bytes + i, SIGNATURE, SIGNATURE_LENGTH) != 0) {
                continue;
            }
            status = read_candidate(reader, HPA(block + i), rsdp, error);
            if (status == STATUS_OK) {
                return STATUS_OK;
            }
        }
    }
    return status;
}

enum status acpi_find_rsdp(const struct machine *machine, hpa_t ebda,
                           const struct physical_reader *reader, struct acpi_rsdp *rsdp,
                           struct acpi_error *error)
{
    enum status in_ebda = STATUS_NOT_FOUND, in_bios;
    char searched[48] = "";

    if (machine->rsdp_length == OLD_LENGTH || machine->rsdp_length == NEW_LENGTH) {
        return read_rsdp(machine->rsdp, machine->rsdp_length, "from the loader", rsdp, error);
    }
    if (ebda.value != 0) {
        in_ebda = search(reader, ebda.value, ebda.value + EBDA_LENGTH, rsdp, error);
        if (in_ebda == STATUS_OK) {
            return STATUS_OK;
        }
        format_text(searched, sizeof(searched), "in the first KiB at 0x%lx nor ", ebda.value);
    }
    in_bios = search(reader, BIOS_START, BIOS_END, rsdp, error);
    if (in_bios == STATUS_NOT_FOUND && in_ebda == STATUS_NOT_FOUND) {
        format_text(error->text, sizeof(error->text), "no RSDP %sin 0x%lx to 0x%lx", searched,
                    BIOS_START, BIOS_END - 1);
    }
    return in_bios == STATUS_NOT_FOUND ? in_ebda : in_bios;
}
