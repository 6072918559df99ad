/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's segment registers: access rights outside virtual-8086 mode. Pure. */
#include "vmx/audit_rule.h"
#include "vmx/segment.h"

#define RIGHTS_LOW  BITS(11, 8)
#define RIGHTS_HIGH BITS(31, 17)

/* Types. SDM vol. 3A, "Code- and Data-Segment Descriptor Types"; "System Descriptor Types". */
#define TYPE_READ_WRITE  3
#define TYPE_CONFORMING  BIT(2) /* of a code segment */
#define TYPE_LDT         2
#define TYPE_TSS_16      3
#define TYPE_TSS_32      11
#define TYPES_CODE       (BIT(9) | BIT(11) | BIT(13) | BIT(15))
#define TYPES_STACK      (BIT(3) | BIT(7))
#define TYPES_READABLE   (BIT(1) | BIT(3) | BIT(5) | BIT(7) | BIT(11) | BIT(15))
#define HIGHEST_WITH_DPL 11 /* conforming code has no privilege of its own */

#define SELECTOR_RPL BITS(1, 0)

static uint64_t rights(const struct audit *audit, const struct audit_rule *rule)
{
    return audit->value[rule->fields[0]];
}

/* CS and TR are always looked at, the others where they are usable; none in virtual-8086 mode but
 * TR and LDTR. */
static bool looked_at(const struct audit *audit, const struct audit_rule *rule)
{
    uint8_t field = rule->fields[0];

    if (field == INDEX_GUEST_TR_AR) {
        return true;
    }
    if (field == INDEX_GUEST_CS_AR) {
        return !audit->v86;
    }
    return (field == INDEX_GUEST_LDTR_AR || !audit->v86) &&
           !(rights(audit, rule) & RIGHTS_UNUSABLE);
}

static uint64_t types_of(const struct audit *audit, uint8_t field)
{
    switch (field) {
    case INDEX_GUEST_CS_AR:
        return TYPES_CODE | (audit->unrestricted ? BIT(TYPE_READ_WRITE) : 0);
    case INDEX_GUEST_SS_AR:
        return TYPES_STACK;
    case INDEX_GUEST_TR_AR:
        return BIT(TYPE_TSS_32) | (audit->ia32e_guest ? 0 : BIT(TYPE_TSS_16));
    case INDEX_GUEST_LDTR_AR:
        return BIT(TYPE_LDT);
    default:
        return TYPES_READABLE;
    }
}

static bool keeps_type(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    return !looked_at(audit, rule) || answer_among(answer, rights(audit, rule) & RIGHTS_TYPE,
                                                   types_of(audit, rule->fields[0]));
}

static bool keeps_tr_type_32(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return audit->ia32e_guest || keeps_type(audit, rule, answer);
}

static bool is_system(uint8_t field)
{
    return field == INDEX_GUEST_TR_AR || field == INDEX_GUEST_LDTR_AR;
}

static bool keeps_s(const struct audit *audit, const struct audit_rule *rule,
                    struct audit_answer *answer)
{
    return !looked_at(audit, rule) ||
           answer_bit(answer, rights(audit, rule), RIGHTS_S, !is_system(rule->fields[0]));
}

static uint64_t dpl(uint64_t access_rights)
{
    return FIELD_GET(RIGHTS_DPL, access_rights);
}

/* Up to the SS's DPL for conforming code, exactly it for other code, 0 for data. */
static bool keeps_cs_dpl(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    uint64_t type = V(GUEST_CS_AR) & RIGHTS_TYPE;
    uint64_t mine = dpl(V(GUEST_CS_AR));
    uint64_t stack = dpl(V(GUEST_SS_AR));

    if (!looked_at(audit, rule)) {
        return true;
    }
    switch (type) {
    case TYPE_READ_WRITE:
        return !audit->unrestricted || answer_number(answer, mine, 0);
    case 9:
    case 11:
        return answer_number(answer, mine, stack);
    case 13:
    case 15:
        return answer_at_most(answer, mine, stack);
    default:
        return true;
    }
}

static bool keeps_ss_dpl_rpl(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return audit->v86 || audit->unrestricted ||
           answer_number(answer, dpl(V(GUEST_SS_AR)), V(GUEST_SS_SELECTOR) & SELECTOR_RPL);
}

static bool keeps_ss_dpl_0(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    bool must = (V(GUEST_CS_AR) & RIGHTS_TYPE) == TYPE_READ_WRITE || !(V(GUEST_CR0) & CR0_PE);

    (void)rule;
    return audit->v86 || !must || answer_number(answer, dpl(V(GUEST_SS_AR)), 0);
}

/* Fields: access rights and selector. */
static bool keeps_data_dpl(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    uint64_t rpl = audit->value[rule->fields[1]] & SELECTOR_RPL;

    return audit->unrestricted || !looked_at(audit, rule) ||
           (rights(audit, rule) & RIGHTS_TYPE) > HIGHEST_WITH_DPL ||
           answer_among(answer, dpl(rights(audit, rule)), BITS(3, rpl));
}

static bool keeps_present(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    return !looked_at(audit, rule) || answer_bit(answer, rights(audit, rule), RIGHTS_P, 1);
}

static bool keeps_low(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return !looked_at(audit, rule) || answer_zero(answer, rights(audit, rule) & RIGHTS_LOW);
}

static bool keeps_high(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    return !looked_at(audit, rule) || answer_zero(answer, rights(audit, rule) & RIGHTS_HIGH);
}

static bool keeps_db(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    return !looked_at(audit, rule) || !audit->ia32e_guest || !(rights(audit, rule) & RIGHTS_L) ||
           answer_bit(answer, rights(audit, rule), RIGHTS_DB, 0);
}

/* Fields: access rights and limit. */
static bool keeps_bytes(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    return !looked_at(audit, rule) ||
           (audit->value[rule->fields[1]] & BITS(11, 0)) == BITS(11, 0) ||
           answer_bit(answer, rights(audit, rule), RIGHTS_G, 0);
}

static bool keeps_pages(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    return !looked_at(audit, rule) || (audit->value[rule->fields[1]] & BITS(31, 20)) == 0 ||
           answer_bit(answer, rights(audit, rule), RIGHTS_G, 1);
}

static bool keeps_usable(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    return answer_bit(answer, rights(audit, rule), RIGHTS_UNUSABLE, 0);
}

#define TYPE(R, type) CLEAR(GUEST_##R##_AR, 0xF), OR(GUEST_##R##_AR, type)
#define RESTRICTED    OFF(SECONDARY, SECONDARY_UNRESTRICTED)
#define UNRESTRICTED  ON(SECONDARY, SECONDARY_UNRESTRICTED)

/* Proofs that a register has beside those of all: none, or the same with a null selector. */
#define NO_MORE(...)
#define NULL_TOO(...) BREAKS, SET(GUEST_SS_SELECTOR, 0), __VA_ARGS__,

/* What all eight registers have in common; the steps that follow make R usable first. */
#define S(R, low, name, kind, more, ...)                                                           \
    RULE("guest." low ".s", "S of " name " must be that of " kind, keeps_s,                        \
         PROOFS(more(XOR(GUEST_##R##_AR, RIGHTS_S)) BREAKS,                                        \
                __VA_ARGS__ XOR(GUEST_##R##_AR, RIGHTS_S), KEEPS, __VA_ARGS__ AS_IT_IS),           \
         FIELDS_1(GUEST_##R##_AR))
#define PRESENT(R, low, name, more, ...)                                                           \
    RULE("guest." low ".present", name " must be present", keeps_present,                          \
         PROOFS(more(LOWER(GUEST_##R##_AR, 7)) BREAKS, __VA_ARGS__ LOWER(GUEST_##R##_AR, 7),       \
                KEEPS, __VA_ARGS__ AS_IT_IS),                                                      \
         FIELDS_1(GUEST_##R##_AR))
#define LOW(R, low, name, more, ...)                                                               \
    RULE("guest." low ".reserved_11_8", "bits 11:8 of the access rights of " name " must be 0",    \
         keeps_low,                                                                                \
         PROOFS(more(RAISE(GUEST_##R##_AR, 8)) BREAKS, __VA_ARGS__ RAISE(GUEST_##R##_AR, 8),       \
                BREAKS, __VA_ARGS__ RAISE(GUEST_##R##_AR, 11), KEEPS,                              \
                __VA_ARGS__ RAISE(GUEST_##R##_AR, 12)),                                            \
         FIELDS_1(GUEST_##R##_AR))
#define GRANULARITY(R, low, name, more, ...)                                                       \
    RULE("guest." low ".granularity.bytes",                                                        \
         "G of " name " must be 0, since one of bits 11:0 of its limit is 0", keeps_bytes,         \
         PROOFS(more(SET(GUEST_##R##_LIMIT, 0xFFFFE), RAISE(GUEST_##R##_AR, 15)) BREAKS,           \
                __VA_ARGS__ SET(GUEST_##R##_LIMIT, 0xFFFFE), RAISE(GUEST_##R##_AR, 15), KEEPS,     \
                __VA_ARGS__ SET(GUEST_##R##_LIMIT, 0xFFFFE), LOWER(GUEST_##R##_AR, 15)),           \
         FIELDS_2(GUEST_##R##_AR, GUEST_##R##_LIMIT)),                                             \
        RULE("guest." low ".granularity.pages",                                                    \
             "G of " name " must be 1, since one of bits 31:20 of its limit is 1", keeps_pages,    \
             PROOFS(more(SET(GUEST_##R##_LIMIT, 0x100FFF), LOWER(GUEST_##R##_AR, 15)) BREAKS,      \
                    __VA_ARGS__ SET(GUEST_##R##_LIMIT, 0x100FFF), LOWER(GUEST_##R##_AR, 15),       \
                    KEEPS, __VA_ARGS__ SET(GUEST_##R##_LIMIT, 0xFFFFF), LOWER(GUEST_##R##_AR, 15), \
                    KEEPS, __VA_ARGS__ SET(GUEST_##R##_LIMIT, 0x100FFF),                           \
                    RAISE(GUEST_##R##_AR, 15)),                                                    \
             FIELDS_2(GUEST_##R##_AR, GUEST_##R##_LIMIT))
#define HIGH(R, low, name, more, ...)                                                              \
    RULE("guest." low ".reserved_31_17", "bits 31:17 of the access rights of " name " must be 0",  \
         keeps_high,                                                                               \
         PROOFS(more(RAISE(GUEST_##R##_AR, 17)) BREAKS, __VA_ARGS__ RAISE(GUEST_##R##_AR, 17),     \
                BREAKS, __VA_ARGS__ RAISE(GUEST_##R##_AR, 31), KEEPS, __VA_ARGS__ AS_IT_IS),       \
         FIELDS_1(GUEST_##R##_AR))
#define REST(R, low, name, more, ...)                                                              \
    PRESENT(R, low, name, more, __VA_ARGS__), LOW(R, low, name, more, __VA_ARGS__),                \
        GRANULARITY(R, low, name, more, __VA_ARGS__), HIGH(R, low, name, more, __VA_ARGS__)

#define DATA(R, low, ...)                                                                          \
    RULE("guest." low ".type", "a usable " #R " must be accessed, and readable if it is code",     \
         keeps_type,                                                                               \
         PROOFS(BREAKS, __VA_ARGS__ TYPE(R, 2), BREAKS, __VA_ARGS__ TYPE(R, 9), BREAKS,            \
                __VA_ARGS__ TYPE(R, 13), KEEPS, __VA_ARGS__ TYPE(R, 1), KEEPS,                     \
                __VA_ARGS__ TYPE(R, 15), KEEPS, SET(GUEST_##R##_AR, RIGHTS_UNUSABLE)),             \
         FIELDS_1(GUEST_##R##_AR)),                                                                \
        S(R, low, "a usable " #R, "a code or data segment: 1", NO_MORE, __VA_ARGS__),              \
        RULE("guest." low ".dpl",                                                                  \
             "the DPL of a usable " #R " must not be below its RPL (without unrestricted guest)",  \
             keeps_data_dpl,                                                                       \
             PROOFS(BREAKS, RESTRICTED, __VA_ARGS__ OR(GUEST_##R##_SELECTOR, 3), KEEPS,            \
                    RESTRICTED, __VA_ARGS__ OR(GUEST_##R##_SELECTOR, 3), OR(GUEST_##R##_AR, 0xF),  \
                    KEEPS, RESTRICTED, __VA_ARGS__ OR(GUEST_##R##_SELECTOR, 3),                    \
                    OR(GUEST_##R##_AR, 0x60), KEEPS, UNRESTRICTED,                                 \
                    __VA_ARGS__ OR(GUEST_##R##_SELECTOR, 3)),                                      \
             FIELDS_2(GUEST_##R##_AR, GUEST_##R##_SELECTOR)),                                      \
        REST(R, low, "a usable " #R, NO_MORE, __VA_ARGS__)

static const struct audit_rule rules[] = {
    {"guest.cs.type", "CS must be accessed code, or data of an unrestricted guest", keeps_type,
     PROOFS(BREAKS, TYPE(CS, 8), BREAKS, TYPE(CS, 1), BREAKS, RESTRICTED, TYPE(CS, 3), KEEPS,
            TYPE(CS, 9), KEEPS, TYPE(CS, 13), KEEPS, AS(REAL), TYPE(CS, 3)),
     FIELDS_1(GUEST_CS_AR)},
    S(CS, "cs", "CS", "a code or data segment: 1", NO_MORE, ),
    {"guest.cs.dpl", "the DPL of CS must equal that of SS; conforming: not exceed it; data: be 0",
     keeps_cs_dpl,
     PROOFS(BREAKS, OR(GUEST_CS_AR, 0x60), BREAKS, TYPE(CS, 15), OR(GUEST_CS_AR, 0x20), BREAKS,
            AS(REAL), TYPE(CS, 3), OR(GUEST_CS_AR, 0x60), KEEPS, AS(RING_3), KEEPS, AS(RING_3),
            TYPE(CS, 15), CLEAR(GUEST_CS_AR, 0x60)),
     FIELDS_2(GUEST_CS_AR, GUEST_SS_AR)},
    PRESENT(CS, "cs", "CS", NO_MORE, ),
    LOW(CS, "cs", "CS", NO_MORE, ),
    {"guest.cs.db", "D of CS must be 0 for 64-bit code", keeps_db,
     PROOFS(BREAKS, RAISE(GUEST_CS_AR, 14), KEEPS, LOWER(GUEST_CS_AR, 13), RAISE(GUEST_CS_AR, 14),
            KEEPS, AS(PROTECTED), RAISE(GUEST_CS_AR, 13)),
     FIELDS_2(GUEST_CS_AR, ENTRY_CONTROLS)},
    GRANULARITY(CS, "cs", "CS", NO_MORE, ),
    HIGH(CS, "cs", "CS", NO_MORE, ),

    {"guest.ss.type", "a usable SS must be accessed, writable data", keeps_type,
     PROOFS(BREAKS, TYPE(SS, 1), BREAKS, TYPE(SS, 11), BREAKS, TYPE(SS, 2), BREAKS,
            SET(GUEST_SS_SELECTOR, 0), TYPE(SS, 1), KEEPS, TYPE(SS, 7), KEEPS,
            SET(GUEST_SS_AR, RIGHTS_UNUSABLE)),
     FIELDS_1(GUEST_SS_AR)},
    S(SS, "ss", "a usable SS", "a code or data segment: 1", NULL_TOO, ),
    {"guest.ss.dpl.rpl", "the DPL of SS must be its RPL (without unrestricted guest)",
     keeps_ss_dpl_rpl,
     PROOFS(BREAKS, RESTRICTED, OR(GUEST_SS_SELECTOR, 1), OR(GUEST_CS_SELECTOR, 1), KEEPS,
            RESTRICTED, AS(RING_3), KEEPS, UNRESTRICTED, OR(GUEST_SS_SELECTOR, 1)),
     FIELDS_2(GUEST_SS_AR, GUEST_SS_SELECTOR)},
    {"guest.ss.dpl.0", "the DPL of SS must be 0 in real-address mode, or where CS is data",
     keeps_ss_dpl_0,
     PROOFS(BREAKS, AS(REAL), OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 0x60), BREAKS, AS(UNPAGED),
            TYPE(CS, 3), OR(GUEST_SS_AR, 0x60), KEEPS, AS(UNPAGED), OR(GUEST_SS_AR, 0x60),
            OR(GUEST_CS_AR, 0x60)),
     FIELDS_3(GUEST_SS_AR, GUEST_CS_AR, GUEST_CR0)},
    REST(SS, "ss", "a usable SS", NULL_TOO, ),

    DATA(DS, "ds", ),
    DATA(ES, "es", ),
    DATA(FS, "fs", AS(FS), ),
    DATA(GS, "gs", AS(FS), ),

    {"guest.tr.type", "TR must be a busy 64-bit TSS in IA-32e mode", keeps_type,
     PROOFS(BREAKS, TYPE(TR, 3), BREAKS, TYPE(TR, 9), KEEPS, TYPE(TR, 11)),
     FIELDS_2(GUEST_TR_AR, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_IA32E_GUEST)},
    {"guest.tr.type_32", "TR must be a busy TSS outside IA-32e mode", keeps_tr_type_32,
     PROOFS(BREAKS, AS(PROTECTED), TYPE(TR, 1), BREAKS, AS(PROTECTED), TYPE(TR, 9), KEEPS,
            AS(PROTECTED), TYPE(TR, 3), KEEPS, AS(PROTECTED), TYPE(TR, 11)),
     FIELDS_2(GUEST_TR_AR, ENTRY_CONTROLS)},
    S(TR, "tr", "TR", "a system segment: 0", NO_MORE, ),
    REST(TR, "tr", "TR", NO_MORE, ),
    {"guest.tr.usable", "TR must be usable", keeps_usable,
     PROOFS(BREAKS, RAISE(GUEST_TR_AR, 16), KEEPS, LOWER(GUEST_TR_AR, 16)), FIELDS_1(GUEST_TR_AR)},

    {"guest.ldtr.type", "a usable LDTR must be an LDT", keeps_type,
     PROOFS(BREAKS, AS(LDT), TYPE(LDTR, 3), BREAKS, AS(LDT), TYPE(LDTR, 0), KEEPS, AS(LDT), KEEPS,
            SET(GUEST_LDTR_AR, RIGHTS_UNUSABLE)),
     FIELDS_1(GUEST_LDTR_AR)},
    S(LDTR, "ldtr", "a usable LDTR", "a system segment: 0", NO_MORE, AS(LDT), ),
    REST(LDTR, "ldtr", "a usable LDTR", NO_MORE, AS(LDT), ),
};

const struct audit_section audit_guest_rights =
    SECTION("Checks on Guest Segment Registers", AUDIT_GUEST, rules);
