/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/audit_mutator.h"

#include "kernel/cpu.h"
#include "kernel/string.h"
#include "selftest/known_errors.h"
#include "vmx/audit_presets.h"

#define V(symbol)   (audit->value[INDEX_##symbol])
#define MOST_FIELDS 3
#define PRESET_ODDS 2 /* one of so many states is of another mode */

#define RTIT_CTL_TRACE_EN BIT(0)

static bool is_writable(const struct audit *audit, unsigned index)
{
    return audit->present[index] && vmcs_kind(vmcs_field_at(index)) != VMCS_READ_ONLY;
}

static unsigned pick_field(const struct audit *audit, struct random *random)
{
    unsigned index;

    do {
        index = (unsigned)random_below(random, VMCS_FIELDS);
    } while (!is_writable(audit, index));
    return index;
}

static unsigned width_of(unsigned index)
{
    switch (vmcs_width(vmcs_field_at(index))) {
    case VMCS_16_BIT:
        return 16;
    case VMCS_32_BIT:
        return 32;
    default:
        return 64;
    }
}

/* A value where rules have their edges. */
static uint64_t edge(unsigned width, struct random *random)
{
    uint64_t bit = BIT(random_below(random, width));

    switch (random_below(random, 6)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return bit;
    case 3:
        return bit - 1;
    case 4:
        return ~bit + 1; /* that bit and all above it */
    default:
        return random_below(random, 32);
    }
}

static void change_field(struct audit *audit, struct random *random)
{
    unsigned index = pick_field(audit, random);
    uint64_t value = audit->value[index];

    switch (random_below(random, 4)) {
    case 0:
    case 1:
        value ^= BIT(random_below(random, width_of(index)));
        break;
    case 2:
        value = edge(width_of(index), random);
        break;
    default:
        value = audit->value[pick_field(audit, random)];
        break;
    }
    audit->value[index] = value & vmcs_field_mask(vmcs_field_at(index));
}

/* A whole mode, so that its rules are met too; where this processor has it not, 64-bit mode stays.
 */
static void choose_mode(struct audit *audit, const struct audit_sandbox *sandbox,
                        struct random *random)
{
    struct audit mode = *audit;

    if (random_below(random, PRESET_ODDS) == 0 &&
        audit_apply_preset(&mode, (enum audit_preset)random_below(random, PRESETS), sandbox)) {
        *audit = mode;
    }
}

void audit_mutate_randomly(struct audit *audit, const struct audit_sandbox *sandbox,
                           struct random *random)
{
    unsigned changes = 1 + (unsigned)random_below(random, MOST_FIELDS);

    choose_mode(audit, sandbox, random);
    for (unsigned i = 0; i < changes; i++) {
        change_field(audit, random);
    }
    audit_prepare(audit);
}

/* Host fields that may hold anything that is accepted: they are not used, or loaded over. */
static bool is_spare(unsigned index)
{
    switch (index) {
    case INDEX_HOST_FS_SELECTOR:
    case INDEX_HOST_ES_SELECTOR:
    case INDEX_HOST_DS_SELECTOR:
    case INDEX_HOST_GS_SELECTOR:
    case INDEX_HOST_FS_BASE:
    case INDEX_HOST_SYSENTER_CS:
    case INDEX_HOST_SYSENTER_ESP:
    case INDEX_HOST_SYSENTER_EIP:
    case INDEX_HOST_PAT:
    case INDEX_HOST_PERF_GLOBAL_CTRL:
    case INDEX_HOST_PKRS:
        return true;
    default:
        return false;
    }
}

/* Areas whose MSRs would be loaded, and the poison: never others than the base's. */
static bool is_area(unsigned index)
{
    switch (index) {
    case INDEX_ENTRY_MSR_LOAD_ADDRESS:
    case INDEX_ENTRY_MSR_LOAD_COUNT:
    case INDEX_EXIT_MSR_LOAD_ADDRESS:
    case INDEX_EXIT_MSR_LOAD_COUNT:
    case INDEX_EXIT_MSR_STORE_ADDRESS:
    case INDEX_EXIT_MSR_STORE_COUNT:
        return true;
    default:
        return false;
    }
}

/* Addresses of what the processor stores to, or reads before the guest runs. */
static bool is_memory(unsigned index)
{
    switch (index) {
    case INDEX_VIRTUAL_APIC_ADDRESS:
    case INDEX_POSTED_INTERRUPT_DESCRIPTOR:
    case INDEX_PML_ADDRESS:
    case INDEX_VE_INFORMATION_ADDRESS:
    case INDEX_VMCS_LINK_POINTER:
        return true;
    default:
        return false;
    }
}

/* Whether controls and host state may be accepted, as things stand. */
static bool passes(const struct audit *audit, const char *machine)
{
    for (unsigned i = 0; i < AUDIT_SECTIONS && audit_sections[i]->stage <= AUDIT_HOST; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            struct audit_answer answer;
            const struct audit_rule *rule = &audit_sections[i]->rules[j];
            if (!audit_keeps(audit, rule, &answer) && !known_errors_doubt(machine, rule)) {
                return false;
            }
        }
    }
    return true;
}

static void keep_memory(struct audit *audit, const struct audit_sandbox *sandbox, unsigned index)
{
    uint64_t page = ALIGN_DOWN(audit->value[index], PAGE_SIZE);
    bool nothing = index == INDEX_VMCS_LINK_POINTER && audit->value[index] == UINT64_MAX;

    if (!nothing && page - sandbox->hpa.value >= SANDBOX_SIZE) {
        audit->value[index] = sandbox->hpa.value + SANDBOX_ANY + audit->value[index] % PAGE_SIZE;
    }
}

void audit_make_harmless(struct audit *audit, const struct audit *base,
                         const struct audit_sandbox *sandbox, const char *machine)
{
    if (!passes(audit, machine)) {
        return;
    }
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        bool host = vmcs_kind(vmcs_field_at(i)) == VMCS_HOST;
        if (is_area(i) || (host && !is_spare(i))) {
            audit->value[i] = base->value[i];
        } else if (is_memory(i) && audit->present[i]) {
            keep_memory(audit, sandbox, i);
        }
    }
    if (!(audit->control[CONTROL_SECONDARY] & SECONDARY_EPT)) {
        V(GUEST_CR3) = sandbox->hpa.value + SANDBOX_PDPT; /* PDPTEs are read there */
    }
    V(GUEST_RTIT_CTL) &= ~RTIT_CTL_TRACE_EN; /* a trace is stored wherever other MSRs say */
    audit_prepare(audit);
}
