/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the image's physical place. */
#include "kernel/image.h"

#define LOAD_BASE UINT64_C(0x100000)

/* In start.asm. */
extern const char boot_pml4[];
void image_move(uint64_t to, uint64_t from, uint64_t length, uint64_t tables);

static uint64_t image_base = LOAD_BASE;

hpa_t image_physical(void)
{
    return HPA(image_base);
}

uint64_t image_length(void)
{
    return (uint64_t)image_end - (uint64_t)image_start;
}

hpa_t hpa_of(const volatile void *pointer)
{
    uint64_t address = (uint64_t)pointer;

    if (address >= (uint64_t)image_start) {
        return HPA(address - (uint64_t)image_start + image_base);
    }
    return HPA(address);
}

void image_relocate(hpa_t place)
{
    uint64_t from = image_base;

    /* Written before the copy, so that the copy already knows where it is. */
    image_base = place.value;
    image_move(place.value, from, image_length(), (uint64_t)boot_pml4 - (uint64_t)image_start);
}
