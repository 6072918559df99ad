/* SPDX-License-Identifier: BSD-2-Clause */
/* One round of VMs: into VMX operation, each VM on its processor, out again, and all as before. */
#ifndef BOOT_ROUND_H
#define BOOT_ROUND_H

#include "boot/session.h"

/* One VM of a round. */
struct vm_job {
    const struct boot *boot;
    const struct guest *guest;
    const struct boot_module *module;  /* NULL: a built-in guest */
    unsigned id;                       /* of the VM */
    unsigned processors[VM_MAX_VCPUS]; /* that run it; the VM begins on the first */
    unsigned processor_count;
    struct vm_start *together; /* with the other jobs of its round */
    bool alone;                /* no other VM runs meanwhile */
    bool asked;                /* the options are for it: limit=, memory= and so on */
    /* What came of it. */
    bool failed;
    bool launched; /* it was entered */
    unsigned primes_before, primes_after;
    uint64_t exits;
    char why[64];
};

#define ROUND_JOBS 64

/*
 * Runs all jobs at once. False: VMX operation could not be entered, memory was not given back, or a
 * processor computes otherwise than before; the first reason is in `why`, else it is untouched.
 */
bool round_run(struct vm_job *jobs, unsigned count, bool verbose, char *why, size_t size);

#endif
