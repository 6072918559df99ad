/* SPDX-License-Identifier: BSD-2-Clause */
/* What break= is to do, decided on a copy of the VMCS. Pure. */
#ifndef VMX_BREAK_CHOICE_H
#define VMX_BREAK_CHOICE_H

#include "vmx/audit_mutation.h"

struct break_choice {
    uint8_t field; /* its index */
    bool has_value;
    uint64_t value;
    const struct audit_rule *rule; /* the one that is broken; NULL: none, by the auditor's word */
    const char *why;               /* where it cannot be done: a sentence */
};

/* Reads FIELD or FIELD:VALUE of `length` characters. False, with choice->why: it is neither. */
bool break_parse(const char *word, size_t length, struct break_choice *choice);

/*
 * Makes `after` of `before` as `choice` says: the value, or the first mutation that applies and
 * breaks a rule on the field. False, with choice->why: it cannot or must not be done.
 */
bool break_choose(const struct audit *before, const struct audit_sandbox *sandbox,
                  struct break_choice *choice, struct audit *after);

#endif
