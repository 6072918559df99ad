/* SPDX-License-Identifier: BSD-2-Clause */
/* Which group a field of the VMCS stands in, and how it is told. Pure. */
#ifndef VMX_DUMP_FIELDS_H
#define VMX_DUMP_FIELDS_H

#include "vmx/bit_names.h"
#include "vmx/vmcs_index.h"

/* How a field is told: as bits by name (below BIT_NAMES: enum bit_names), or as one of these. */
enum dump_form {
    FORM_HEX = BIT_NAMES, /* addresses and bits */
    FORM_COUNT,           /* decimal */
    FORM_SEGMENT,         /* `field` is a segment's number and stands for four fields */
    FORM_WORDS,           /* from here on: the value, and what it means */
    FORM_EVENT = FORM_WORDS,
    FORM_EPT_POINTER,
    FORM_PAT,
    FORM_ACTIVITY,
    FORM_LINK_POINTER,
    FORM_INTERRUPT_STATUS,
    FORM_EXIT_REASON,
    FORM_INSTRUCTION_ERROR,
    DUMP_FORMS,
};

struct dump_field {
    uint8_t form, field; /* of enum vmcs_index */
};

struct dump_group {
    const char *name;
    const struct dump_field *fields;
    unsigned count;
};

#define DUMP_GROUPS 9
extern const struct dump_group dump_groups[DUMP_GROUPS];

/* Whose the bits of a field are, by its index; BIT_NAMES: they have no names. */
enum bit_names dump_bit_names(unsigned field);

#endif
