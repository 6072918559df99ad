/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/known_errors.h"

#include "kernel/cpu.h"
#include "kernel/string.h"

#define V(symbol) (audit->value[INDEX_##symbol])

static bool high_exit2(const struct audit *audit)
{
    return !(V(SECONDARY_EXIT_CONTROLS) & UINT32_MAX & ~audit->can->exit2);
}

static bool free_error_codes(const struct audit *audit)
{
    return audit->can->basic & VMX_BASIC_ERROR_CODE;
}

/* Posted interrupts are looked at under the TPR shadow alone. */
static bool no_shadow(const struct audit *audit)
{
    return !(audit->control[CONTROL_PRIMARY] & PRIMARY_TPR_SHADOW);
}

static bool descriptor_aligned_64(const struct audit *audit)
{
    return !no_shadow(audit) && (V(POSTED_INTERRUPT_DESCRIPTOR) & 0xFF) != 0 &&
           (V(POSTED_INTERRUPT_DESCRIPTOR) & 0x3F) == 0 &&
           audit->control[CONTROL_PIN] & PIN_POSTED_INTERRUPTS;
}

static bool high_pending(const struct audit *audit)
{
    return (V(GUEST_PENDING_DEBUG) & UINT32_MAX &
            (BITS(31, 17) | BIT(15) | BIT(13) | BITS(11, 4))) == 0;
}

static bool ssp_not_canonical(const struct audit *audit)
{
    return audit->control[CONTROL_ENTRY] & ENTRY_LOAD_CET &&
           (uint64_t)((int64_t)(V(GUEST_SSP) << 16) >> 16) != V(GUEST_SSP);
}

/* A usable SS with a null selector, in 64-bit mode. */
static bool null_ss(const struct audit *audit)
{
    return audit->ia32e_guest && V(GUEST_CS_AR) & BIT(13) && !(V(GUEST_SS_SELECTOR) & 0xFFFC);
}

static bool halts(const struct audit *audit)
{
    return V(GUEST_ACTIVITY) == 1;
}

/* The end of an MSR area, by the SDM and by what a product of 32 bits makes of it. */
static bool ends_beyond(const struct audit *audit, uint64_t address, uint64_t bytes)
{
    return ((address + bytes - 1) & audit->address_reserved) != 0;
}

static bool refuses_end(const struct audit *audit, uint64_t address, uint64_t count)
{
    return count != 0 && !(address & audit->address_reserved) &&
           ends_beyond(audit, address, (uint32_t)(count * 16)) &&
           !ends_beyond(audit, address, count * 16);
}

#define AREA_END(name, symbol)                                                                     \
    static bool refuses_##name(const struct audit *audit)                                          \
    {                                                                                              \
        return refuses_end(audit, V(symbol##_ADDRESS), V(symbol##_COUNT));                         \
    }                                                                                              \
    static bool misses_##name(const struct audit *audit)                                           \
    {                                                                                              \
        return !ends_beyond(audit, V(symbol##_ADDRESS), (uint32_t)(V(symbol##_COUNT) * 16));       \
    }
AREA_END(store, EXIT_MSR_STORE)
AREA_END(load, EXIT_MSR_LOAD)
AREA_END(entry, ENTRY_MSR_LOAD)

#define BOCHS "bochs-3.0"

#define END_SAYS "the end of an MSR area is computed with more bits than an address has"
#define END_DOES "multiplies the count by 16 in 32 bits"
#define KNOWN_ERROR(...)                                                                           \
    (struct known_error)                                                                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define END_ERRORS(rule, name)                                                                     \
    KNOWN_ERROR(BOCHS, rule, refuses_##name, ANSWER_CONTROLS, END_SAYS, END_DOES),                 \
        KNOWN_ERROR(BOCHS, rule, misses_##name, ANSWER_ENTERED, END_SAYS, END_DOES)

#define SS_ERROR(rule)                                                                             \
    KNOWN_ERROR(BOCHS, "guest.ss." rule, null_ss, ANSWER_ENTERED,                                  \
                "the base, limit and access rights of a usable SS are checked, whatever its "      \
                "selector",                                                                        \
                "checks none of them where the selector is null, in 64-bit mode")

#define POSTED_SAYS "posted interrupts need virtual-interrupt delivery, and so the TPR shadow"
#define POSTED_DOES "does not check it without the TPR shadow"

static const struct known_error errors[] = {
    {BOCHS, "control.posted.aligned", descriptor_aligned_64, ANSWER_CONTROLS,
     "bits 5:0 of the posted-interrupt descriptor address must be 0", "wants bits 7:0 to be 0"},
    {BOCHS, "control.posted.aligned", no_shadow, ANSWER_ENTERED, POSTED_SAYS, POSTED_DOES},
    {BOCHS, "control.posted.width", no_shadow, ANSWER_ENTERED, POSTED_SAYS, POSTED_DOES},
    {BOCHS, "control.posted.vector", no_shadow, ANSWER_ENTERED, POSTED_SAYS, POSTED_DOES},
    {BOCHS, "control.posted.acknowledge", no_shadow, ANSWER_ENTERED, POSTED_SAYS, POSTED_DOES},
    {BOCHS, "control.posted.virtual_interrupt", no_shadow, ANSWER_ENTERED, POSTED_SAYS,
     POSTED_DOES},
    END_ERRORS("control.exit_msr_store.end", store),
    END_ERRORS("control.exit_msr_load.end", load),
    END_ERRORS("control.entry_msr_load.end", entry),
    {BOCHS, "control.exit2.must_be_0", high_exit2, ANSWER_ENTERED,
     "reserved bits of the secondary VM-exit controls must be 0", "does not look at bits 63:32"},
    {BOCHS, "control.entry.smm", NULL, ANSWER_GUEST,
     "entry to SMM outside SMM is an invalid control", "refuses it as guest state"},
    {BOCHS, "control.event.error_code.refused", free_error_codes, ANSWER_ENTERED,
     "only a hardware exception in protected mode may have an error code",
     "does not check it where IA32_VMX_BASIC[56] is 1"},
    {BOCHS, "host.cr4.cet", NULL, ANSWER_ENTERED, "CR4.CET needs CR0.WP", "does not check it"},
    {BOCHS, "host.perf_global_ctrl.reserved", NULL, ANSWER_ENTERED,
     "reserved bits of IA32_PERF_GLOBAL_CTRL must be 0", "does not check it"},
    {BOCHS, "host.pkrs.reserved", NULL, ANSWER_ENTERED, "bits 63:32 of IA32_PKRS must be 0",
     "does not check it"},
    {BOCHS, "guest.debugctl.reserved", NULL, ANSWER_ENTERED,
     "reserved bits of IA32_DEBUGCTL must be 0", "does not check it"},
    {BOCHS, "guest.ia32e.pg", NULL, ANSWER_ENTERED, "an IA-32e mode guest needs CR0.PG",
     "does not check it"},
    {BOCHS, "guest.perf_global_ctrl.reserved", NULL, ANSWER_ENTERED,
     "reserved bits of IA32_PERF_GLOBAL_CTRL must be 0", "does not check it"},
    {BOCHS, "guest.pkrs.reserved", NULL, ANSWER_ENTERED, "bits 63:32 of IA32_PKRS must be 0",
     "does not check it"},
    {BOCHS, "guest.rip.64", NULL, ANSWER_ENTERED,
     "RIP's bits above the linear-address width must be alike", "does not check it"},
    SS_ERROR("base.width"),
    SS_ERROR("type"),
    SS_ERROR("s"),
    SS_ERROR("present"),
    SS_ERROR("reserved_11_8"),
    SS_ERROR("granularity.bytes"),
    SS_ERROR("granularity.pages"),
    SS_ERROR("reserved_31_17"),
    {BOCHS, "guest.rflags.vm", NULL, ANSWER_ENTERED, "RFLAGS.VM must be 0 where CR0.PE is 0",
     "does not check it"},
    {BOCHS, "guest.ssp.alike", ssp_not_canonical, ANSWER_GUEST,
     "SSP need not be canonical: only bits 63:N must be alike", "wants it canonical"},
    {BOCHS, "guest.activity.event", halts, ANSWER_ENTERED,
     "only events that end HLT may be injected into a guest that halts",
     "does not check it for HLT"},
    {BOCHS, "guest.blocking.nmi_nmi", NULL, ANSWER_ENTERED,
     "with virtual NMIs, no NMI is injected into a guest that blocks NMIs", "does not check it"},
    {BOCHS, "guest.pending.reserved", high_pending, ANSWER_ENTERED,
     "reserved bits of the pending debug exceptions must be 0", "does not look at bits 63:32"},
    {BOCHS, "guest.pending.bs", NULL, ANSWER_ENTERED,
     "BS must be pending exactly where a guest that blocks or halts single-steps",
     "does not check it"},
    {BOCHS, "msr.smm", NULL, ANSWER_ENTERED, "IA32_SMM_MONITOR_CTL is loaded in SMM alone",
     "loads it"},
};

/* Of rules about canonical addresses on a processor with LA57, while CR4.LA57 is 0. */
static const struct known_error narrow = {
    BOCHS,
    "canonical addresses",
    NULL,
    ANSWER_OTHER,
    "an address is canonical by the linear-address width that the processor supports",
    "takes the width of the paging mode, 48 bits here"};

static bool is_narrow(const char *machine, const struct audit *audit)
{
    return strcmp(machine, narrow.machine) == 0 && audit->linear_width > 48 && !audit->facts->la57;
}

/* The findings of a processor with 48 bits. */
static void audit_narrow(const struct audit *audit, struct audit_trial *trial)
{
    struct audit copy = *audit;

    copy.linear_width = 48;
    trial->count = audit_run(&copy, trial->findings, TRIAL_FINDINGS);
}

const struct known_error *known_errors_at(unsigned index)
{
    return index < ARRAY_SIZE(errors)    ? &errors[index]
           : index == ARRAY_SIZE(errors) ? &narrow
                                         : NULL;
}

static bool shows(const struct known_error *error, const struct audit *audit)
{
    return error->shows == NULL || error->shows(audit);
}

/* The error of `machine` that is about `rule` and shows. */
static const struct known_error *error_of(const char *machine, const struct audit_rule *rule,
                                          const struct audit *audit)
{
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (strcmp(errors[i].rule, rule->name) == 0 && strcmp(errors[i].machine, machine) == 0 &&
            shows(&errors[i], audit)) {
            return &errors[i];
        }
    }
    return NULL;
}

/* Which answers the emulator is predicted to give. It refuses what it wrongly refuses at the same
 * stages as what it rightly does, so `more` joins them. */
static unsigned predict(const struct audit_trial *trial, unsigned more)
{
    static const enum entry_answer order[] = {ANSWER_CONTROLS, ANSWER_HOST, ANSWER_GUEST,
                                              ANSWER_MSR_LOAD};
    unsigned answers = audit_expected(trial);
    bool early = answers & (1U << ANSWER_CONTROLS | 1U << ANSWER_HOST);

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if (!(more >> order[i] & 1)) {
            continue;
        }
        if (order[i] <= ANSWER_HOST) {
            return (early ? answers : 0) | (more & (1U << ANSWER_CONTROLS | 1U << ANSWER_HOST));
        }
        return early ? answers : (1U << order[i]);
    }
    return answers;
}

enum trial_verdict known_errors_judge(const char *machine, const struct audit *audit,
                                      const struct audit_trial *trial,
                                      const struct known_error **known)
{
    struct audit_trial predicted = *trial;
    unsigned count = MIN(trial->count, (unsigned)TRIAL_FINDINGS);
    unsigned more = 0;

    *known = NULL;
    if (is_narrow(machine, audit)) {
        audit_narrow(audit, &predicted);
        *known = predicted.count != trial->count ? &narrow : NULL;
        count = MIN(predicted.count, (unsigned)TRIAL_FINDINGS);
    }
    predicted.count = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct audit_finding *finding = &predicted.findings[i];
        const struct known_error *error = error_of(machine, finding->rule, audit);
        if (error == NULL) {
            predicted.findings[predicted.count++] = *finding;
        } else {
            *known = *known != NULL ? *known : error;
            more |= error->answer != ANSWER_ENTERED ? 1U << error->answer : 0;
        }
    }
    /* Errors that refuse what no rule does: they show without a finding. */
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].shows != NULL && errors[i].answer != ANSWER_ENTERED &&
            strcmp(errors[i].machine, machine) == 0 && errors[i].shows(audit)) {
            *known = *known != NULL ? *known : &errors[i];
            more |= 1U << errors[i].answer;
        }
    }
    if (*known == NULL) {
        return audit_agrees(trial) ? TRIAL_AGREES : TRIAL_UNEXPECTED;
    }
    if (audit_agrees_with(&predicted, predict(&predicted, more))) {
        return audit_agrees(trial) ? TRIAL_AGREES : TRIAL_KNOWN;
    }
    return audit_agrees(trial) ? TRIAL_DISAPPEARED : TRIAL_UNEXPECTED;
}

bool known_errors_doubt(const char *machine, const struct audit_rule *rule)
{
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (strcmp(errors[i].rule, rule->name) == 0 && strcmp(errors[i].machine, machine) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Bochs 3.0 panics on two states that it enters: an IA-32e mode guest whose CR0.PE is 0, as it does
 * not look at CR0.PG ("EFER.LMA is set when CR0.PE=0"), and a guest whose CR4.LA57 is not the
 * host's, which the SDM allows ("VMENTER CR4 is broken").
 */
bool known_errors_deadly(const char *machine, const struct audit *audit)
{
    bool no_pe = audit->ia32e_guest && !(V(GUEST_CR0) & CR0_PE);
    bool other_la57 =
        audit->can->cr4_fixed1 & CR4_LA57 && ((V(GUEST_CR4) & CR4_LA57) != 0) != audit->facts->la57;

    return strcmp(machine, BOCHS) == 0 && (no_pe || other_la57);
}
