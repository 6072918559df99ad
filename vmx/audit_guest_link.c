/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's non-register state: the VMCS link pointer. Pure. */
#include "vmx/audit_rule.h"

#define NO_LINK       UINT64_MAX
#define WORD_REVISION BITS(30, 0)
#define SHADOW_VMCS   BIT(31)

static bool linked(const struct audit *audit)
{
    return V(VMCS_LINK_POINTER) != NO_LINK;
}

static bool keeps_link_aligned(const struct audit *audit, const struct audit_rule *rule,
                               struct audit_answer *answer)
{
    return !linked(audit) || check_aligned_4k(audit, rule, answer);
}

static bool keeps_link_width(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return !linked(audit) || check_width(audit, rule, answer);
}

/* The first four bytes of the linked VMCS, where the pointer itself is right. */
static bool read_link(const struct audit *audit, uint32_t *word)
{
    uint64_t pointer = V(VMCS_LINK_POINTER);
    const void *bytes;

    if (!linked(audit) || !IS_ALIGNED(pointer, PAGE_SIZE) || pointer & audit->address_reserved) {
        return false;
    }
    bytes = physical_at(audit->memory, HPA(pointer), sizeof(*word));
    if (bytes == NULL) {
        return false;
    }
    __builtin_memcpy(word, bytes, sizeof(*word));
    return true;
}

static bool keeps_link_revision(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    uint32_t word;

    (void)rule;
    return !read_link(audit, &word) ||
           answer_equal(answer, word & WORD_REVISION,
                        FIELD_GET(VMX_BASIC_REVISION, audit->can->basic));
}

static bool keeps_link_shadow(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    uint32_t word;

    (void)rule;
    return !read_link(audit, &word) ||
           answer_bit(answer, word, SHADOW_VMCS, ACTS(SECONDARY, SECONDARY_VMCS_SHADOW));
}

static bool keeps_link_other(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, V(VMCS_LINK_POINTER) == audit->vmcs.value, 0);
}

#define LINK       IN_SANDBOX(VMCS_LINK_POINTER, SANDBOX_VMCS), POKE_SYM(SANDBOX_VMCS, REVISION)
#define NO_SHADOWS OFF(SECONDARY, SECONDARY_VMCS_SHADOW)
#define SHADOWS                                                                                    \
    ON(SECONDARY, SECONDARY_VMCS_SHADOW), IN_SANDBOX(VMREAD_BITMAP, SANDBOX_ANY),                  \
        IN_SANDBOX(VMWRITE_BITMAP, SANDBOX_ANY)

static const struct audit_rule rules[] = {
    {"guest.link.aligned", "the VMCS link pointer must be aligned to 4 KiB", keeps_link_aligned,
     PROOFS(BREAKS, NO_SHADOWS, LINK, OR(VMCS_LINK_POINTER, 1), BREAKS, NO_SHADOWS, LINK,
            OR(VMCS_LINK_POINTER, 0x800), KEEPS, NO_SHADOWS, LINK),
     FIELDS_1(VMCS_LINK_POINTER)},
    {"guest.link.width", "the VMCS link pointer must set no bit beyond the physical-address width",
     keeps_link_width,
     PROOFS(BREAKS, NO_SHADOWS, LINK, OR_SYM(VMCS_LINK_POINTER, WIDTH), BREAKS, NO_SHADOWS, LINK,
            RAISE(VMCS_LINK_POINTER, 63), KEEPS, NO_SHADOWS, LINK),
     FIELDS_1(VMCS_LINK_POINTER)},
    {"guest.link.revision", "the linked VMCS must have the processor's revision identifier",
     keeps_link_revision,
     PROOFS(BREAKS, NO_SHADOWS, LINK, POKE(SANDBOX_VMCS, 0x7FFFFFFF), KEEPS, NO_SHADOWS, LINK),
     FIELDS_1(VMCS_LINK_POINTER)},
    {"guest.link.shadow", "bit 31 of the linked VMCS must equal the VMCS shadowing control",
     keeps_link_shadow,
     PROOFS(BREAKS, SHADOWS, LINK, BREAKS, NO_SHADOWS, LINK,
            POKE_SYM(SANDBOX_VMCS, SHADOW_REVISION), KEEPS, SHADOWS, LINK,
            POKE_SYM(SANDBOX_VMCS, SHADOW_REVISION)),
     FIELDS_2(VMCS_LINK_POINTER, SECONDARY_CONTROLS)},
    {"guest.link.other", "the VMCS link pointer must not be the current VMCS", keeps_link_other,
     PROOFS(BREAKS, NO_SHADOWS, SYM(VMCS_LINK_POINTER, VMCS), KEEPS, NO_SHADOWS, LINK),
     FIELDS_1(VMCS_LINK_POINTER)},
};

const struct audit_section audit_guest_link =
    SECTION("Checks on Guest Non-Register State", AUDIT_GUEST, rules);
