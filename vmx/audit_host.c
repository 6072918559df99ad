/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the host-state area. What keeps them here is harmless to load: even a failed entry loads
 * the host's state. Pure.
 */
#include "vmx/audit_rule.h"

#define SELECTOR_RPL_TI BITS(2, 0)

static bool keeps_cr0_ones(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    uint64_t ones = audit->can->cr0_fixed0;

    (void)rule;
    return answer_equal(answer, V(HOST_CR0) & ones, ones);
}

/* Both are the "host address-space size" control's value. */
static bool keeps_efer_lma(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(HOST_EFER), EFER_LMA, ACTS(EXIT, EXIT_HOST_64));
}

static bool keeps_efer_lme(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(HOST_EFER), EFER_LME, ACTS(EXIT, EXIT_HOST_64));
}

static bool keeps_ssp_alignment(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(HOST_SSP) & BITS(1, 0));
}

#define PERF ON(EXIT, EXIT_LOAD_PERF_GLOBAL_CTRL)
#define PAT  ON(EXIT, EXIT_LOAD_PAT)
#define EFER ON(EXIT, EXIT_LOAD_EFER)
#define CET  ON(EXIT, EXIT_LOAD_CET)
#define PKRS ON(EXIT, EXIT_LOAD_PKRS)
#define SYSENTER_PROOFS(symbol)                                                                    \
    PROOFS(BREAKS, SYM(symbol, NOT_CANONICAL), BREAKS, SET(symbol, 0), RAISE(symbol, 63), KEEPS,   \
           SYM(symbol, CANONICAL), KEEPS, SYM(symbol, CANONICAL_UPPER))

/* A length of 2^32 from address 0 on is allowed, and no emulator's product of 32 bits. It is tried
 * with a broken host alone, so that nothing is loaded or stored. */
#define MANY(area) SET(area##_ADDRESS, 0), SET(area##_COUNT, 0x10000000), RAISE(HOST_CR0, 63)

static const struct audit_rule register_rules[] = {
    {"host.cr0.must_be_1", "bits that VMX operation fixes to 1 in CR0 must be 1", keeps_cr0_ones,
     PROOFS(BREAKS, LOWER(HOST_CR0, 5), BREAKS, LOWER(HOST_CR0, 31), BREAKS, LOWER(HOST_CR0, 0),
            KEEPS, RAISE(HOST_CR0, 1)),
     FIELDS_1(HOST_CR0)},
    {"host.cr0.must_be_0", "bits that VMX operation fixes to 0 in CR0 must be 0", check_cr0_zeros,
     PROOFS(BREAKS, OR_SYM(HOST_CR0, CR0_REFUSED), BREAKS, RAISE(HOST_CR0, 63), BREAKS,
            MANY(EXIT_MSR_STORE), BREAKS, MANY(EXIT_MSR_LOAD), BREAKS, MANY(ENTRY_MSR_LOAD), KEEPS,
            RAISE(HOST_CR0, 1)),
     FIELDS_1(HOST_CR0)},
    {"host.cr4.must_be_1", "bits that VMX operation fixes to 1 in CR4 must be 1", check_cr4_ones,
     PROOFS(BREAKS, LOWER(HOST_CR4, 13), KEEPS, RAISE(HOST_CR4, 7)), FIELDS_1(HOST_CR4)},
    {"host.cr4.must_be_0", "bits that VMX operation fixes to 0 in CR4 must be 0", check_cr4_zeros,
     PROOFS(BREAKS, OR_SYM(HOST_CR4, CR4_REFUSED), BREAKS, RAISE(HOST_CR4, 63), KEEPS,
            RAISE(HOST_CR4, 7)),
     FIELDS_1(HOST_CR4)},
    {"host.cr4.cet", "CR4.CET needs CR0.WP", check_cet_wp,
     PROOFS(BREAKS, NEED(CR4_CET), RAISE(HOST_CR4, 23), LOWER(HOST_CR0, 16), KEEPS,
            LOWER(HOST_CR4, 23), LOWER(HOST_CR0, 16)),
     FIELDS_2(HOST_CR0, HOST_CR4)},
    {"host.cr3.width", "CR3 must set no bit beyond the physical-address width", check_cr3,
     PROOFS(BREAKS, OR_SYM(HOST_CR3, CR3_WIDTH), BREAKS, RAISE(HOST_CR3, 52), BREAKS,
            RAISE(HOST_CR3, 63), KEEPS, RAISE(HOST_CR3, 3)),
     FIELDS_1(HOST_CR3)},
    {"host.sysenter_esp.canonical", "IA32_SYSENTER_ESP must be canonical", check_canonical,
     SYSENTER_PROOFS(HOST_SYSENTER_ESP), FIELDS_1(HOST_SYSENTER_ESP)},
    {"host.sysenter_eip.canonical", "IA32_SYSENTER_EIP must be canonical", check_canonical,
     SYSENTER_PROOFS(HOST_SYSENTER_EIP), FIELDS_1(HOST_SYSENTER_EIP)},
    {"host.perf_global_ctrl.reserved", "reserved bits of IA32_PERF_GLOBAL_CTRL must be 0",
     check_perf_global,
     PROOFS(BREAKS, PERF, SYM(HOST_PERF_GLOBAL_CTRL, PERF_REFUSED), BREAKS, PERF,
            SET(HOST_PERF_GLOBAL_CTRL, 0), RAISE(HOST_PERF_GLOBAL_CTRL, 63), KEEPS, PERF,
            SET(HOST_PERF_GLOBAL_CTRL, 0)),
     FIELDS_1(HOST_PERF_GLOBAL_CTRL), WHEN(EXIT, EXIT_LOAD_PERF_GLOBAL_CTRL)},
    {"host.pat.types", "each byte of IA32_PAT must be a memory type", check_pat,
     PROOFS(BREAKS, PAT, OR(HOST_PAT, 0x03000000), BREAKS, PAT, SET(HOST_PAT, 2), BREAKS, PAT,
            RAISE(HOST_PAT, 63), KEEPS, PAT, SET(HOST_PAT, 0x00070406),
            SET_HIGH(HOST_PAT, 0x05010406)),
     FIELDS_1(HOST_PAT), WHEN(EXIT, EXIT_LOAD_PAT)},
    {"host.efer.reserved", "reserved bits of IA32_EFER must be 0", check_efer,
     PROOFS(BREAKS, EFER, OR_SYM(HOST_EFER, EFER_REFUSED), BREAKS, EFER, RAISE(HOST_EFER, 63),
            KEEPS, EFER, RAISE(HOST_EFER, 0)),
     FIELDS_1(HOST_EFER), WHEN(EXIT, EXIT_LOAD_EFER)},
    {"host.efer.lma", "IA32_EFER.LMA must equal the host address-space size control",
     keeps_efer_lma,
     PROOFS(BREAKS, EFER, CLEAR(HOST_EFER, EFER_LMA), KEEPS, EFER, OR(HOST_EFER, EFER_LMA)),
     FIELDS_2(HOST_EFER, EXIT_CONTROLS), WHEN(EXIT, EXIT_LOAD_EFER)},
    {"host.efer.lme", "IA32_EFER.LME must equal the host address-space size control",
     keeps_efer_lme,
     PROOFS(BREAKS, EFER, CLEAR(HOST_EFER, EFER_LME), KEEPS, EFER, OR(HOST_EFER, EFER_LME)),
     FIELDS_2(HOST_EFER, EXIT_CONTROLS), WHEN(EXIT, EXIT_LOAD_EFER)},
    {"host.s_cet.reserved", "reserved bits of IA32_S_CET must be 0", check_s_cet,
     PROOFS(BREAKS, CET, SET(HOST_S_CET, 0x40), BREAKS, CET, SET(HOST_S_CET, 0x200), KEEPS, CET,
            SET(HOST_S_CET, 0), KEEPS, CET, SET(HOST_S_CET, 0x3C)),
     FIELDS_1(HOST_S_CET), WHEN(EXIT, EXIT_LOAD_CET)},
    {"host.s_cet.tracker", "IA32_S_CET.SUPPRESS and TRACKER exclude each other", check_s_cet_track,
     PROOFS(BREAKS, CET, SET(HOST_S_CET, 0xC00), KEEPS, CET, SET(HOST_S_CET, 0x400)),
     FIELDS_1(HOST_S_CET), WHEN(EXIT, EXIT_LOAD_CET)},
    {"host.s_cet.canonical", "IA32_S_CET must be canonical", check_canonical,
     PROOFS(BREAKS, CET, SYM(HOST_S_CET, NOT_CANONICAL), KEEPS, CET,
            SYM(HOST_S_CET, CANONICAL_UPPER)),
     FIELDS_1(HOST_S_CET), WHEN(EXIT, EXIT_LOAD_CET)},
    {"host.interrupt_ssp_table.canonical", "IA32_INTERRUPT_SSP_TABLE_ADDR must be canonical",
     check_canonical,
     PROOFS(BREAKS, CET, SYM(HOST_INTERRUPT_SSP_TABLE, NOT_CANONICAL), KEEPS, CET,
            SYM(HOST_INTERRUPT_SSP_TABLE, CANONICAL_UPPER)),
     FIELDS_1(HOST_INTERRUPT_SSP_TABLE), WHEN(EXIT, EXIT_LOAD_CET)},
    {"host.ssp.aligned", "bits 1:0 of SSP must be 0", keeps_ssp_alignment,
     PROOFS(BREAKS, CET, SET(HOST_SSP, 1), BREAKS, CET, SET(HOST_SSP, 2), KEEPS, CET,
            SET(HOST_SSP, 4)),
     FIELDS_1(HOST_SSP), WHEN(EXIT, EXIT_LOAD_CET)},
    {"host.pkrs.reserved", "bits 63:32 of IA32_PKRS must be 0", check_zero_32_63,
     PROOFS(BREAKS, PKRS, RAISE(HOST_PKRS, 32), BREAKS, PKRS, RAISE(HOST_PKRS, 63), KEEPS, PKRS,
            SET(HOST_PKRS, 0)),
     FIELDS_1(HOST_PKRS), WHEN(EXIT, EXIT_LOAD_PKRS)},
};

const struct audit_section audit_host_registers =
    SECTION("Checks on Host Control Registers, MSRs, and SSP", AUDIT_HOST, register_rules);

static bool keeps_selector(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    return answer_zero(answer, audit->value[rule->fields[0]] & SELECTOR_RPL_TI);
}

static bool keeps_ss(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    (void)rule;
    return ACTS(EXIT, EXIT_HOST_64) || answer_not_zero(answer, V(HOST_SS_SELECTOR));
}

#define SELECTOR(R, low)                                                                           \
    RULE("host." low ".selector", "the RPL and TI of " #R "'s selector must be 0", keeps_selector, \
         PROOFS(BREAKS, OR(HOST_##R##_SELECTOR, 1), BREAKS, OR(HOST_##R##_SELECTOR, 2), BREAKS,    \
                OR(HOST_##R##_SELECTOR, 4), KEEPS, SET(HOST_##R##_SELECTOR, 8)),                   \
         FIELDS_1(HOST_##R##_SELECTOR))
/* FS is not used, so any canonical base may be loaded; the others keep their own. */
#define BASE(R, low, ...)                                                                          \
    RULE("host." low ".base", "the base of " #R " must be canonical", check_canonical,             \
         PROOFS(BREAKS, SYM(HOST_##R##_BASE, NOT_CANONICAL), BREAKS,                               \
                SYM(HOST_##R##_BASE, BEYOND_LINEAR) __VA_ARGS__),                                  \
         FIELDS_1(HOST_##R##_BASE))

static const struct audit_rule segment_rules[] = {
    SELECTOR(ES, "es"),
    SELECTOR(CS, "cs"),
    SELECTOR(SS, "ss"),
    SELECTOR(DS, "ds"),
    SELECTOR(FS, "fs"),
    SELECTOR(GS, "gs"),
    SELECTOR(TR, "tr"),
    {"host.cs.not_0", "CS's selector must not be 0", check_not_zero,
     PROOFS(BREAKS, SET(HOST_CS_SELECTOR, 0), KEEPS, SET(HOST_CS_SELECTOR, 8)),
     FIELDS_1(HOST_CS_SELECTOR)},
    {"host.tr.not_0", "TR's selector must not be 0", check_not_zero,
     PROOFS(BREAKS, SET(HOST_TR_SELECTOR, 0), KEEPS, SET(HOST_TR_SELECTOR, 8)),
     FIELDS_1(HOST_TR_SELECTOR)},
    {"host.ss.not_0", "SS's selector must not be 0 for a host that is not in 64-bit mode", keeps_ss,
     PROOFS(BREAKS_ALSO, OFF(EXIT, EXIT_HOST_64), SET(HOST_SS_SELECTOR, 0), KEEPS,
            SET(HOST_SS_SELECTOR, 0)),
     FIELDS_2(HOST_SS_SELECTOR, EXIT_CONTROLS)},
    BASE(FS, "fs", , KEEPS, SYM(HOST_FS_BASE, CANONICAL), KEEPS,
         SYM(HOST_FS_BASE, CANONICAL_UPPER)),
    BASE(GS, "gs", , KEEPS),
    BASE(GDTR, "gdtr", , KEEPS),
    BASE(IDTR, "idtr", , KEEPS),
    BASE(TR, "tr", , KEEPS),
};

const struct audit_section audit_host_segments =
    SECTION("Checks on Host Segment and Descriptor-Table Registers", AUDIT_HOST, segment_rules);

static bool keeps_host_64(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, ACTS(EXIT, EXIT_HOST_64), audit->facts->ia32e);
}

/* The host of a 64-bit guest is in 64-bit mode: so are both checks that say it. */
static bool keeps_guest_64(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return (audit->facts->ia32e && ACTS(EXIT, EXIT_HOST_64)) ||
           answer_number(answer, audit->ia32e_guest, 0);
}

static bool keeps_pcide(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    (void)rule;
    return ACTS(EXIT, EXIT_HOST_64) || answer_bit(answer, V(HOST_CR4), CR4_PCIDE, 0);
}

static bool keeps_pae(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    (void)rule;
    return !ACTS(EXIT, EXIT_HOST_64) || answer_bit(answer, V(HOST_CR4), CR4_PAE, 1);
}

/* A pointer of a host: canonical, or of 32 bits. The first field. */
static bool keeps_pointer(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    uint64_t pointer = audit->value[rule->fields[0]];

    return ACTS(EXIT, EXIT_HOST_64)
               ? answer_canonical(answer, pointer, V(HOST_CR4) & CR4_LA57 ? 57 : 48)
               : answer_zero(answer, pointer & BITS(63, 32));
}

/* Canonical for a 64-bit host: host.s_cet.canonical says so. */
static bool keeps_s_cet_size(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return ACTS(EXIT, EXIT_HOST_64) || answer_zero(answer, V(HOST_S_CET) & BITS(63, 32));
}

#define EITHER .flags = AUDIT_EITHER_ERROR

static const struct audit_rule size_rules[] = {
    {"host.size.host", "the host address-space size control must equal IA32_EFER.LMA as it is now",
     keeps_host_64, PROOFS(BREAKS_ALSO, OFF(EXIT, EXIT_HOST_64), KEEPS, ON(EXIT, EXIT_HOST_64)),
     FIELDS_1(EXIT_CONTROLS), EITHER},
    {"host.size.guest", "an IA-32e mode guest needs a 64-bit host", keeps_guest_64,
     PROOFS(BREAKS_ALSO, OFF(EXIT, EXIT_HOST_64), ON(ENTRY, ENTRY_IA32E_GUEST), KEEPS,
            ON(ENTRY, ENTRY_IA32E_GUEST)),
     FIELDS_2(ENTRY_CONTROLS, EXIT_CONTROLS), EITHER},
    {"host.size.pcide", "CR4.PCIDE is for a 64-bit host", keeps_pcide,
     PROOFS(BREAKS_ALSO, NEED(CR4_PCIDE), OFF(EXIT, EXIT_HOST_64), RAISE(HOST_CR4, 17), KEEPS,
            LOWER(HOST_CR4, 17)),
     FIELDS_2(HOST_CR4, EXIT_CONTROLS), EITHER},
    {"host.size.pae", "a 64-bit host needs CR4.PAE", keeps_pae,
     PROOFS(BREAKS, LOWER(HOST_CR4, 5), KEEPS, RAISE(HOST_CR4, 5)),
     FIELDS_2(HOST_CR4, EXIT_CONTROLS), EITHER},
    {"host.rip", "RIP must be canonical for a 64-bit host, of 32 bits for another", keeps_pointer,
     PROOFS(BREAKS, SYM(HOST_RIP, NOT_CANONICAL_48), BREAKS, LOWER(HOST_RIP, 63), KEEPS,
            RAISE(HOST_RIP, 63)),
     FIELDS_2(HOST_RIP, EXIT_CONTROLS), EITHER},
    {"host.ssp", "SSP must be canonical for a 64-bit host, of 32 bits for another", keeps_pointer,
     PROOFS(BREAKS, CET, SYM(HOST_SSP, NOT_CANONICAL_48), KEEPS, CET, SET(HOST_SSP, 0)),
     FIELDS_2(HOST_SSP, EXIT_CONTROLS), WHEN(EXIT, EXIT_LOAD_CET), EITHER},
    {"host.size.s_cet", "bits 63:32 of IA32_S_CET must be 0 for a host that is not in 64-bit mode",
     keeps_s_cet_size,
     PROOFS(BREAKS_ALSO, CET, OFF(EXIT, EXIT_HOST_64), SYM(HOST_S_CET, CANONICAL_UPPER), KEEPS, CET,
            SYM(HOST_S_CET, CANONICAL_UPPER)),
     FIELDS_2(HOST_S_CET, EXIT_CONTROLS), WHEN(EXIT, EXIT_LOAD_CET), EITHER},
};

const struct audit_section audit_address_space =
    SECTION("Checks Related to Address-Space Size", AUDIT_HOST, size_rules);
