/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words that every room uses: addresses that cannot be mixed up, bits and fields.
 *
 * An address is a one-member structure, one type an address space, so that handing a guest-physical
 * address to something that wants a host-physical one does not compile. Passed by value, it costs
 * what an integer costs.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A host-physical address: what the memory bus sees. */
typedef struct hpa {
    uint64_t value;
} hpa_t;

/* A guest-physical address: what a guest takes for one; EPT translates it. */
typedef struct gpa {
    uint64_t value;
} gpa_t;

/* A guest-virtual (guest-linear) address: what a guest's instruction uses. */
typedef struct gva {
    uint64_t value;
} gva_t;

#define HPA(v) ((hpa_t){(v)})
#define GPA(v) ((gpa_t){(v)})
#define GVA(v) ((gva_t){(v)})

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)

#define BIT(n) (UINT64_C(1) << (n))
/* Bits high..low, both included, as the SDM writes them. */
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

#define FIELD_GET(mask, value) (((value) & (mask)) >> __builtin_ctzll(mask))
#define FIELD_PUT(mask, value) (((uint64_t)(value) << __builtin_ctzll(mask)) & (mask))

#define ALIGN_DOWN(value, alignment) ((value) & ~(-1 + (uint64_t)(alignment)))
#define ALIGN_UP(value, alignment)   ALIGN_DOWN(-1 + (value) + (alignment), alignment)
#define IS_ALIGNED(value, alignment) (((value) & (-1 + (uint64_t)(alignment))) == 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#define NODISCARD                __attribute__((warn_unused_result))
#define PACKED                   __attribute__((packed))

#endif
