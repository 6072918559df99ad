/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's segment registers: selectors, bases, limits. Pure. */
#include "vmx/audit_rule.h"

#define SELECTOR_RPL BITS(1, 0)
#define SELECTOR_TI  BIT(2)
#define UNUSABLE     BIT(16)

#define V86_LIMIT  0xFFFF
#define V86_RIGHTS 0xF3

/* Whether the register whose access rights are the rule's second field is usable. */
static bool usable(const struct audit *audit, const struct audit_rule *rule)
{
    return !(audit->value[rule->fields[1]] & UNUSABLE);
}

static bool keeps_tr_ti(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_TR_SELECTOR), SELECTOR_TI, 0);
}

static bool keeps_ldtr_ti(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    return !usable(audit, rule) || answer_bit(answer, V(GUEST_LDTR_SELECTOR), SELECTOR_TI, 0);
}

static bool keeps_ss_rpl(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    (void)rule;
    return audit->v86 || audit->unrestricted ||
           answer_number(answer, V(GUEST_SS_SELECTOR) & SELECTOR_RPL,
                         V(GUEST_CS_SELECTOR) & SELECTOR_RPL);
}

/* Fields: base and selector. */
static bool keeps_v86_base(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    return !audit->v86 ||
           answer_equal(answer, audit->value[rule->fields[0]], audit->value[rule->fields[1]] << 4);
}

static bool keeps_v86_limit(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    return !audit->v86 || answer_equal(answer, audit->value[rule->fields[0]], V86_LIMIT);
}

static bool keeps_v86_rights(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return !audit->v86 || answer_equal(answer, audit->value[rule->fields[0]], V86_RIGHTS);
}

static bool keeps_usable_canonical(const struct audit *audit, const struct audit_rule *rule,
                                   struct audit_answer *answer)
{
    return !usable(audit, rule) || check_canonical(audit, rule, answer);
}

static bool keeps_usable_32(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    return !usable(audit, rule) || check_zero_32_63(audit, rule, answer);
}

#define V86_BASE(R, low)                                                                           \
    RULE("guest." low ".base.v86",                                                                 \
         "in virtual-8086 mode the base of " #R " must be its selector times 16", keeps_v86_base,  \
         PROOFS(BREAKS, AS(V86), OR(GUEST_##R##_BASE, 1), BREAKS, AS(V86),                         \
                SET(GUEST_##R##_SELECTOR, 0xFFFF), KEEPS, AS(V86),                                 \
                SET(GUEST_##R##_SELECTOR, 0xFFFF), SET(GUEST_##R##_BASE, 0xFFFF0)),                \
         FIELDS_2(GUEST_##R##_BASE, GUEST_##R##_SELECTOR))
#define CANONICAL(R, low)                                                                          \
    RULE("guest." low ".base.canonical", "the base of " #R " must be canonical", check_canonical,  \
         PROOFS(BREAKS, SYM(GUEST_##R##_BASE, NOT_CANONICAL), BREAKS, SET(GUEST_##R##_BASE, 0),    \
                RAISE(GUEST_##R##_BASE, 63), KEEPS, SYM(GUEST_##R##_BASE, CANONICAL), KEEPS,       \
                SYM(GUEST_##R##_BASE, CANONICAL_UPPER)),                                           \
         FIELDS_1(GUEST_##R##_BASE))
#define NO_MORE(...)
#define NULL_TOO(...) BREAKS, SET(GUEST_SS_SELECTOR, 0), __VA_ARGS__,
#define LOW_BASE(R, low, more)                                                                     \
    RULE("guest." low ".base.width", "bits 63:32 of the base of a usable " #R " must be 0",        \
         keeps_usable_32,                                                                          \
         PROOFS(more(RAISE(GUEST_##R##_BASE, 32)) BREAKS, RAISE(GUEST_##R##_BASE, 32), BREAKS,     \
                RAISE(GUEST_##R##_BASE, 63), KEEPS, SET(GUEST_##R##_BASE, 0xFFFFFFFF), KEEPS,      \
                SET(GUEST_##R##_AR, UNUSABLE), RAISE(GUEST_##R##_BASE, 63)),                       \
         FIELDS_2(GUEST_##R##_BASE, GUEST_##R##_AR))
#define V86_LIMIT_OF(R, low)                                                                       \
    RULE("guest." low ".limit.v86", "in virtual-8086 mode the limit of " #R " must be 0xffff",     \
         keeps_v86_limit,                                                                          \
         PROOFS(BREAKS, AS(V86), SET(GUEST_##R##_LIMIT, 0xFFFE), BREAKS, AS(V86),                  \
                SET(GUEST_##R##_LIMIT, 0x1FFFF), KEEPS, AS(V86)),                                  \
         FIELDS_1(GUEST_##R##_LIMIT))
#define V86_RIGHTS_OF(R, low)                                                                      \
    RULE("guest." low ".rights.v86",                                                               \
         "in virtual-8086 mode the access rights of " #R " must be 0xf3", keeps_v86_rights,        \
         PROOFS(BREAKS, AS(V86), SET(GUEST_##R##_AR, 0x93), BREAKS, AS(V86),                       \
                RAISE(GUEST_##R##_AR, 16), KEEPS, AS(V86)),                                        \
         FIELDS_1(GUEST_##R##_AR))
/* Six registers, in the SDM's order. */
#define EACH(RULE)                                                                                 \
    RULE(CS, "cs"), RULE(SS, "ss"), RULE(DS, "ds"), RULE(ES, "es"), RULE(FS, "fs"), RULE(GS, "gs")

static const struct audit_rule rules[] = {
    {"guest.tr.ti", "the TI of TR's selector must be 0", keeps_tr_ti,
     PROOFS(BREAKS, RAISE(GUEST_TR_SELECTOR, 2), KEEPS, SET(GUEST_TR_SELECTOR, 0xFFFB)),
     FIELDS_1(GUEST_TR_SELECTOR)},
    {"guest.ldtr.ti", "the TI of a usable LDTR's selector must be 0", keeps_ldtr_ti,
     PROOFS(BREAKS, AS(LDT), RAISE(GUEST_LDTR_SELECTOR, 2), KEEPS, AS(LDT),
            SET(GUEST_LDTR_SELECTOR, 0xFFFB), KEEPS, RAISE(GUEST_LDTR_SELECTOR, 2)),
     FIELDS_2(GUEST_LDTR_SELECTOR, GUEST_LDTR_AR)},
    {"guest.ss.rpl", "the RPLs of SS and CS must be the same (without unrestricted guest)",
     keeps_ss_rpl,
     PROOFS(BREAKS, OFF(SECONDARY, SECONDARY_UNRESTRICTED), OR(GUEST_SS_SELECTOR, 1),
            OR(GUEST_SS_AR, 0x20), OR(GUEST_CS_AR, 0xF), KEEPS, OR(GUEST_SS_SELECTOR, 1),
            ON(SECONDARY, SECONDARY_UNRESTRICTED), KEEPS, AS(V86),
            OFF(SECONDARY, SECONDARY_UNRESTRICTED), SET(GUEST_SS_SELECTOR, 0x1001),
            SET(GUEST_SS_BASE, 0x10010)),
     FIELDS_2(GUEST_SS_SELECTOR, GUEST_CS_SELECTOR)},

    EACH(V86_BASE),
    CANONICAL(TR, "tr"),
    CANONICAL(FS, "fs"),
    CANONICAL(GS, "gs"),
    {"guest.ldtr.base.canonical", "the base of a usable LDTR must be canonical",
     keeps_usable_canonical,
     PROOFS(BREAKS, AS(LDT), SYM(GUEST_LDTR_BASE, NOT_CANONICAL), KEEPS, AS(LDT),
            SYM(GUEST_LDTR_BASE, CANONICAL_UPPER), KEEPS, SYM(GUEST_LDTR_BASE, NOT_CANONICAL)),
     FIELDS_2(GUEST_LDTR_BASE, GUEST_LDTR_AR)},
    {"guest.cs.base.width", "bits 63:32 of the base of CS must be 0", check_zero_32_63,
     PROOFS(BREAKS, RAISE(GUEST_CS_BASE, 32), BREAKS, RAISE(GUEST_CS_BASE, 63), KEEPS,
            SET(GUEST_CS_BASE, 0xFFFFFFFF)),
     FIELDS_1(GUEST_CS_BASE)},
    LOW_BASE(SS, "ss", NULL_TOO),
    LOW_BASE(DS, "ds", NO_MORE),
    LOW_BASE(ES, "es", NO_MORE),

    EACH(V86_LIMIT_OF),
    EACH(V86_RIGHTS_OF),
};

const struct audit_section audit_guest_segments =
    SECTION("Checks on Guest Segment Registers", AUDIT_GUEST, rules);
