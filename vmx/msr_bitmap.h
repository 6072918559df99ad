/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of MSR bitmaps: reads of low and of high MSRs, then writes of them, 1 KiB each. A bit
 * that is 1 lets the access exit; outside both ranges, each access does. Pure. SDM vol. 3C,
 * "MSR-Bitmap Address".
 */
#ifndef VMX_MSR_BITMAP_H
#define VMX_MSR_BITMAP_H

#include "kernel/types.h"

#define MSR_BITMAP_RANGE  UINT32_C(0x2000) /* MSRs in each */
#define MSR_BITMAP_HIGH   UINT32_C(0xC0000000)
#define MSR_BITMAP_WRITES 2048 /* bytes into the page */

/* The byte of an MSR's reads; NULL: it is in neither range. Its writes are MSR_BITMAP_WRITES on. */
static inline uint8_t *msr_bitmap_at(void *bitmap, uint32_t msr)
{
    bool high = msr >= MSR_BITMAP_HIGH;
    uint32_t number = high ? msr - MSR_BITMAP_HIGH : msr;

    return number < MSR_BITMAP_RANGE ? (uint8_t *)bitmap + (high ? 1024 : 0) + number / 8 : NULL;
}

static inline bool msr_bitmap_exits(void *bitmap, uint32_t msr, bool write)
{
    const uint8_t *at = msr_bitmap_at(bitmap, msr);

    return at == NULL || at[write ? MSR_BITMAP_WRITES : 0] >> msr % 8 & 1;
}

static inline void msr_bitmap_set(void *bitmap, uint32_t msr, bool write, bool exits)
{
    uint8_t *at = msr_bitmap_at(bitmap, msr);
    unsigned bit = 1U << msr % 8;

    if (at != NULL) {
        at += write ? MSR_BITMAP_WRITES : 0;
        *at = (uint8_t)(exits ? *at | bit : *at & ~bit);
    }
}

#endif
