/* SPDX-License-Identifier: BSD-2-Clause */
/* What surrounds the built-in guests that each show one thing that EPT does. */
#ifndef GUEST_EPT_GUESTS_H
#define GUEST_EPT_GUESTS_H

#include "vmx/vm.h"

#define CLOSING_RIGHTS 3

/* A page whose rights are the first of a row, and the next after each access that they refuse.
 * vm->guest_data, an unsigned, says which. */
struct closing {
    struct vm_hooks hooks; /* first */
    gpa_t page;
    uint64_t rights[CLOSING_RIGHTS]; /* 0: no more */
};

extern const struct closing guest_execute_only_hooks, guest_mode_based_hooks, guest_ve_hooks;
extern const struct vm_hooks guest_vmfunc_hooks, guest_dirty_hooks;

#define DIRTY_MEMORY (4 * MIB)

/* STATUS_OK, or STATUS_UNSUPPORTED where the processor has it not: the sentence in `why`, and the
 * MSR's bit in the log. */
enum status guest_needs(bool has, const char *name, const char *msr, char *why,
                        size_t size) NODISCARD;

#endif
