/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS's fields as a dense list, in the order of vmcs_fields.def: for whoever walks over all of
 * them or keeps their values in an array. Pure.
 */
#ifndef VMX_VMCS_INDEX_H
#define VMX_VMCS_INDEX_H

#include "vmx/capabilities.h"
#include "vmx/vmcs.h"

#define NOTE(text)
#define VMCS_FIELD(symbol, name, encoding, title) INDEX_##symbol,
enum vmcs_index {
#include "vmx/vmcs_fields.def"
    VMCS_FIELDS,
};
#undef VMCS_FIELD
#undef NOTE

_Static_assert(VMCS_FIELDS < 256, "an index is kept in a byte");

/* SDM vol. 3C, "Field Encoding in VMCS": what an encoding tells of its field. */
enum vmcs_width { VMCS_16_BIT, VMCS_64_BIT, VMCS_32_BIT, VMCS_NATURAL };
enum vmcs_kind { VMCS_CONTROL, VMCS_READ_ONLY, VMCS_GUEST, VMCS_HOST };

static inline enum vmcs_width vmcs_width(struct vmcs_field field)
{
    return (enum vmcs_width)FIELD_GET(BITS(14, 13), field.encoding);
}

static inline enum vmcs_kind vmcs_kind(struct vmcs_field field)
{
    return (enum vmcs_kind)FIELD_GET(BITS(11, 10), field.encoding);
}

/* The bits that the field can hold. */
static inline uint64_t vmcs_field_mask(struct vmcs_field field)
{
    switch (vmcs_width(field)) {
    case VMCS_16_BIT:
        return UINT16_MAX;
    case VMCS_32_BIT:
        return UINT32_MAX;
    default:
        return UINT64_MAX;
    }
}

/* The field of an index below VMCS_FIELDS. */
struct vmcs_field vmcs_field_at(unsigned index);

/* The index of the field with this name, in any case; VMCS_FIELDS: there is none. */
unsigned vmcs_index_by_name(const char *name, size_t length);

/* Sets present[index] where a processor of these capabilities has the field, and clears it where
 * not. */
void vmcs_fields_present(const struct vmx_capabilities *capabilities, bool present[VMCS_FIELDS]);

#endif
