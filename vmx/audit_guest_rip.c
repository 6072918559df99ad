/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's descriptor-table registers, RIP, RFLAGS and SSP. Pure. */
#include "vmx/audit_rule.h"

#define RFLAGS_RESERVED (BITS(63, 22) | BIT(15) | BIT(5) | BIT(3))
#define AR_L            BIT(13)

#define TABLE(R, low)                                                                              \
    RULE("guest." low ".base", "the base of " #R " must be canonical", check_canonical,            \
         PROOFS(BREAKS, SYM(GUEST_##R##_BASE, NOT_CANONICAL), BREAKS, SET(GUEST_##R##_BASE, 0),    \
                RAISE(GUEST_##R##_BASE, 63), KEEPS, SYM(GUEST_##R##_BASE, CANONICAL), KEEPS,       \
                SYM(GUEST_##R##_BASE, CANONICAL_UPPER)),                                           \
         FIELDS_1(GUEST_##R##_BASE)),                                                              \
        RULE("guest." low ".limit", "bits 31:16 of the limit of " #R " must be 0",                 \
             check_zero_16_31,                                                                     \
             PROOFS(BREAKS, SET(GUEST_##R##_LIMIT, 0x10000), BREAKS,                               \
                    SET(GUEST_##R##_LIMIT, 0x80000000), KEEPS, SET(GUEST_##R##_LIMIT, 0xFFFF)),    \
             FIELDS_1(GUEST_##R##_LIMIT))

static const struct audit_rule table_rules[] = {
    TABLE(GDTR, "gdtr"),
    TABLE(IDTR, "idtr"),
};

const struct audit_section audit_guest_tables =
    SECTION("Checks on Guest Descriptor-Table Registers", AUDIT_GUEST, table_rules);

static bool runs_64_bit_code(const struct audit *audit)
{
    return audit->ia32e_guest && V(GUEST_CS_AR) & AR_L;
}

static bool keeps_rip_32(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    return runs_64_bit_code(audit) || check_zero_32_63(audit, rule, answer);
}

/* Bits 63:N must be alike; N-1 may differ, so a pointer need not be canonical: the instruction that
 * it stands behind may be the last of the lower half. */
static bool bits_alike(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    return answer_canonical(answer, audit->value[rule->fields[0]], audit->linear_width + 1);
}

static bool keeps_rip_64(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    return !runs_64_bit_code(audit) || bits_alike(audit, rule, answer);
}

static bool keeps_rflags_zeros(const struct audit *audit, const struct audit_rule *rule,
                               struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_RFLAGS) & RFLAGS_RESERVED);
}

static bool keeps_rflags_one(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_RFLAGS), RFLAGS_FIXED, 1);
}

static bool keeps_vm(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    (void)rule;
    return (!audit->ia32e_guest && V(GUEST_CR0) & CR0_PE) ||
           answer_bit(answer, V(GUEST_RFLAGS), RFLAGS_VM, 0);
}

static bool keeps_if(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    (void)rule;
    return !audit->injects || audit->event_type != INTERRUPTION_EXTERNAL ||
           answer_bit(answer, V(GUEST_RFLAGS), RFLAGS_IF, 1);
}

static bool keeps_ssp_aligned(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_SSP) & BITS(1, 0));
}

#define CET       ON(ENTRY, ENTRY_LOAD_CET)
#define INTERRUPT SET(ENTRY_INTERRUPTION_INFO, INTERRUPTION_VALID | 0x20)

static const struct audit_rule rip_rules[] = {
    {"guest.rip.32", "bits 63:32 of RIP must be 0 for code that is not 64-bit", keeps_rip_32,
     PROOFS(BREAKS, AS(PROTECTED), RAISE(GUEST_RIP, 32), BREAKS, LOWER(GUEST_CS_AR, 13),
            RAISE(GUEST_RIP, 63), KEEPS, AS(PROTECTED), SET(GUEST_RIP, 0xFFFFFFFF)),
     FIELDS_3(GUEST_RIP, GUEST_CS_AR, ENTRY_CONTROLS)},
    {"guest.rip.64", "RIP's bits above the linear-address width must be alike", keeps_rip_64,
     PROOFS(BREAKS, SYM(GUEST_RIP, BEYOND_LINEAR), BREAKS, RAISE(GUEST_RIP, 63), KEEPS,
            SYM(GUEST_RIP, CANONICAL), KEEPS, SYM(GUEST_RIP, CANONICAL_UPPER), KEEPS,
            SYM(GUEST_RIP, NOT_CANONICAL)),
     FIELDS_3(GUEST_RIP, GUEST_CS_AR, ENTRY_CONTROLS)},
    {"guest.rflags.must_be_0", "bits 63:22, 15, 5 and 3 of RFLAGS must be 0", keeps_rflags_zeros,
     PROOFS(BREAKS, RAISE(GUEST_RFLAGS, 3), BREAKS, RAISE(GUEST_RFLAGS, 5), BREAKS,
            RAISE(GUEST_RFLAGS, 15), BREAKS, RAISE(GUEST_RFLAGS, 22), BREAKS,
            RAISE(GUEST_RFLAGS, 63), KEEPS, OR(GUEST_RFLAGS, 0x1D7CD5)),
     FIELDS_1(GUEST_RFLAGS)},
    {"guest.rflags.must_be_1", "bit 1 of RFLAGS must be 1", keeps_rflags_one,
     PROOFS(BREAKS, LOWER(GUEST_RFLAGS, 1), KEEPS, RAISE(GUEST_RFLAGS, 1)), FIELDS_1(GUEST_RFLAGS)},
    {"guest.rflags.vm", "RFLAGS.VM must be 0 in IA-32e mode, and where CR0.PE is 0", keeps_vm,
     PROOFS(BREAKS, AS(V86), ON(SECONDARY, SECONDARY_UNRESTRICTED), LOWER(GUEST_CR0, 0),
            LOWER(GUEST_CR0, 31), BREAKS_ALSO, RAISE(GUEST_RFLAGS, 17), KEEPS, AS(V86)),
     FIELDS_3(GUEST_RFLAGS, ENTRY_CONTROLS, GUEST_CR0)},
    {"guest.rflags.if", "RFLAGS.IF must be 1 where an external interrupt is injected", keeps_if,
     PROOFS(BREAKS, INTERRUPT, LOWER(GUEST_RFLAGS, 9), KEEPS, INTERRUPT, RAISE(GUEST_RFLAGS, 9)),
     FIELDS_2(GUEST_RFLAGS, ENTRY_INTERRUPTION_INFO)},
    {"guest.ssp.aligned", "bits 1:0 of SSP must be 0", keeps_ssp_aligned,
     PROOFS(BREAKS, CET, SET(GUEST_SSP, 1), BREAKS, CET, SET(GUEST_SSP, 2), KEEPS, CET,
            SET(GUEST_SSP, 4)),
     FIELDS_1(GUEST_SSP), WHEN(ENTRY, ENTRY_LOAD_CET)},
    {"guest.ssp.alike", "SSP's bits above the linear-address width must be alike", bits_alike,
     PROOFS(BREAKS, CET, SYM(GUEST_SSP, BEYOND_LINEAR), KEEPS, CET, SYM(GUEST_SSP, NOT_CANONICAL)),
     FIELDS_1(GUEST_SSP), WHEN(ENTRY, ENTRY_LOAD_CET)},
};

const struct audit_section audit_guest_rip =
    SECTION("Checks on Guest RIP, RFLAGS, and SSP", AUDIT_GUEST, rip_rules);
