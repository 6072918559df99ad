/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the hypervisor's image is, and the only way from a pointer to a physical address and back.
 * The image is linked at one fixed high virtual address; all other memory is identity-mapped.
 */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include "kernel/machine.h"
#include "kernel/pages.h"
#include "kernel/status.h"
#include "kernel/types.h"

/* Set by the linker; the addresses are virtual. Boot code, text, rodata, data and BSS in order. */
extern const char image_start[], text_start[], text_end[], rodata_end[], image_end[];

/* The host-physical address of the byte at `pointer`, in the image or in identity-mapped memory. */
hpa_t hpa_of(const volatile void *pointer);

/* The pointer through which identity-mapped host-physical memory is reached. */
static inline void *pointer_to(hpa_t address)
{
    return (void *)address.value;
}

/* The image's host-physical range. */
hpa_t image_physical(void);
uint64_t image_length(void);

/*
 * Finds the highest place below 4 GiB for `length` bytes that is wholly usable memory, free of
 * `holes` and of every other range, and has the offset of 1 MiB in a 2 MiB page. Pure.
 * STATUS_NO_MEMORY: there is none.
 */
enum status image_place(const struct machine *machine, const struct page_hole *holes,
                        unsigned hole_count, uint64_t length, hpa_t *place) NODISCARD;

/* Moves the running image to `place`; pointers stay good. Needs the boot page tables. */
void image_relocate(hpa_t place);

#endif
