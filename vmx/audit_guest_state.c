/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's non-register state. Pure. */
#include "vmx/audit_rule.h"

enum activity { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI };

#define BLOCKING_STI       BIT(0)
#define BLOCKING_MOV_SS    BIT(1)
#define BLOCKING_SMI       BIT(2)
#define BLOCKING_NMI       BIT(3)
#define ENCLAVE            BIT(4)
#define BLOCKING_RESERVED  BITS(31, 5)
#define PENDING_RTM        BIT(16)
#define PENDING_BUS_LOCK   BIT(11)
#define PENDING_BREAKPOINT BIT(12)
#define PENDING_BS         BIT(14)
#define PENDING_RESERVED   (BITS(63, 17) | BIT(15) | BIT(13) | BITS(10, 4))
#define AR_DPL             BITS(6, 5)

static bool keeps_activity(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    uint64_t misc = audit->can->misc;

    (void)rule;
    return answer_among(answer, V(GUEST_ACTIVITY),
                        BIT(ACTIVE) | (misc & VMX_MISC_HLT ? BIT(HLT) : 0) |
                            (misc & VMX_MISC_SHUTDOWN ? BIT(SHUTDOWN) : 0) |
                            (misc & VMX_MISC_WAIT_FOR_SIPI ? BIT(WAIT_FOR_SIPI) : 0));
}

static bool keeps_hlt_dpl(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return FIELD_GET(AR_DPL, V(GUEST_SS_AR)) == 0 ||
           answer_number(answer, V(GUEST_ACTIVITY) == HLT, 0);
}

static bool keeps_active(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    (void)rule;
    return !(V(GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS)) ||
           answer_number(answer, V(GUEST_ACTIVITY), ACTIVE);
}

/* Whether an event wakes a processor that halts. */
static bool wakes_hlt(const struct audit *audit)
{
    switch (audit->event_type) {
    case INTERRUPTION_EXTERNAL:
    case INTERRUPTION_NMI:
        return true;
    case INTERRUPTION_HARDWARE_EXCEPTION:
        return audit->event_vector == VECTOR_DB || audit->event_vector == VECTOR_MC;
    case INTERRUPTION_OTHER:
        return audit->event_vector == 0;
    default:
        return false;
    }
}

static bool wakes_shutdown(const struct audit *audit)
{
    return audit->event_type == INTERRUPTION_NMI ||
           (audit->event_type == INTERRUPTION_HARDWARE_EXCEPTION &&
            audit->event_vector == VECTOR_MC);
}

static bool keeps_wakeable(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    uint64_t states = BIT(ACTIVE) | (wakes_hlt(audit) ? BIT(HLT) : 0) |
                      (wakes_shutdown(audit) ? BIT(SHUTDOWN) : 0);

    (void)rule;
    return !audit->injects || V(GUEST_ACTIVITY) > WAIT_FOR_SIPI ||
           answer_among(answer, V(GUEST_ACTIVITY), states);
}

static bool keeps_sipi(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, V(GUEST_ACTIVITY) == WAIT_FOR_SIPI, 0);
}

static bool keeps_blocking_zeros(const struct audit *audit, const struct audit_rule *rule,
                                 struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(GUEST_INTERRUPTIBILITY) & BLOCKING_RESERVED);
}

static bool blocks(const struct audit *audit, uint64_t bits)
{
    return (V(GUEST_INTERRUPTIBILITY) & bits) == bits;
}

static bool keeps_one_shadow(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, blocks(audit, BLOCKING_STI | BLOCKING_MOV_SS), 0);
}

static bool keeps_sti_if(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    (void)rule;
    return V(GUEST_RFLAGS) & RFLAGS_IF || answer_number(answer, blocks(audit, BLOCKING_STI), 0);
}

static bool injects(const struct audit *audit, enum interruption_type type)
{
    return audit->injects && audit->event_type == type;
}

static bool keeps_external(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return !injects(audit, INTERRUPTION_EXTERNAL) ||
           answer_zero(answer, V(GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS));
}

static bool keeps_nmi_mov_ss(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return !injects(audit, INTERRUPTION_NMI) ||
           answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_MOV_SS, 0);
}

static bool keeps_smi(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_SMI, 0);
}

static bool keeps_smm(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    (void)rule;
    return answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_SMI, 1);
}

static bool keeps_nmi_sti(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return !injects(audit, INTERRUPTION_NMI) ||
           answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_STI, 0);
}

static bool keeps_nmi_nmi(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    (void)rule;
    return !injects(audit, INTERRUPTION_NMI) ||
           answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_NMI, 0);
}

static bool keeps_enclave_mov_ss(const struct audit *audit, const struct audit_rule *rule,
                                 struct audit_answer *answer)
{
    (void)rule;
    return !blocks(audit, ENCLAVE) ||
           answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_MOV_SS, 0);
}

static bool keeps_enclave_sgx(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    (void)rule;
    return audit->facts->sgx || answer_bit(answer, V(GUEST_INTERRUPTIBILITY), ENCLAVE, 0);
}

static bool keeps_pending_zeros(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    uint64_t bus_lock = audit->facts->bus_lock ? 0 : PENDING_BUS_LOCK;

    (void)rule;
    return answer_zero(answer, V(GUEST_PENDING_DEBUG) & (PENDING_RESERVED | bus_lock));
}

/* Where a trap is blocked or the processor halts, a single-step trap is pending exactly if the last
 * instruction was stepped. */
static bool keeps_bs(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    bool held =
        V(GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS) || V(GUEST_ACTIVITY) == HLT;
    bool steps = V(GUEST_RFLAGS) & RFLAGS_TF && !(V(GUEST_DEBUGCTL) & DEBUGCTL_BTF);

    (void)rule;
    return !held || answer_bit(answer, V(GUEST_PENDING_DEBUG), PENDING_BS, steps);
}

static bool keeps_rtm(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    uint64_t pending = V(GUEST_PENDING_DEBUG);

    (void)rule;
    return !(pending & PENDING_RTM) ||
           answer_equal(answer, pending, PENDING_RTM | PENDING_BREAKPOINT);
}

static bool keeps_rtm_supported(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return audit->facts->rtm || answer_bit(answer, V(GUEST_PENDING_DEBUG), PENDING_RTM, 0);
}

static bool keeps_rtm_mov_ss(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return !(V(GUEST_PENDING_DEBUG) & PENDING_RTM) ||
           answer_bit(answer, V(GUEST_INTERRUPTIBILITY), BLOCKING_MOV_SS, 0);
}

#define NMI               INJECT(INTERRUPTION_NMI << 8 | VECTOR_NMI)
#define EXTERNAL          INJECT(0x20), RAISE(GUEST_RFLAGS, 9)
#define EXCEPTION(vector) INJECT(INTERRUPTION_HARDWARE_EXCEPTION << 8 | (vector))
#define IN(state)         NEED(state), SET(GUEST_ACTIVITY, state)
#define BLOCK(bits)       SET(GUEST_INTERRUPTIBILITY, bits)
#define PENDING(bits)     SET(GUEST_PENDING_DEBUG, bits)

static const struct audit_rule rules[] = {
    {"guest.activity.supported", "the activity state must be a supported one", keeps_activity,
     PROOFS(BREAKS, SET(GUEST_ACTIVITY, 4), BREAKS, SET(GUEST_ACTIVITY, 0x80000000), KEEPS, IN(HLT),
            KEEPS, IN(SHUTDOWN), KEEPS, IN(WAIT_FOR_SIPI)),
     FIELDS_1(GUEST_ACTIVITY)},
    {"guest.activity.hlt_dpl", "a guest that halts must have an SS of DPL 0", keeps_hlt_dpl,
     PROOFS(BREAKS, AS(RING_3), IN(HLT), KEEPS, AS(RING_3), IN(SHUTDOWN), KEEPS, IN(HLT)),
     FIELDS_2(GUEST_ACTIVITY, GUEST_SS_AR)},
    {"guest.activity.blocking", "a guest that blocks by STI or MOV SS must be active", keeps_active,
     PROOFS(BREAKS, IN(HLT), BLOCK(1), RAISE(GUEST_RFLAGS, 9), BREAKS, IN(SHUTDOWN), BLOCK(2),
            KEEPS, BLOCK(1), RAISE(GUEST_RFLAGS, 9), KEEPS, IN(HLT), BLOCK(8)),
     FIELDS_2(GUEST_ACTIVITY, GUEST_INTERRUPTIBILITY)},
    {"guest.activity.event", "the injected event must be one that ends the activity state",
     keeps_wakeable,
     PROOFS(BREAKS, IN(HLT), EXCEPTION(VECTOR_UD), BREAKS, IN(SHUTDOWN), EXTERNAL, BREAKS,
            IN(SHUTDOWN), EXCEPTION(VECTOR_DB), BREAKS, IN(WAIT_FOR_SIPI), NMI, BREAKS, IN(HLT),
            INJECT(INTERRUPTION_SOFTWARE_INTERRUPT << 8 | 0x80), SET(ENTRY_INSTRUCTION_LENGTH, 2),
            KEEPS, IN(HLT), EXTERNAL, KEEPS, IN(HLT), NMI, KEEPS, IN(HLT), EXCEPTION(VECTOR_DB),
            KEEPS, IN(HLT), EXCEPTION(VECTOR_MC), KEEPS, IN(HLT), NEED(MTF),
            INJECT(INTERRUPTION_OTHER << 8), KEEPS, IN(SHUTDOWN), NMI, KEEPS, IN(SHUTDOWN),
            EXCEPTION(VECTOR_MC)),
     FIELDS_2(GUEST_ACTIVITY, ENTRY_INTERRUPTION_INFO)},
    {"guest.activity.smm", "a guest that is entered in SMM does not wait for SIPI", keeps_sipi,
     PROOFS(BREAKS_ALSO, IN(WAIT_FOR_SIPI), RAISE(ENTRY_CONTROLS, 10), KEEPS, IN(WAIT_FOR_SIPI)),
     FIELDS_2(GUEST_ACTIVITY, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_SMM)},

    {"guest.blocking.reserved", "bits 31:5 of the interruptibility state must be 0",
     keeps_blocking_zeros, PROOFS(BREAKS, BLOCK(0x20), BREAKS, BLOCK(0x80000000), KEEPS, BLOCK(8)),
     FIELDS_1(GUEST_INTERRUPTIBILITY)},
    {"guest.blocking.one", "blocking by STI and by MOV SS exclude each other", keeps_one_shadow,
     PROOFS(BREAKS, BLOCK(3), RAISE(GUEST_RFLAGS, 9), KEEPS, BLOCK(2), RAISE(GUEST_RFLAGS, 9)),
     FIELDS_1(GUEST_INTERRUPTIBILITY)},
    {"guest.blocking.sti", "blocking by STI needs RFLAGS.IF", keeps_sti_if,
     PROOFS(BREAKS, BLOCK(1), LOWER(GUEST_RFLAGS, 9), KEEPS, BLOCK(1), RAISE(GUEST_RFLAGS, 9)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, GUEST_RFLAGS)},
    {"guest.blocking.external",
     "a guest into which an external interrupt is injected must not block by STI or MOV SS",
     keeps_external,
     PROOFS(BREAKS, EXTERNAL, BLOCK(1), BREAKS, EXTERNAL, BLOCK(2), KEEPS, EXTERNAL, BLOCK(8)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, ENTRY_INTERRUPTION_INFO)},
    {"guest.blocking.nmi_mov_ss", "a guest into which an NMI is injected must not block by MOV SS",
     keeps_nmi_mov_ss, PROOFS(BREAKS, NMI, BLOCK(2), KEEPS, NMI, BLOCK(0)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, ENTRY_INTERRUPTION_INFO)},
    {"guest.blocking.smi", "blocking by SMI is for processors in SMM", keeps_smi,
     PROOFS(BREAKS, BLOCK(4), KEEPS, BLOCK(0)), FIELDS_1(GUEST_INTERRUPTIBILITY)},
    {"guest.blocking.smm", "a guest that is entered in SMM must block SMIs", keeps_smm,
     PROOFS(BREAKS_ALSO, RAISE(ENTRY_CONTROLS, 10), KEEPS, BLOCK(0)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, ENTRY_CONTROLS), WHEN(ENTRY, ENTRY_SMM)},
    {"guest.blocking.nmi_sti", "a guest into which an NMI is injected may not block by STI",
     keeps_nmi_sti,
     PROOFS(BREAKS, NMI, BLOCK(1), RAISE(GUEST_RFLAGS, 9), KEEPS, NMI, RAISE(GUEST_RFLAGS, 9)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, ENTRY_INTERRUPTION_INFO), .flags = AUDIT_MODEL_SPECIFIC},
    {"guest.blocking.nmi_nmi",
     "a guest into which an NMI is injected must not block NMIs (with virtual NMIs)", keeps_nmi_nmi,
     PROOFS(BREAKS, ON(PIN, PIN_NMI | PIN_VIRTUAL_NMI), NMI, BLOCK(8), KEEPS,
            OFF(PIN, PIN_VIRTUAL_NMI), NMI, BLOCK(8), KEEPS, ON(PIN, PIN_NMI | PIN_VIRTUAL_NMI),
            NMI),
     FIELDS_2(GUEST_INTERRUPTIBILITY, ENTRY_INTERRUPTION_INFO), WHEN(PIN, PIN_VIRTUAL_NMI)},
    {"guest.blocking.enclave_mov_ss", "enclave interruption excludes blocking by MOV SS",
     keeps_enclave_mov_ss,
     PROOFS(BREAKS, NEED(SGX), BLOCK(0x12), BREAKS_ALSO, BLOCK(0x12), KEEPS, NEED(SGX), BLOCK(0x10),
            KEEPS, BLOCK(2)),
     FIELDS_1(GUEST_INTERRUPTIBILITY)},
    {"guest.blocking.enclave_sgx", "enclave interruption needs SGX", keeps_enclave_sgx,
     PROOFS(BREAKS, NEED(NO_SGX), BLOCK(0x10), KEEPS, NEED(SGX), BLOCK(0x10), KEEPS, BLOCK(0)),
     FIELDS_1(GUEST_INTERRUPTIBILITY)},

    {"guest.pending.reserved", "reserved bits of the pending debug exceptions must be 0",
     keeps_pending_zeros,
     PROOFS(BREAKS, PENDING(0x10), BREAKS, PENDING(0x400), BREAKS, PENDING(0x2000), BREAKS,
            PENDING(0x8000), BREAKS, PENDING(0x20000), BREAKS, PENDING(0),
            RAISE(GUEST_PENDING_DEBUG, 63), KEEPS, PENDING(0x500F)),
     FIELDS_1(GUEST_PENDING_DEBUG)},
    {"guest.pending.bs",
     "a guest that blocks by STI or MOV SS, or halts, has BS pending exactly if it single-steps",
     keeps_bs,
     PROOFS(BREAKS, BLOCK(2), PENDING(0x4000), BREAKS, BLOCK(2), RAISE(GUEST_RFLAGS, 8), BREAKS,
            IN(HLT), RAISE(GUEST_RFLAGS, 8), BREAKS, BLOCK(2), RAISE(GUEST_RFLAGS, 8),
            PENDING(0x4000), SET(GUEST_DEBUGCTL, 2), BREAKS, BLOCK(1), RAISE(GUEST_RFLAGS, 9),
            PENDING(0x4000), KEEPS, BLOCK(2), RAISE(GUEST_RFLAGS, 8), PENDING(0x4000), KEEPS,
            BLOCK(2), RAISE(GUEST_RFLAGS, 8), SET(GUEST_DEBUGCTL, 2), KEEPS, PENDING(0x4000)),
     FIELDS_3(GUEST_PENDING_DEBUG, GUEST_RFLAGS, GUEST_INTERRUPTIBILITY)},
    {"guest.pending.rtm", "where RTM is pending, bit 12 must be too, and nothing else", keeps_rtm,
     PROOFS(BREAKS, NEED(RTM), PENDING(0x10000), BREAKS, NEED(RTM), PENDING(0x11001), BREAKS_ALSO,
            PENDING(0x10000), KEEPS, NEED(RTM), PENDING(0x11000), KEEPS, PENDING(0x1000)),
     FIELDS_1(GUEST_PENDING_DEBUG)},
    {"guest.pending.rtm_supported", "a pending RTM needs RTM", keeps_rtm_supported,
     PROOFS(BREAKS, NEED(NO_RTM), PENDING(0x11000), KEEPS, NEED(RTM), PENDING(0x11000), KEEPS,
            PENDING(0x1000)),
     FIELDS_1(GUEST_PENDING_DEBUG)},
    {"guest.pending.rtm_mov_ss", "a pending RTM excludes blocking by MOV SS", keeps_rtm_mov_ss,
     PROOFS(BREAKS, NEED(RTM), PENDING(0x11000), BLOCK(2), BREAKS_ALSO, PENDING(0x11000), BLOCK(2),
            KEEPS, PENDING(0x1000), BLOCK(2)),
     FIELDS_2(GUEST_INTERRUPTIBILITY, GUEST_PENDING_DEBUG)},
};

const struct audit_section audit_guest_state =
    SECTION("Checks on Guest Non-Register State", AUDIT_GUEST, rules);
