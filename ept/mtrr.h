/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory types that the MTRRs give to host-physical memory. With EPT, MTRRs no longer count for
 * a guest's accesses: the type in the EPT leaf does, so that the leaf must repeat what they say.
 * SDM vol. 3A, "Memory Type Range Registers (MTRRs)"; vol. 3C, "EPT and Memory Typing".
 *
 * What the SDM leaves open is settled on the safe side: ranges that overlap with types that it does
 * not combine are UC, and so is what has a reserved type, or lies beyond the processor's width. The
 * SMRRs are left out: outside SMM, what they cover cannot be reached whatever its type, and in SMM
 * no guest runs. Without MTRRs nothing says where memory ends and devices begin: all is WB, as a
 * hypervisor below that hides them has it.
 */
#ifndef EPT_MTRR_H
#define EPT_MTRR_H

#include "kernel/status.h"
#include "kernel/types.h"

/* Memory types, as MTRRs and EPT entries encode them; the others are reserved. */
#define MTRR_TYPE_UC 0U
#define MTRR_TYPE_WC 1U
#define MTRR_TYPE_WT 4U
#define MTRR_TYPE_WP 5U
#define MTRR_TYPE_WB 6U

#define MTRR_FIXED_REGISTERS 11
#define MTRR_FIXED_RANGES    (8 * MTRR_FIXED_REGISTERS)
#define MTRR_FIXED_END       MIB /* of what the fixed ranges cover, all of it */
/* Pairs that there is room for from MSR 200H on, before the fixed ones. Processors have 8 or 10. */
#define MTRR_MOST_VARIABLE 40

/* Of IA32_MTRRCAP. */
#define MTRRCAP_COUNT BITS(7, 0) /* variable ranges */
#define MTRRCAP_FIXED BIT(8)     /* there are fixed ranges */
/* Of IA32_MTRR_DEF_TYPE. */
#define MTRR_DEFAULT_TYPE  BITS(7, 0)
#define MTRR_DEFAULT_FIXED BIT(10) /* FE: the fixed ranges are enabled */
#define MTRR_DEFAULT_ON    BIT(11) /* E: MTRRs are enabled */
/* Of a variable range's pair. */
#define MTRR_BASE_TYPE  BITS(7, 0)
#define MTRR_MASK_VALID BIT(11)

/* The registers as RDMSR gives them. */
struct mtrr_registers {
    bool present;                         /* CPUID.01H:EDX[12]; if not, only the width counts */
    unsigned physical_width;              /* CPUID.80000008H:EAX[7:0] */
    uint64_t capability;                  /* IA32_MTRRCAP */
    uint64_t default_type;                /* IA32_MTRR_DEF_TYPE */
    uint64_t fixed[MTRR_FIXED_REGISTERS]; /* in the order of their addresses */
    uint64_t base[MTRR_MOST_VARIABLE];    /* IA32_MTRR_PHYSBASEn */
    uint64_t mask[MTRR_MOST_VARIABLE];    /* IA32_MTRR_PHYSMASKn */
};

/* A valid variable range: the addresses of which the bits in `mask` are those of `base`. */
struct mtrr_range {
    uint64_t base, mask; /* of the width's bits; base has none outside mask */
    uint8_t type;
    uint8_t number; /* n of its registers */
};

/* All that decides on a type. All zero: everything is UC. */
struct mtrrs {
    bool present, on; /* of a processor without MTRRs, or with them off, the rest says the same */
    bool fixed_on;
    uint8_t default_type;
    uint8_t width;
    uint8_t count;                    /* of `range` */
    uint8_t fixed[MTRR_FIXED_RANGES]; /* by address: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB */
    struct mtrr_range range[MTRR_MOST_VARIABLE];
};

/* Takes any values. */
void mtrr_decode(const struct mtrr_registers *registers, struct mtrrs *mtrrs);

/* The memory type of the byte at `hpa`, never a reserved one. */
unsigned mtrr_type(const struct mtrrs *mtrrs, hpa_t hpa);

/* Memory of one type. */
struct mtrr_run {
    unsigned type;
    uint64_t length;
};

/*
 * How far the type at `hpa` goes on, at most `length` bytes. Costs time by the number of ranges
 * that are passed, not by memory. What follows has another type, unless masks with holes made so
 * many pieces that the search was given up: then it may have the same. A page never has two types.
 */
struct mtrr_run mtrr_run(const struct mtrrs *mtrrs, hpa_t hpa, uint64_t length);

/* Whether the mask has holes, so that the range lies in pieces all over memory. The SDM discourages
 * it; firmware that takes the processor for narrower than it is does it. */
bool mtrr_has_holes(const struct mtrrs *mtrrs, const struct mtrr_range *range);

/* The last byte of a variable range, or of its first piece. */
uint64_t mtrr_range_end(const struct mtrrs *mtrrs, const struct mtrr_range *range);

/*
 * The first two variable ranges that overlap with types for which the SDM has no rule, and true. A
 * third, of type UC, may have settled it; below 1 MiB, fixed ranges may.
 */
bool mtrr_conflict(const struct mtrrs *mtrrs, const struct mtrr_range **one,
                   const struct mtrr_range **other);

/* "uc", "wc", "wt", "wp", "wb". */
const char *mtrr_type_text(unsigned type);

/* Reads and decodes the running processor's; all processors of a machine have the same. */
void mtrr_read(struct mtrrs *mtrrs);

/* Logs them: what holds for all, then one record a variable range. */
void mtrr_log(const struct mtrrs *mtrrs);

struct ept;

/*
 * ept_map() with the types that the MTRRs give to `hpa` and on, one call a run: no leaf has two.
 * STATUS_INVALID, STATUS_NO_MEMORY: what was mapped so far stays.
 */
enum status ept_map_typed(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                          const struct mtrrs *mtrrs) NODISCARD;

#endif
