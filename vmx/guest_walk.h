/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processor finds when it translates a guest's linear address: down the guest's own
 * tables, each of which lies at a guest-physical address that EPT translates. Every paging mode.
 * Pure: memory is reached through a reader, and may hold anything. The guest's accessed and dirty
 * flags are not looked at, nor are protection keys judged. SDM vol. 3A, "Paging"; vol. 3C, "EPT
 * Translation Mechanism".
 */
#ifndef VMX_GUEST_WALK_H
#define VMX_GUEST_WALK_H

#include "ept/walk.h"
#include "kernel/physical.h"
#include "kernel/types.h"

#define GUEST_PTE_P   BIT(0)
#define GUEST_PTE_RW  BIT(1)
#define GUEST_PTE_US  BIT(2)
#define GUEST_PTE_A   BIT(5)
#define GUEST_PTE_D   BIT(6)
#define GUEST_PTE_PS  BIT(7) /* above level 1 */
#define GUEST_PTE_G   BIT(8)
#define GUEST_PTE_KEY BITS(62, 59)
#define GUEST_PTE_XD  BIT(63)

/* Bits of a page fault's error code. SDM vol. 3A, "Page-Fault Exceptions". */
#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER     BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)

enum guest_paging { PAGING_NONE, PAGING_32, PAGING_PAE, PAGING_4, PAGING_5 };

/* What a translation depends on: the registers, and what the guest's processor can do. */
struct guest_translation {
    uint64_t cr0, cr3, cr4, efer, rflags;
    uint64_t pdptes[4]; /* with PAE paging: registers of their own, in the VMCS */
    unsigned width;     /* bits of a physical address, as the guest's processor has them */
    bool page_1g;
    bool pse_36; /* a 4-MiB page may lie above 4 GiB */
};

/* A read, unless it is one of these. */
struct guest_access {
    bool write, fetch;
    bool user; /* by code of CPL 3 */
};

enum guest_verdict {
    GUEST_MAPPED,
    GUEST_PAGE_FAULT,
    GUEST_NOT_CANONICAL, /* #GP, or #SS through the stack segment */
    GUEST_NO_ADDRESS,    /* beyond 32 bits where linear addresses have no more */
    GUEST_EPT,           /* the EPT path of the address, or of the last table access, has failed */
};

/* Why a page fault. */
enum guest_why {
    GUEST_NOT_PRESENT,
    GUEST_RESERVED,   /* bits that must be 0 */
    GUEST_SUPERVISOR, /* a user's access to a supervisor's page */
    GUEST_READ_ONLY,
    GUEST_NO_FETCH, /* execute-disable */
    GUEST_SMEP,     /* a supervisor's fetch from a user's page */
    GUEST_SMAP,     /* a supervisor's data access to one */
};

/* One access to a table of the guest's. */
struct guest_step {
    unsigned level;
    bool in_register;    /* a PDPTE of PAE paging: `gpa` and `ept` mean nothing */
    bool read;           /* `entry` has been read: EPT let it */
    gpa_t gpa;           /* of the entry */
    struct ept_path ept; /* of that address */
    uint64_t entry;
    uint64_t reserved; /* the bits of it that must be 0 and are not */
};

#define GUEST_LEVELS 5

struct guest_path {
    gva_t gva;
    enum guest_paging paging;
    enum guest_verdict verdict;
    unsigned count; /* of steps */
    struct guest_step steps[GUEST_LEVELS];
    unsigned page_level; /* the level of the leaf; 0: there is none */
    /* All levels together; without paging everything is allowed. */
    bool user, writable, executable;
    enum guest_why why;  /* of a page fault, */
    unsigned level;      /* the level that it comes from, 0 where no one level does, */
    uint32_t error_code; /* and what the processor would push */
    gpa_t gpa;           /* where the guest's tables gave one, ept_reached */
    bool ept_reached;
    struct ept_path ept; /* of `gpa` */
};

/* Walks `gva` as the processor would for this access. With `rules` NULL there is no EPT: what the
 * guest's tables give is what the reader takes, and only what it cannot read is GUEST_EPT. */
void guest_follow(const struct guest_translation *guest, const struct ept_rules *rules,
                  const struct physical_reader *reader, gva_t gva, struct guest_access access,
                  struct guest_path *path);

/* The EPT path that failed, of a path whose verdict is GUEST_EPT. */
const struct ept_path *guest_failed_ept(const struct guest_path *path);

enum guest_paging guest_paging_of(const struct guest_translation *guest);

/* Whether an entry at `level`, which is present, maps a page. */
bool guest_is_leaf(const struct guest_translation *guest, unsigned level, uint64_t entry);

#endif
