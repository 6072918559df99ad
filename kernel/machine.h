/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as the boot loader described it: one description, whether Multiboot 1 or 2 brought
 * it. Everything is copied out of the loader's structures, which may be overwritten afterwards.
 */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "kernel/types.h"

#define MACHINE_MAX_RANGES  256
#define MACHINE_MAX_MODULES 8

/* Values as in the BIOS's E820 map and in both Multiboot maps. */
enum memory_type {
    MEMORY_USABLE = 1,
    MEMORY_RESERVED = 2,
    MEMORY_ACPI_RECLAIMABLE = 3,
    MEMORY_ACPI_NVS = 4,
    MEMORY_BAD = 5,
};

struct memory_range {
    hpa_t base;
    uint64_t length; /* bytes, never 0 */
    enum memory_type type;
};

/* A file that the loader put into memory for us, such as a guest's image. */
struct boot_module {
    hpa_t base;
    uint64_t length; /* bytes; 0 for an empty file */
    char name[64];   /* its command line in GRUB, cut to fit */
};

#define FRAMEBUFFER_TEXT 2 /* type: EGA text */

struct framebuffer {
    hpa_t base; /* 0 where there is none */
    uint32_t pitch, width, height;
    uint8_t bits_per_pixel, type; /* type as in Multiboot: 0 indexed, 1 RGB, 2 EGA text */
};

struct machine {
    unsigned multiboot; /* 1 or 2 */
    bool efi;           /* booted by UEFI firmware, as far as the loader tells */
    char loader[64];    /* the boot loader's own name */
    char command_line[1024];
    struct memory_range ranges[MACHINE_MAX_RANGES]; /* as given: any order, may overlap */
    unsigned range_count;
    struct boot_module modules[MACHINE_MAX_MODULES];
    unsigned module_count;
    struct framebuffer framebuffer;
    uint8_t rsdp[36];     /* a copy of the ACPI RSDP, from Multiboot 2 */
    unsigned rsdp_length; /* bytes of it: 0 where none came, 20 (revision 0) or 36 */
};

#endif
