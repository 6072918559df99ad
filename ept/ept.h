/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second level of paging: guest-physical to host-physical. Policy only; the walker is
 * kernel/pagetable.h's. SDM vol. 3C, "The Extended Page-Table Mechanism (EPT)".
 *
 * What was changed holds on every processor after ept_settle() of ept/invalidate.h, and not before.
 * Pages that are mapped where nothing was, and rights that are added, hold at once.
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "kernel/memory.h"
#include "kernel/pagerun.h"
#include "kernel/pagetable.h"
#include "kernel/status.h"
#include "kernel/types.h"

#define EPT_READ         BIT(0)
#define EPT_WRITE        BIT(1)
#define EPT_EXECUTE      BIT(2) /* with mode-based execute control: in supervisor mode */
#define EPT_RWX          (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_MEMORY       BITS(5, 3) /* of a leaf: the memory type */
#define EPT_IGNORE_PAT   BIT(6)     /* of a leaf: the guest's PAT does not count */
#define EPT_LEAF         BIT(7)     /* above level 1 */
#define EPT_ACCESSED     BIT(8)
#define EPT_DIRTY        BIT(9)  /* of a leaf */
#define EPT_EXECUTE_USER BIT(10) /* with mode-based execute control */
#define EPT_SUPPRESS_VE  BIT(63) /* of a leaf, or of an entry that is not present */

#define EPT_TYPE_UC 0
#define EPT_TYPE_WC 1
#define EPT_TYPE_WT 4
#define EPT_TYPE_WP 5
#define EPT_TYPE_WB 6

#define EPTP_MEMORY BITS(2, 0)
#define EPTP_WALK   BITS(5, 3) /* walk length less 1 */
#define EPTP_AD     BIT(6)     /* accessed and dirty flags */

struct ept {
    struct pt_format format;
    struct table_memory tables;
    struct page_table table;
    bool execute_only; /* a page may be fetched from, and not read */
};

/* What a processor's EPT can do, as far as building tables goes. */
struct ept_abilities {
    unsigned largest_leaf;   /* 1, 2 or 3: 4 KiB, 2 MiB, 1 GiB */
    unsigned physical_width; /* bits */
    unsigned walk_length;    /* 4 or 5; 0 is 4 */
    bool accessed_dirty;
    bool write_back; /* tables may be WB, else they are UC */
    bool execute_only;
    bool mode_based; /* mode-based execute control is on */
};

/* Makes an empty space; its tables come from the page allocator. STATUS_NO_MEMORY. */
enum status ept_init(struct ept *ept, const struct ept_abilities *abilities) NODISCARD;

/* Makes an empty space one for mode-based execute control: EPT_EXECUTE_USER is a right there. */
void ept_use_modes(struct ept *ept);

/*
 * These change a range of whole pages, as pt_map() and its like do; they say what each failure
 * leaves. STATUS_INVALID: not aligned; beyond the space, which ends with the processor's physical
 * addresses or, if that is less, with what the levels select; rights or a type that the processor
 * would take for a misconfiguration; no rights at all. STATUS_NO_MEMORY.
 */

/* Maps `length` bytes with `rights` (EPT_READ and so on) and memory type `type`. */
enum status ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                    unsigned type) NODISCARD;

enum status ept_unmap(struct ept *ept, gpa_t gpa, uint64_t length) NODISCARD;

/* Of what is mapped in the range; all else about it stays. */
enum status ept_set_rights(struct ept *ept, gpa_t gpa, uint64_t length, uint64_t rights) NODISCARD;
enum status ept_set_type(struct ept *ept, gpa_t gpa, uint64_t length, unsigned type) NODISCARD;

/* Whether a violation there causes a VM exit although the "EPT-violation #VE" control is on. Of
 * what is mapped in the range; elsewhere, and in what is mapped anew, it is #VE. */
enum status ept_suppress_ve(struct ept *ept, gpa_t gpa, uint64_t length, bool suppress) NODISCARD;

/* Makes pages in the range no larger than those of `level`, and as large as they can be again. */
enum status ept_split(struct ept *ept, gpa_t gpa, uint64_t length, unsigned level) NODISCARD;
enum status ept_join(struct ept *ept, gpa_t gpa, uint64_t length) NODISCARD;

/* Walks one guest-physical address, reading only. */
struct pt_walk ept_walk(struct ept *ept, gpa_t gpa);

/* A stretch of the space that is mapped evenly, whatever pages it is made of. */
struct ept_run {
    gpa_t from, to; /* the last byte */
    bool present;
    hpa_t hpa; /* all that follows: where present */
    uint64_t rights;
    unsigned type;
    bool ignore_pat;
    bool accessed, dirty; /* some page of it */
    unsigned level;       /* of the page at `from` */
    uint64_t pages[4];    /* by level: of 4 KiB in [1], 2 MiB in [2], 1 GiB in [3] */
};

/* Is told of one run; false ends it. */
typedef bool ept_visitor(void *context, const struct ept_run *run);

/* Tells of everything that is mapped, in order, and costs what is mapped. STATUS_INVALID: a table
 * cannot be read. */
enum status ept_for_each(const struct ept *ept, ept_visitor *visitor, void *context) NODISCARD;

/* What stands at `gpa`, and how far it goes on in the `length` bytes from there: pt_query(). */
enum status ept_query(const struct ept *ept, gpa_t gpa, uint64_t length,
                      struct ept_run *run) NODISCARD;

/* The bytes of the space. */
uint64_t ept_size(const struct ept *ept);

/* Gives every table back; not the pages that they map. No processor uses the space any more. */
void ept_destroy(struct ept *ept);

/* The EPT pointer for the VMCS. */
uint64_t ept_pointer(const struct ept *ept, const struct ept_abilities *abilities);

#endif
