/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's control registers, debug registers and MSRs. Pure. */
#include "vmx/audit_rule.h"

#define BNDCFGS_RESERVED BITS(11, 2)

/* An unrestricted guest may leave protection and paging; NW and CD are never checked, as VM entry
 * does not change them. */
static uint64_t cr0_ones(const struct audit *audit)
{
    return audit->can->cr0_fixed0 & ~(audit->unrestricted ? CR0_PE | CR0_PG : 0);
}

static bool keeps_cr0_ones(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_equal(answer, V(GUEST_CR0) & cr0_ones(audit), cr0_ones(audit));
}

static bool keeps_pg(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    (void)rule;
    return !(V(GUEST_CR0) & CR0_PG) || answer_bit(answer, V(GUEST_CR0), CR0_PE, 1);
}

static bool keeps_debugctl(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_DEBUGCTL) & ~audit->facts->debugctl_allowed);
}

static bool keeps_ia32e_pg(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_CR0), CR0_PG, 1);
}

static bool keeps_ia32e_pae(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_CR4), CR4_PAE, 1);
}

static bool keeps_pcide(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    (void)rule;
    return audit->ia32e_guest || answer_bit(answer, V(GUEST_CR4), CR4_PCIDE, 0);
}

static bool keeps_efer_lma(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_EFER), EFER_LMA, audit->ia32e_guest);
}

static bool keeps_efer_lme(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return !(V(GUEST_CR0) & CR0_PG) ||
           answer_bit(answer, V(GUEST_EFER), EFER_LME, (V(GUEST_EFER) & EFER_LMA) != 0);
}

static bool keeps_bndcfgs(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_BNDCFGS) & BNDCFGS_RESERVED);
}

static bool keeps_bndcfgs_address(const struct audit *audit, const struct audit_rule *rule,
                                  struct audit_answer *answer)
{
    (void)rule;
    return answer_canonical(answer, V(GUEST_BNDCFGS) & BITS(63, 12), audit->linear_width);
}

static bool keeps_rtit_ctl(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_RTIT_CTL) & ~audit->facts->rtit_ctl_allowed);
}

static bool keeps_lbr_ctl(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_LBR_CTL) & ~audit->facts->lbr_ctl_allowed);
}

static bool keeps_uinv(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_UINV) & BITS(15, 8));
}

#define DEBUG   ON(ENTRY, ENTRY_LOAD_DEBUG)
#define PERF    ON(ENTRY, ENTRY_LOAD_PERF_GLOBAL_CTRL)
#define PAT     ON(ENTRY, ENTRY_LOAD_PAT)
#define EFER    ON(ENTRY, ENTRY_LOAD_EFER)
#define BNDCFGS ON(ENTRY, ENTRY_LOAD_BNDCFGS)
#define CET     ON(ENTRY, ENTRY_LOAD_CET)
#define PKRS    ON(ENTRY, ENTRY_LOAD_PKRS)
#define RTIT    NEED(NO_TRACING), ON(ENTRY, ENTRY_LOAD_RTIT_CTL)
#define LBR     ON(ENTRY, ENTRY_LOAD_LBR_CTL)
#define UINV    ON(ENTRY, ENTRY_LOAD_UINV)

#define CANONICAL_PROOFS(symbol)                                                                   \
    PROOFS(BREAKS, SYM(symbol, NOT_CANONICAL), BREAKS, SET(symbol, 0), RAISE(symbol, 63), KEEPS,   \
           SYM(symbol, CANONICAL), KEEPS, SYM(symbol, CANONICAL_UPPER))

static const struct audit_rule rules[] = {
    {"guest.cr0.must_be_1", "bits that VMX operation fixes to 1 in CR0 must be 1", keeps_cr0_ones,
     PROOFS(BREAKS, LOWER(GUEST_CR0, 5), BREAKS, AS(PROTECTED),
            OFF(SECONDARY, SECONDARY_UNRESTRICTED), LOWER(GUEST_CR0, 31), KEEPS, AS(UNPAGED), KEEPS,
            AS(REAL)),
     FIELDS_1(GUEST_CR0)},
    {"guest.cr0.must_be_0", "bits that VMX operation fixes to 0 in CR0 must be 0", check_cr0_zeros,
     PROOFS(BREAKS, OR_SYM(GUEST_CR0, CR0_REFUSED), BREAKS, RAISE(GUEST_CR0, 63), KEEPS,
            RAISE(GUEST_CR0, 30), KEEPS, RAISE(GUEST_CR0, 29), RAISE(GUEST_CR0, 30)),
     FIELDS_1(GUEST_CR0)},
    {"guest.cr0.pe", "CR0.PG needs CR0.PE", keeps_pg,
     PROOFS(BREAKS, AS(PROTECTED), ON(SECONDARY, SECONDARY_UNRESTRICTED), LOWER(GUEST_CR0, 0),
            KEEPS, AS(REAL)),
     FIELDS_1(GUEST_CR0)},
    {"guest.cr4.must_be_1", "bits that VMX operation fixes to 1 in CR4 must be 1", check_cr4_ones,
     PROOFS(BREAKS, LOWER(GUEST_CR4, 13), KEEPS, RAISE(GUEST_CR4, 7)), FIELDS_1(GUEST_CR4)},
    {"guest.cr4.must_be_0", "bits that VMX operation fixes to 0 in CR4 must be 0", check_cr4_zeros,
     PROOFS(BREAKS, OR_SYM(GUEST_CR4, CR4_REFUSED), BREAKS, RAISE(GUEST_CR4, 63), KEEPS,
            RAISE(GUEST_CR4, 7)),
     FIELDS_1(GUEST_CR4)},
    {"guest.cr4.cet", "CR4.CET needs CR0.WP", check_cet_wp,
     PROOFS(BREAKS, NEED(CR4_CET), RAISE(GUEST_CR4, 23), LOWER(GUEST_CR0, 16), KEEPS, NEED(CR4_CET),
            RAISE(GUEST_CR4, 23), RAISE(GUEST_CR0, 16), KEEPS, LOWER(GUEST_CR0, 16)),
     FIELDS_2(GUEST_CR0, GUEST_CR4)},
    {"guest.debugctl.reserved", "reserved bits of IA32_DEBUGCTL must be 0", keeps_debugctl,
     PROOFS(BREAKS, DEBUG, SYM(GUEST_DEBUGCTL, DEBUGCTL_REFUSED), BREAKS, DEBUG,
            SET(GUEST_DEBUGCTL, 0x10000), BREAKS, DEBUG, SET(GUEST_DEBUGCTL, 0),
            RAISE(GUEST_DEBUGCTL, 63), KEEPS, DEBUG, SET(GUEST_DEBUGCTL, 1), KEEPS, DEBUG,
            SET(GUEST_DEBUGCTL, 2), KEEPS, OFF(ENTRY, ENTRY_LOAD_DEBUG), RAISE(GUEST_DEBUGCTL, 63)),
     FIELDS_1(GUEST_DEBUGCTL), WHEN(ENTRY, ENTRY_LOAD_DEBUG)},
    {"guest.ia32e.pg", "an IA-32e mode guest needs CR0.PG", keeps_ia32e_pg,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_UNRESTRICTED), LOWER(GUEST_CR0, 31), BREAKS_ALSO,
            LOWER(GUEST_CR0, 31), KEEPS, RAISE(GUEST_CR0, 31)),
     FIELDS_2(GUEST_CR0, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_IA32E_GUEST)},
    {"guest.ia32e.pae", "an IA-32e mode guest needs CR4.PAE", keeps_ia32e_pae,
     PROOFS(BREAKS, LOWER(GUEST_CR4, 5), KEEPS, AS(PROTECTED), LOWER(GUEST_CR4, 5)),
     FIELDS_2(GUEST_CR4, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_IA32E_GUEST)},
    {"guest.cr4.pcide", "CR4.PCIDE needs an IA-32e mode guest", keeps_pcide,
     PROOFS(BREAKS, NEED(CR4_PCIDE), AS(PROTECTED), RAISE(GUEST_CR4, 17), KEEPS, NEED(CR4_PCIDE),
            RAISE(GUEST_CR4, 17)),
     FIELDS_2(GUEST_CR4, ENTRY_CONTROLS)},
    {"guest.cr3.width", "CR3 must set no bit beyond the physical-address width", check_cr3,
     PROOFS(BREAKS, OR_SYM(GUEST_CR3, CR3_WIDTH), BREAKS, RAISE(GUEST_CR3, 52), BREAKS,
            RAISE(GUEST_CR3, 63), KEEPS, OR_SYM(GUEST_CR3, CR3_TOP), KEEPS, OR(GUEST_CR3, 0xFFF)),
     FIELDS_1(GUEST_CR3)},
    {"guest.dr7.reserved", "bits 63:32 of DR7 must be 0", check_zero_32_63,
     PROOFS(BREAKS, DEBUG, RAISE(GUEST_DR7, 32), BREAKS, DEBUG, RAISE(GUEST_DR7, 63), KEEPS, DEBUG,
            SET(GUEST_DR7, 0xFFFFFFFF), KEEPS, OFF(ENTRY, ENTRY_LOAD_DEBUG), RAISE(GUEST_DR7, 32)),
     FIELDS_1(GUEST_DR7), WHEN(ENTRY, ENTRY_LOAD_DEBUG)},
    {"guest.sysenter_esp.canonical", "IA32_SYSENTER_ESP must be canonical", check_canonical,
     CANONICAL_PROOFS(GUEST_SYSENTER_ESP), FIELDS_1(GUEST_SYSENTER_ESP)},
    {"guest.sysenter_eip.canonical", "IA32_SYSENTER_EIP must be canonical", check_canonical,
     CANONICAL_PROOFS(GUEST_SYSENTER_EIP), FIELDS_1(GUEST_SYSENTER_EIP)},
    {"guest.s_cet.reserved", "reserved bits of IA32_S_CET must be 0", check_s_cet,
     PROOFS(BREAKS, CET, SET(GUEST_S_CET, 0x40), BREAKS, CET, SET(GUEST_S_CET, 0x200), KEEPS, CET,
            SET(GUEST_S_CET, 0x3F)),
     FIELDS_1(GUEST_S_CET), WHEN(ENTRY, ENTRY_LOAD_CET)},
    {"guest.s_cet.tracker", "IA32_S_CET.SUPPRESS and TRACKER exclude each other", check_s_cet_track,
     PROOFS(BREAKS, CET, SET(GUEST_S_CET, 0xC00), KEEPS, CET, SET(GUEST_S_CET, 0x800)),
     FIELDS_1(GUEST_S_CET), WHEN(ENTRY, ENTRY_LOAD_CET)},
    {"guest.s_cet.canonical", "IA32_S_CET must be canonical", check_canonical,
     PROOFS(BREAKS, CET, SYM(GUEST_S_CET, NOT_CANONICAL), KEEPS, CET,
            SYM(GUEST_S_CET, CANONICAL_UPPER)),
     FIELDS_1(GUEST_S_CET), WHEN(ENTRY, ENTRY_LOAD_CET)},
    {"guest.interrupt_ssp_table.canonical", "IA32_INTERRUPT_SSP_TABLE_ADDR must be canonical",
     check_canonical,
     PROOFS(BREAKS, CET, SYM(GUEST_INTERRUPT_SSP_TABLE, NOT_CANONICAL), KEEPS, CET,
            SYM(GUEST_INTERRUPT_SSP_TABLE, CANONICAL)),
     FIELDS_1(GUEST_INTERRUPT_SSP_TABLE), WHEN(ENTRY, ENTRY_LOAD_CET)},
    {"guest.perf_global_ctrl.reserved", "reserved bits of IA32_PERF_GLOBAL_CTRL must be 0",
     check_perf_global,
     PROOFS(BREAKS, PERF, SYM(GUEST_PERF_GLOBAL_CTRL, PERF_REFUSED), BREAKS, PERF,
            SET(GUEST_PERF_GLOBAL_CTRL, 0), RAISE(GUEST_PERF_GLOBAL_CTRL, 63), KEEPS, PERF,
            SYM(GUEST_PERF_GLOBAL_CTRL, PERF_ALLOWED)),
     FIELDS_1(GUEST_PERF_GLOBAL_CTRL), WHEN(ENTRY, ENTRY_LOAD_PERF_GLOBAL_CTRL)},
    {"guest.pat.types", "each byte of IA32_PAT must be a memory type", check_pat,
     PROOFS(BREAKS, PAT, SET(GUEST_PAT, 2), BREAKS, PAT, SET(GUEST_PAT, 0x03000000), BREAKS, PAT,
            RAISE(GUEST_PAT, 63), BREAKS, PAT, SET(GUEST_PAT, 8), KEEPS, PAT,
            SET(GUEST_PAT, 0x00010405), SET_HIGH(GUEST_PAT, 0x06070000), KEEPS,
            OFF(ENTRY, ENTRY_LOAD_PAT), SET(GUEST_PAT, 2)),
     FIELDS_1(GUEST_PAT), WHEN(ENTRY, ENTRY_LOAD_PAT)},
    {"guest.efer.reserved", "reserved bits of IA32_EFER must be 0", check_efer,
     PROOFS(BREAKS, EFER, OR_SYM(GUEST_EFER, EFER_REFUSED), BREAKS, EFER, RAISE(GUEST_EFER, 63),
            KEEPS, EFER, RAISE(GUEST_EFER, 0)),
     FIELDS_1(GUEST_EFER), WHEN(ENTRY, ENTRY_LOAD_EFER)},
    {"guest.efer.lma", "IA32_EFER.LMA must be the IA-32e mode guest control", keeps_efer_lma,
     PROOFS(BREAKS, AS(REAL), EFER, RAISE(GUEST_EFER, 10), BREAKS_ALSO, EFER, LOWER(GUEST_EFER, 10),
            BREAKS, EFER, LOWER(GUEST_EFER, 10), LOWER(GUEST_EFER, 8), KEEPS, AS(PROTECTED), EFER),
     FIELDS_2(GUEST_EFER, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_LOAD_EFER)},
    {"guest.efer.lme", "IA32_EFER.LME must be LMA where CR0.PG is 1", keeps_efer_lme,
     PROOFS(BREAKS, EFER, LOWER(GUEST_EFER, 8), BREAKS, AS(PROTECTED), EFER, RAISE(GUEST_EFER, 8),
            KEEPS, AS(REAL), EFER, RAISE(GUEST_EFER, 8)),
     FIELDS_2(GUEST_EFER, GUEST_CR0), WHEN(ENTRY, ENTRY_LOAD_EFER)},
    {"guest.bndcfgs.reserved", "bits 11:2 of IA32_BNDCFGS must be 0", keeps_bndcfgs,
     PROOFS(BREAKS, BNDCFGS, SET(GUEST_BNDCFGS, 4), BREAKS, BNDCFGS, SET(GUEST_BNDCFGS, 0x800),
            KEEPS, BNDCFGS, SET(GUEST_BNDCFGS, 3)),
     FIELDS_1(GUEST_BNDCFGS), WHEN(ENTRY, ENTRY_LOAD_BNDCFGS)},
    {"guest.bndcfgs.canonical", "the address in IA32_BNDCFGS must be canonical",
     keeps_bndcfgs_address,
     PROOFS(BREAKS, BNDCFGS, SYM(GUEST_BNDCFGS, NOT_CANONICAL), KEEPS, BNDCFGS,
            SYM(GUEST_BNDCFGS, CANONICAL_UPPER)),
     FIELDS_1(GUEST_BNDCFGS), WHEN(ENTRY, ENTRY_LOAD_BNDCFGS)},
    {"guest.rtit_ctl.reserved", "reserved bits of IA32_RTIT_CTL must be 0", keeps_rtit_ctl,
     PROOFS(BREAKS, RTIT, SET(GUEST_RTIT_CTL, 0), RAISE(GUEST_RTIT_CTL, 63), KEEPS, RTIT,
            SET(GUEST_RTIT_CTL, 0)),
     FIELDS_1(GUEST_RTIT_CTL), WHEN(ENTRY, ENTRY_LOAD_RTIT_CTL)},
    {"guest.lbr_ctl.reserved", "reserved bits of IA32_LBR_CTL must be 0", keeps_lbr_ctl,
     PROOFS(BREAKS, LBR, SET(GUEST_LBR_CTL, 0), RAISE(GUEST_LBR_CTL, 63), KEEPS, LBR,
            SET(GUEST_LBR_CTL, 0)),
     FIELDS_1(GUEST_LBR_CTL), WHEN(ENTRY, ENTRY_LOAD_LBR_CTL)},
    {"guest.pkrs.reserved", "bits 63:32 of IA32_PKRS must be 0", check_zero_32_63,
     PROOFS(BREAKS, PKRS, RAISE(GUEST_PKRS, 32), BREAKS, PKRS, RAISE(GUEST_PKRS, 63), KEEPS, PKRS,
            SET(GUEST_PKRS, 0xFFFFFFFF)),
     FIELDS_1(GUEST_PKRS), WHEN(ENTRY, ENTRY_LOAD_PKRS)},
    {"guest.uinv.reserved", "bits 15:8 of UINV must be 0", keeps_uinv,
     PROOFS(BREAKS, UINV, SET(GUEST_UINV, 0x100), BREAKS, UINV, SET(GUEST_UINV, 0x8000), KEEPS,
            UINV, SET(GUEST_UINV, 0xFF)),
     FIELDS_1(GUEST_UINV), WHEN(ENTRY, ENTRY_LOAD_UINV)},
};

const struct audit_section audit_guest_registers =
    SECTION("Checks on Guest Control Registers, Debug Registers, and MSRs", AUDIT_GUEST, rules);
