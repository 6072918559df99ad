/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second level of paging: guest-physical to host-physical. Policy only; the walker is
 * kernel/pagetable.c. SDM vol. 3C, "The Extended Page-Table Mechanism (EPT)".
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "kernel/memory.h"
#include "kernel/pagetable.h"
#include "kernel/status.h"
#include "kernel/types.h"

#define EPT_READ         BIT(0)
#define EPT_WRITE        BIT(1)
#define EPT_EXECUTE      BIT(2)
#define EPT_RWX          (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_MEMORY       BITS(5, 3) /* of a leaf: the memory type */
#define EPT_LEAF         BIT(7)     /* above level 1 */
#define EPT_ACCESSED     BIT(8)
#define EPT_DIRTY        BIT(9)  /* of a leaf */
#define EPT_EXECUTE_USER BIT(10) /* with mode-based execute control */

#define EPT_TYPE_UC 0
#define EPT_TYPE_WB 6

#define EPTP_MEMORY BITS(2, 0)
#define EPTP_WALK   BITS(5, 3) /* walk length less 1 */
#define EPTP_AD     BIT(6)     /* accessed and dirty flags */

struct ept {
    struct pt_format format;
    struct table_memory tables;
    struct page_table table;
};

/* What a processor's EPT can do, as far as building tables goes. */
struct ept_abilities {
    unsigned largest_leaf;   /* 1, 2 or 3: 4 KiB, 2 MiB, 1 GiB */
    unsigned physical_width; /* bits */
    bool accessed_dirty;
    bool write_back; /* tables may be WB, else they are UC */
};

/* Makes an empty space; its tables come from the page allocator. STATUS_NO_MEMORY. */
enum status ept_init(struct ept *ept, const struct ept_abilities *abilities) NODISCARD;

/* Maps `length` bytes (whole pages) with `rights` (EPT_READ and so on) and memory type `type`.
 * STATUS_INVALID: not aligned, or beyond the space; STATUS_NO_MEMORY. The caller invalidates. */
enum status ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                    unsigned type) NODISCARD;

/* Walks one guest-physical address, reading only. */
struct pt_walk ept_walk(struct ept *ept, gpa_t gpa);

/* Gives every table back; not the pages that they map. */
void ept_destroy(struct ept *ept);

/* The EPT pointer for the VMCS: walk length 4. */
uint64_t ept_pointer(const struct ept *ept, const struct ept_abilities *abilities);

#endif
