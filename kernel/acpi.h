/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the ACPI tables that Lintel needs: FADT (PM timer, power off, reset) and MADT (processors).
 * Pure, like the Multiboot reader. ACPI Specification 6.5, "ACPI Software Programming Model".
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include "kernel/machine.h"
#include "kernel/physical.h"
#include "kernel/status.h"

#define ACPI_MAX_PROCESSORS 256

struct acpi_processor {
    uint32_t apic_id;
    bool enabled;        /* usable now */
    bool online_capable; /* not enabled, but could be: left alone */
    bool x2apic;         /* named by a Processor Local x2APIC structure */
};

/* A register as the Generic Address Structure or a plain port in the FADT names it. */
struct acpi_register {
    uint8_t space;    /* 0 system memory, 1 system I/O, 2 PCI configuration */
    uint8_t width;    /* bits */
    uint64_t address; /* 0: there is none */
};

struct acpi {
    unsigned revision; /* of the RSDP */
    char oem[7];       /* OEM identifier, printable, without trailing spaces */
    hpa_t root;        /* RSDT or XSDT */
    bool root_is_xsdt;
    unsigned table_count; /* entries in the root table */
    unsigned bad_tables;  /* unreadable, or with a wrong checksum: skipped */

    bool fadt_found;
    unsigned fadt_revision;
    uint32_t smi_command; /* port; 0: ACPI mode is always on */
    uint8_t acpi_enable;  /* value for smi_command */
    struct acpi_register pm1a_control, pm1b_control, pm_timer, reset;
    uint8_t reset_value;
    bool pm_timer_32bit;          /* else 24 bits count */
    bool reset_supported;         /* FADT flag RESET_REG_SUP */
    bool s5_found;                /* _S5_ was found in the DSDT */
    uint8_t s5_type_a, s5_type_b; /* SLP_TYPa, SLP_TYPb */

    bool madt_found;
    uint64_t local_apic; /* host-physical; the 64-bit override taken into account */
    struct acpi_processor processors[ACPI_MAX_PROCESSORS];
    unsigned processor_count;
    unsigned processors_dropped; /* named beyond ACPI_MAX_PROCESSORS */
};

struct acpi_error {
    char text[160];
};

/*
 * Fills `acpi`. The RSDP is the machine's copy where Multiboot 2 brought one, else it is searched
 * on 16-byte boundaries in the first KiB at `ebda` (host-physical; 0 where the BIOS names no
 * extended data area) and in E0000H–FFFFFH. Checksums of RSDP, root and every table that is used
 * are checked. STATUS_NOT_FOUND: no RSDP; STATUS_INVALID: an RSDP or root table that breaks its own
 * rules; both with a sentence. A single broken table is counted in bad_tables and skipped: the
 * machine still boots.
 */
enum status acpi_parse(const struct machine *machine, hpa_t ebda,
                       const struct physical_reader *reader, struct acpi *acpi,
                       struct acpi_error *error) NODISCARD;

#endif
