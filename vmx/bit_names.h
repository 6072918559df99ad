/* SPDX-License-Identifier: BSD-2-Clause */
/* The bits that are 1, by name: of controls, of registers, of the exception bitmap. Pure. */
#ifndef VMX_BIT_NAMES_H
#define VMX_BIT_NAMES_H

#include "vmx/controls.h"

/* Whose bits; the first CONTROL_GROUPS are those of enum control_group. */
enum bit_names {
    NAMES_EXCEPTIONS = CONTROL_GROUPS,
    NAMES_CR0,
    NAMES_CR4,
    NAMES_EFER,
    NAMES_RFLAGS,
    NAMES_DR7,
    NAMES_DEBUGCTL,
    NAMES_INTERRUPTIBILITY,
    NAMES_PENDING_DEBUG,
    NAMES_VM_FUNCTIONS,
    BIT_NAMES,
};

/*
 * Writes the names of the bits of `bits` from bit `from` on, a blank between, as many as fit whole.
 * Bits without a name are left out. Gives the bit to go on from; 64: nothing is left.
 */
unsigned bit_names_text(enum bit_names names, uint64_t bits, unsigned from, char *text,
                        size_t size);

/* The bits that the SDM defines: those with a name, those that are always 1, and parts of numbers.
 */
uint64_t bit_names_known(enum bit_names names);

#endif
