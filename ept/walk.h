/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processor finds when it translates a guest-physical address: the way down by the one
 * walker of kernel/pagetable.h, judged entry by entry. Pure: tables are reached through a reader,
 * and may hold anything. SDM vol. 3C, "EPT Translation Mechanism", "EPT-Induced VM Exits".
 */
#ifndef EPT_WALK_H
#define EPT_WALK_H

#include "ept/ept.h"
#include "kernel/pagetable.h"
#include "kernel/physical.h"
#include "kernel/types.h"

/* What decides how the processor reads its tables. */
struct ept_rules {
    uint64_t pointer; /* the EPT pointer, as in the VMCS */
    unsigned width;   /* bits of a physical address, at most 52 */
    bool execute_only, page_2m, page_1g;
    bool mode_based;       /* mode-based execute control is on */
    bool exit_information; /* qualifications tell of the guest's own rights */
};

struct ept_access {
    bool read, write, fetch;
    bool user; /* through a user-mode linear address: matters for a fetch */
};

enum ept_verdict {
    EPT_MAPPED,
    EPT_VIOLATED,
    EPT_MISCONFIGURED,
    EPT_BEYOND,      /* no processor of this width has such an address */
    EPT_UNREADABLE,  /* the reader could not read a table: nothing is known of it */
    EPT_BAD_POINTER, /* the EPT pointer's walk length is neither 4 nor 5 */
};

/* What makes an entry a misconfiguration; more than one may. */
enum ept_flaw {
    EPT_FLAW_WRITE = BIT(0),    /* writable, but not readable */
    EPT_FLAW_EXECUTE = BIT(1),  /* executable, but not readable, where the processor cannot */
    EPT_FLAW_RESERVED = BIT(2), /* reserved bits are set */
    EPT_FLAW_WIDTH = BIT(3),    /* its address is beyond the width */
    EPT_FLAW_TYPE = BIT(4),     /* a reserved memory type */
};

struct ept_path {
    gpa_t gpa;
    enum ept_verdict verdict;
    unsigned levels;        /* the level of the root; entries are valid down to walk.level */
    struct pt_walk walk;    /* ends at the entry that ended the translation, or at the leaf */
    unsigned level;         /* of the entry at fault; 0: none is */
    unsigned flaws;         /* enum ept_flaw, of a misconfiguration */
    uint64_t reserved;      /* the bits that make EPT_FLAW_RESERVED and EPT_FLAW_WIDTH */
    uint64_t rights;        /* that every entry read gives: EPT_RWX and EPT_EXECUTE_USER */
    uint64_t denied;        /* of the rights that the access needs: those that are not there */
    uint64_t qualification; /* of a violation: bits 6:0; the rest is the linear address's */
    hpa_t hpa;              /* where the verdict is EPT_MAPPED */
};

/* Walks `gpa` as a processor with these rules would for this access. */
struct ept_path ept_follow(const struct ept_rules *rules, const struct physical_reader *reader,
                           gpa_t gpa, struct ept_access access);

/* What an entry at `level` is: PT_ABSENT, PT_TABLE or PT_LEAF. */
enum pt_kind ept_kind(const struct ept_rules *rules, unsigned level, uint64_t entry);

/* The flaws of an entry that is present, none for one that is absent; `reserved` gets the bits. */
unsigned ept_entry_flaws(const struct ept_rules *rules, unsigned level, uint64_t entry,
                         uint64_t *reserved);

#endif
