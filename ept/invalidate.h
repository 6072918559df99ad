/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processors have cached of a space, made to go: INVEPT, where a change of the tables needs it
 * and only there. Which changes do, kernel/pagechange.c says. Pure: who has processors hands in how
 * INVEPT is executed. SDM vol. 3C, "Guidelines for Use of the INVEPT Instruction".
 *
 * INVVPID has no part in this. INVEPT drops guest-physical mappings, and combined ones (linear to
 * host-physical) for every VPID; linear mappings, all that is left for INVVPID, do not depend on
 * EPT.
 */
#ifndef EPT_INVALIDATE_H
#define EPT_INVALIDATE_H

#include "ept/ept.h"

enum ept_invept_type { EPT_INVEPT_SINGLE = 1, EPT_INVEPT_ALL = 2 };

struct ept_invept {
    bool single, all; /* the types that every processor has */
    /* Executes INVEPT on every processor that has run in the space, and returns when all have.
     * `pointer` is the space's; with EPT_INVEPT_ALL, 0. */
    void (*execute)(const struct ept_invept *invept, enum ept_invept_type type, uint64_t pointer);
};

struct ept_flusher {
    struct pt_flusher flusher; /* first */
    const struct ept_invept *invept;
    uint64_t pointer;
    bool shared;
};

/*
 * From now on, `flusher` tells processors of changes to `ept`; `pointer` is what they run it with.
 * `shared`: some of its tables stand under other EPT pointers too, so that one is not enough. Until
 * now, the space must not have been run. STATUS_UNSUPPORTED: the processors have no type of INVEPT
 * that would do.
 */
enum status ept_flush_with(struct ept *ept, struct ept_flusher *flusher,
                           const struct ept_invept *invept, uint64_t pointer,
                           bool shared) NODISCARD;

/*
 * After changes to the space: makes them hold on every processor, with INVEPT if they need it, and
 * gives back the tables that came out of use. Costs next to nothing where there is nothing to do.
 */
void ept_settle(struct ept *ept);

#endif
