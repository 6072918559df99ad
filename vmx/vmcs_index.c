/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/vmcs_index.h"

#include "kernel/string.h"

#define NOTE(text)

struct vmcs_field vmcs_field_at(unsigned index)
{
    static const uint16_t encodings[VMCS_FIELDS] = {
#define VMCS_FIELD(symbol, name, encoding, title) encoding,
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD
    };

    return (struct vmcs_field){encodings[index]};
}

/* A capital letter differs from its small one in bit 5 alone. */
static bool same_letter(char letter, char c)
{
    return c == letter || (letter >= 'a' && letter <= 'z' && (c | 0x20) == letter);
}

static bool same_name(const char *name, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '\0' || !same_letter(name[i], text[i])) {
            return false;
        }
    }
    return name[length] == '\0';
}

unsigned vmcs_index_by_name(const char *name, size_t length)
{
    unsigned index = 0;

    while (index < VMCS_FIELDS && !same_name(vmcs_field_name(vmcs_field_at(index)), name, length)) {
        index++;
    }
    return index;
}

struct need {
    uint8_t field, group;
    uint32_t control;
};

static const struct need needs[] = {
#define FIELD_NEEDS(symbol, group, control) {INDEX_##symbol, CONTROL_##group, group##_##control},
#include "vmx/vmcs_presence.def"
#undef FIELD_NEEDS
};

void vmcs_fields_present(const struct vmx_capabilities *capabilities, bool present[VMCS_FIELDS])
{
    memset(present, true, VMCS_FIELDS);
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
        present[needs[i].field] = false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
        if (control_offered(capabilities, (enum control_group)needs[i].group, needs[i].control)) {
            present[needs[i].field] = true;
        }
    }
    present[INDEX_EPTP_LIST_ADDRESS] &= (capabilities->vmfunc & VMFUNC_EPTP_SWITCHING) != 0;
    for (unsigned i = 0; i < 4; i++) {
        present[INDEX_CR3_TARGET_0 + i] = i < FIELD_GET(VMX_MISC_CR3_TARGETS, capabilities->misc);
    }
    /* SDM titles these by a control that Lintel does not know. */
    present[INDEX_SHARED_EPT_POINTER] = false;
}
