/* SPDX-License-Identifier: BSD-2-Clause */
/* Applies mutations. Pure. */
#include "vmx/audit_mutation.h"

#include "kernel/string.h"
#include "vmx/audit_presets.h"
#include "vmx/audit_rule.h"
#include "vmx/audit_symbols.h"

/* An MSR that no processor loads on VM entry, and reserved bits beside it. */
#define POISON (BITS(63, 32) | MSR_IA32_GS_BASE)

void audit_sandbox_fill(const struct audit_sandbox *sandbox,
                        const struct vmx_capabilities *capabilities)
{
    uint64_t poison = POISON;
    uint32_t revision = (uint32_t)FIELD_GET(VMX_BASIC_REVISION, capabilities->basic);

    memset(sandbox->bytes, 0, SANDBOX_SIZE);
    memcpy(sandbox->bytes + SANDBOX_MSRS, &poison, sizeof(poison));
    memcpy(sandbox->bytes + SANDBOX_VMCS, &revision, sizeof(revision));
}

static enum audit_op op_of(audit_step step)
{
    return (enum audit_op)(step & 0xFF);
}

static struct audit_step_parts parts_of(audit_step step)
{
    return (struct audit_step_parts){op_of(step), (uint8_t)(step >> 8), (uint16_t)(step >> 16),
                                     (uint32_t)(step >> 32)};
}

static bool starts(audit_step step)
{
    return op_of(step) == STEP_BREAKS || op_of(step) == STEP_BREAKS_ALSO ||
           op_of(step) == STEP_KEEPS;
}

enum audit_op audit_mutation_kind(const audit_step *start)
{
    return op_of(*start);
}

const audit_step *audit_mutation_find(const audit_step *step)
{
    while (op_of(*step) != STEP_END && !starts(*step)) {
        step++;
    }
    return op_of(*step) != STEP_END ? step : NULL;
}

/* While a mutation is applied. */
struct applying {
    struct audit *audit;
    const struct audit_sandbox *sandbox;
    const char *missing;
};

static const uint8_t control_fields[CONTROL_GROUPS] = {
    [CONTROL_PIN] = INDEX_PIN_CONTROLS,
    [CONTROL_PRIMARY] = INDEX_PRIMARY_CONTROLS,
    [CONTROL_SECONDARY] = INDEX_SECONDARY_CONTROLS,
    [CONTROL_EXIT] = INDEX_EXIT_CONTROLS,
    [CONTROL_ENTRY] = INDEX_ENTRY_CONTROLS,
    [CONTROL_TERTIARY] = INDEX_TERTIARY_CONTROLS,
    [CONTROL_EXIT2] = INDEX_SECONDARY_EXIT_CONTROLS,
};

/* Sets controls that may be 1, and activates their group; false, naming the first that may not. */
static bool switch_on(struct applying *applying, unsigned group, uint32_t bits)
{
    const struct control_range *range = &applying->audit->can->range[group];
    uint32_t refused = bits & ~range->may_be_1;

    if (refused != 0) {
        applying->missing =
            control_name((enum control_group)group, (unsigned)__builtin_ctz(refused));
        return false;
    }
    applying->audit->value[control_fields[group]] |= bits;
    switch (group) {
    case CONTROL_SECONDARY:
        return switch_on(applying, CONTROL_PRIMARY, PRIMARY_SECONDARY);
    case CONTROL_TERTIARY:
        return switch_on(applying, CONTROL_PRIMARY, PRIMARY_TERTIARY);
    case CONTROL_EXIT2:
        return switch_on(applying, CONTROL_EXIT, (uint32_t)EXIT_SECONDARY);
    default:
        return true;
    }
}

static bool switch_off(struct applying *applying, unsigned group, uint32_t bits)
{
    if (bits & applying->audit->can->range[group].must_be_1) {
        return false;
    }
    applying->audit->value[control_fields[group]] &= ~(uint64_t)bits;
    return true;
}

/* Sandbox bytes from `at` on, as many as `size`. */
static bool poke(const struct applying *applying, uint32_t at, const void *value, uint32_t size)
{
    if (at > SANDBOX_SIZE - size) {
        return false;
    }
    memcpy(applying->sandbox->bytes + at, value, size);
    return true;
}

/* Of a group: a bit that must be 0, of those without a name the highest, so that no other rule is
 * about it; 0: there is none. */
static uint32_t refused_bit(const struct audit *audit, unsigned group)
{
    uint32_t zeros = ~audit->can->range[group].may_be_1;
    uint32_t named = 0;

    for (unsigned bit = 32; bit-- != 0;) {
        if (!(zeros >> bit & 1)) {
            continue;
        }
        if (control_name((enum control_group)group, bit) == NULL) {
            return UINT32_C(1) << bit;
        }
        named = named != 0 ? named : UINT32_C(1) << bit;
    }
    return named;
}

/* The lowest bit that must be 1. */
static uint32_t lowest_one(const struct audit *audit, unsigned group)
{
    uint32_t ones = audit->can->range[group].must_be_1;

    return ones & -ones;
}

static bool apply_step(struct applying *applying, struct audit_step_parts step);

static bool apply_preset(struct applying *applying, unsigned preset)
{
    const audit_step *step = audit_presets[preset];

    while (op_of(*step) != STEP_END) {
        if (!apply_step(applying, parts_of(*step++))) {
            return false;
        }
    }
    return true;
}

/* The step's symbol. 0 is a count, and else the sign that this processor has no such value. */
static bool symbol_of(struct applying *applying, struct audit_step_parts step, uint64_t *value)
{
    *value = audit_symbol(applying->audit, applying->sandbox, step.argument);
    if (*value == 0 && step.argument != SYMBOL_CR3_TARGETS && step.argument != SYMBOL_HLAT_PREFIX) {
        applying->missing = audit_symbol_need(step.argument);
        return false;
    }
    return true;
}

/* Steps that change no field by themselves. */
static bool apply_other(struct applying *applying, struct audit_step_parts step)
{
    uint64_t value;

    switch (step.op) {
    case STEP_PRESET:
        return apply_preset(applying, step.argument);
    case STEP_ON:
        return switch_on(applying, step.argument, step.value);
    case STEP_OFF:
        return switch_off(applying, step.argument, step.value);
    case STEP_NEED:
        return symbol_of(applying, step, &value);
    case STEP_POKE:
        return poke(applying, step.argument, &step.value, sizeof(step.value));
    case STEP_POKE_SYMBOL:
        value = audit_symbol(applying->audit, applying->sandbox, step.argument);
        return value != 0 && poke(applying, step.value, &value, sizeof(value));
    default:
        return true;
    }
}

/* The new value of the step's field; false: this processor has none such. */
static bool new_value(struct applying *applying, struct audit_step_parts step, uint64_t *value)
{
    const struct audit *audit = applying->audit;
    uint64_t symbol = 0;

    if ((step.op == STEP_SYMBOL || step.op == STEP_OR_SYMBOL) &&
        !symbol_of(applying, step, &symbol)) {
        return false;
    }
    switch (step.op) {
    case STEP_SET:
        *value = step.value;
        return true;
    case STEP_SET_HIGH:
        *value = (*value & UINT32_MAX) | (uint64_t)step.value << 32;
        return true;
    case STEP_SYMBOL:
        *value = symbol + (uint64_t)(int64_t)(int32_t)step.value;
        return true;
    case STEP_OR_SYMBOL:
        *value |= symbol;
        return true;
    case STEP_OR:
        *value |= step.value;
        return true;
    case STEP_CLEAR:
        *value &= ~(uint64_t)step.value;
        return true;
    case STEP_XOR:
        *value ^= step.value;
        return true;
    case STEP_RAISE:
        *value |= BIT(step.argument);
        return true;
    case STEP_LOWER:
        *value &= ~BIT(step.argument);
        return true;
    case STEP_OR_REFUSED:
        *value |= refused_bit(audit, step.argument);
        return refused_bit(audit, step.argument) != 0;
    case STEP_CLEAR_ONE:
        *value &= ~(uint64_t)lowest_one(audit, step.argument);
        return lowest_one(audit, step.argument) != 0;
    case STEP_SET_ONES:
        *value = audit->can->range[step.argument].must_be_1;
        return true;
    default:
        return false;
    }
}

static bool is_of_field(struct audit_step_parts step)
{
    switch (step.op) {
    case STEP_PRESET:
    case STEP_ON:
    case STEP_OFF:
    case STEP_NEED:
    case STEP_POKE:
    case STEP_POKE_SYMBOL:
        return false;
    default:
        return true;
    }
}

/* A preset may touch fields that are not there, a mutation not: there would be nothing to see. */
static bool apply_step(struct applying *applying, struct audit_step_parts step)
{
    struct audit *audit = applying->audit;
    uint64_t value;

    if (!is_of_field(step)) {
        return apply_other(applying, step);
    }
    value = audit->value[step.field];
    if (!new_value(applying, step, &value)) {
        return false;
    }
    if (audit->present[step.field]) {
        audit->value[step.field] = value & vmcs_field_mask(vmcs_field_at(step.field));
    }
    return true;
}

bool audit_mutate(struct audit *audit, const audit_step *start, const struct audit_sandbox *sandbox,
                  const char **missing)
{
    struct applying applying = {audit, sandbox, ""};
    bool applied = true;

    for (const audit_step *step = start + 1; applied && op_of(*step) != STEP_END && !starts(*step);
         step++) {
        struct audit_step_parts parts = parts_of(*step);
        applied =
            (!is_of_field(parts) || audit->present[parts.field]) && apply_step(&applying, parts);
    }
    *missing = applying.missing;
    audit_prepare(audit);
    return applied;
}

bool audit_apply_preset(struct audit *audit, enum audit_preset preset,
                        const struct audit_sandbox *sandbox)
{
    struct applying applying = {audit, sandbox, ""};
    bool applied = apply_preset(&applying, preset);

    audit_prepare(audit);
    return applied;
}
