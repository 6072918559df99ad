/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock among processors, held for a few lines of code and never on the way of a VM exit. A
 * processor that waits longer than any holder can need goes on without it: one that is stuck must
 * not silence what another has to say.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "kernel/types.h"

struct lock {
    uint32_t holder; /* the processor's number and 1; 0: free */
};

/* Waits for the lock. False: this processor holds it already, in what its exception or NMI
 * interrupted, or the same holder had it for half a second and the wait was given up; then there is
 * nothing to give back. */
bool lock_take(struct lock *lock) NODISCARD;

/* The same without waiting: false, another processor holds it. */
bool lock_try(struct lock *lock) NODISCARD;

/* From now on no lock is waited for: who held one has been stopped. */
void locks_break(void);

/* Gives back what lock_take() took, by its answer. */
void lock_give(struct lock *lock, bool taken);

#endif
