/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the VM-exit and VM-entry control fields, where their MSR areas lie included. Pure. */
#include "vmx/audit_rule.h"
#include "vmx/msr_area.h"

/* Fields: an MSR area's address, and its count. No check applies to an empty area. */
static uint64_t area_count(const struct audit *audit, const struct audit_rule *rule)
{
    return audit->value[rule->fields[1]];
}

static bool keeps_area_aligned(const struct audit *audit, const struct audit_rule *rule,
                               struct audit_answer *answer)
{
    return area_count(audit, rule) == 0 || check_aligned_16(audit, rule, answer);
}

static bool keeps_area_width(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return area_count(audit, rule) == 0 || check_width(audit, rule, answer);
}

/* An address that is itself too high is the other rule's. */
static bool keeps_area_end(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    uint64_t address = audit->value[rule->fields[0]];
    uint64_t last = address + area_count(audit, rule) * sizeof(struct msr_entry) - 1;

    return area_count(audit, rule) == 0 || address & audit->address_reserved ||
           answer_zero(answer, last & audit->address_reserved);
}

static bool keeps_save_timer(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return ACTS(PIN, PIN_PREEMPTION_TIMER) || check_excludes(audit, rule, answer);
}

static bool keeps_exit2(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(SECONDARY_EXIT_CONTROLS) & ~audit->can->exit2);
}

static bool keeps_not_both(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return answer_number(answer, ACTS(ENTRY, ENTRY_SMM | ENTRY_DUAL_MONITOR), 0);
}

static bool keeps_tracing(const struct audit *audit, const struct audit_rule *rule,
                          struct audit_answer *answer)
{
    return !audit->facts->tracing || check_excludes(audit, rule, answer);
}

/* An MSR area's three rules. `prepare` fills it, so that the processor may read or write it. */
#define AREA(NAME, text, address, count, prepare, ...)                                             \
    RULE("control." NAME ".aligned", text " must be aligned to 16 bytes", keeps_area_aligned,      \
         PROOFS(BREAKS, prepare, OR(address, 8), BREAKS, prepare, OR(address, 1), KEEPS, prepare), \
         FIELDS_2(address, count)),                                                                \
        RULE("control." NAME ".width", text " must set no bit beyond the physical-address width",  \
             keeps_area_width,                                                                     \
             PROOFS(BREAKS, prepare, OR_SYM(address, WIDTH), BREAKS, prepare, RAISE(address, 63),  \
                    KEEPS, prepare),                                                               \
             FIELDS_2(address, count)),                                                            \
        RULE("control." NAME ".end", text "'s area must end within the physical-address width",    \
             keeps_area_end,                                                                       \
             PROOFS(__VA_ARGS__ BREAKS, SYM_PLUS(address, WIDTH, -16), SET(count, 2), KEEPS,       \
                    prepare),                                                                      \
             FIELDS_2(address, count))

/* IA32_SYSENTER_CS = 0, which the host does not use, is loaded; nothing is stored by a failed
 * entry.
 */
#define STORE IN_SANDBOX(EXIT_MSR_STORE_ADDRESS, SANDBOX_ANY), SET(EXIT_MSR_STORE_COUNT, 1)
#define LOAD                                                                                       \
    IN_SANDBOX(EXIT_MSR_LOAD_ADDRESS, SANDBOX_ANY), POKE(SANDBOX_ANY, MSR_IA32_SYSENTER_CS),       \
        SET(EXIT_MSR_LOAD_COUNT, 1)
#define ENTRY_LOAD IN_SANDBOX(ENTRY_MSR_LOAD_ADDRESS, SANDBOX_MSRS), SET(ENTRY_MSR_LOAD_COUNT, 1)

/*
 * So many entries that their length in 32 bits is one entry's: by a broken guest what comes of it
 * is seen, and no MSR loaded or stored. Not so of those that a VM exit loads, for even a failed
 * entry loads them.
 */
#define MANY(address, count)                                                                       \
    BREAKS_ALSO, SYM_PLUS(address, WIDTH, -16), SET(count, 0x10000001), SET(GUEST_RFLAGS, 0),

static const struct audit_rule exit_rules[] = {
    {"control.exit.must_be_1",
     "the VM-exit controls must have each bit at 1 that the processor requires", check_must_be_1,
     PROOFS(BREAKS, CLEAR_ONE(EXIT_CONTROLS, EXIT), KEEPS,
            OFF(EXIT, EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_ACKNOWLEDGE_INTERRUPT)),
     FIELDS_1(EXIT_CONTROLS), MASK(EXIT, 0)},
    {"control.exit.must_be_0",
     "the VM-exit controls must have no bit at 1 that the processor does not offer",
     check_must_be_0,
     PROOFS(BREAKS, OR_REFUSED(EXIT_CONTROLS, EXIT), KEEPS,
            ON(EXIT, EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_SAVE_DEBUG)),
     FIELDS_1(EXIT_CONTROLS), MASK(EXIT, 0)},
    {"control.exit2.must_be_0",
     "the secondary VM-exit controls must have no bit at 1 that the processor does not offer",
     keeps_exit2,
     PROOFS(BREAKS, ON(EXIT, EXIT_SECONDARY), RAISE(SECONDARY_EXIT_CONTROLS, 63), BREAKS,
            ON(EXIT, EXIT_SECONDARY), OR_REFUSED(SECONDARY_EXIT_CONTROLS, EXIT2), KEEPS,
            OFF(EXIT, EXIT_SECONDARY), SET(SECONDARY_EXIT_CONTROLS, 0xFFFFFFFF)),
     FIELDS_1(SECONDARY_EXIT_CONTROLS), WHEN(EXIT, EXIT_SECONDARY), MASK(EXIT2, 0)},
    {"control.exit.save_timer", "saving the VMX-preemption timer needs the timer active",
     keeps_save_timer,
     PROOFS(BREAKS, ON(EXIT, EXIT_SAVE_PREEMPTION_TIMER), OFF(PIN, PIN_PREEMPTION_TIMER), KEEPS,
            ON(EXIT, EXIT_SAVE_PREEMPTION_TIMER), ON(PIN, PIN_PREEMPTION_TIMER)),
     FIELDS_1(EXIT_CONTROLS), MASK(EXIT, EXIT_SAVE_PREEMPTION_TIMER)},
    AREA("exit_msr_store", "the VM-exit MSR-store address", EXIT_MSR_STORE_ADDRESS,
         EXIT_MSR_STORE_COUNT, STORE, MANY(EXIT_MSR_STORE_ADDRESS, EXIT_MSR_STORE_COUNT)),
    AREA("exit_msr_load", "the VM-exit MSR-load address", EXIT_MSR_LOAD_ADDRESS,
         EXIT_MSR_LOAD_COUNT, LOAD, ),
};

const struct audit_section audit_exit =
    SECTION("VM-Exit Control Fields", AUDIT_CONTROLS, exit_rules);

static const struct audit_rule entry_rules[] = {
    {"control.entry.must_be_1",
     "the VM-entry controls must have each bit at 1 that the processor requires", check_must_be_1,
     PROOFS(BREAKS, CLEAR_ONE(ENTRY_CONTROLS, ENTRY), KEEPS,
            OFF(ENTRY, ENTRY_LOAD_PAT | ENTRY_LOAD_DEBUG)),
     FIELDS_1(ENTRY_CONTROLS), MASK(ENTRY, 0)},
    {"control.entry.must_be_0",
     "the VM-entry controls must have no bit at 1 that the processor does not offer",
     check_must_be_0,
     PROOFS(BREAKS, OR_REFUSED(ENTRY_CONTROLS, ENTRY), KEEPS, ON(ENTRY, ENTRY_LOAD_PAT)),
     FIELDS_1(ENTRY_CONTROLS), MASK(ENTRY, 0)},
    {"control.entry.smm", "entry to SMM is for processors in SMM", check_excludes,
     PROOFS(BREAKS_ALSO, RAISE(ENTRY_CONTROLS, 10), KEEPS, LOWER(ENTRY_CONTROLS, 10)),
     FIELDS_1(ENTRY_CONTROLS), MASK(ENTRY, ENTRY_SMM)},
    {"control.entry.dual_monitor", "deactivate dual-monitor treatment is for processors in SMM",
     check_excludes,
     PROOFS(BREAKS_ALSO, RAISE(ENTRY_CONTROLS, 11), KEEPS, LOWER(ENTRY_CONTROLS, 11)),
     FIELDS_1(ENTRY_CONTROLS), MASK(ENTRY, ENTRY_DUAL_MONITOR)},
    {"control.entry.smm_dual_monitor",
     "entry to SMM and deactivate dual-monitor treatment exclude each other", keeps_not_both,
     PROOFS(BREAKS_ALSO, RAISE(ENTRY_CONTROLS, 10), RAISE(ENTRY_CONTROLS, 11), KEEPS,
            LOWER(ENTRY_CONTROLS, 10), LOWER(ENTRY_CONTROLS, 11)),
     FIELDS_1(ENTRY_CONTROLS)},
    {"control.entry.tracing", "IA32_RTIT_CTL is not loaded while Intel PT traces", keeps_tracing,
     PROOFS(BREAKS, NEED(TRACING), ON(ENTRY, ENTRY_LOAD_RTIT_CTL), KEEPS,
            OFF(ENTRY, ENTRY_LOAD_RTIT_CTL)),
     FIELDS_1(ENTRY_CONTROLS), MASK(ENTRY, ENTRY_LOAD_RTIT_CTL)},
    AREA("entry_msr_load", "the VM-entry MSR-load address", ENTRY_MSR_LOAD_ADDRESS,
         ENTRY_MSR_LOAD_COUNT, ENTRY_LOAD, MANY(ENTRY_MSR_LOAD_ADDRESS, ENTRY_MSR_LOAD_COUNT)),
};

const struct audit_section audit_entry =
    SECTION("VM-Entry Control Fields", AUDIT_CONTROLS, entry_rules);
