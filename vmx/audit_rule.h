/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words in which the tables of rules are written: rows, checks that many rules share, and the
 * proofs of each rule. Private to vmx/audit_*.c. Pure.
 */
#ifndef VMX_AUDIT_RULE_H
#define VMX_AUDIT_RULE_H

#include "kernel/cpu.h"
#include "vmx/audit.h"
#include "vmx/audit_mutation.h"
#include "vmx/exit.h"

/* A field's value, and whether all of some controls act. `audit` is in scope where these are. */
#define V(symbol)          (audit->value[INDEX_##symbol])
#define ACTS(group, bits)  ((audit->control[CONTROL_##group] & (bits)) == (bits))
#define ACTS_NOT(group, b) ((audit->control[CONTROL_##group] & (b)) == 0)

/* Rows. */
#define NO_FIELD          AUDIT_NO_FIELD
#define FIELDS_3(a, b, c) .fields[0] = INDEX_##a, .fields[1] = INDEX_##b, .fields[2] = INDEX_##c
#define FIELDS_2(a, b)    .fields[0] = INDEX_##a, .fields[1] = INDEX_##b, .fields[2] = NO_FIELD
#define FIELDS_1(a)       .fields[0] = INDEX_##a, .fields[1] = NO_FIELD, .fields[2] = NO_FIELD
#define WHEN(group, bits) .when_group = CONTROL_##group, .when = (uint32_t)(bits)
#define MASK(group, bits) .mask_group = CONTROL_##group, .mask = (uint32_t)(bits)
#define STEP(op, field, argument, value)                                                           \
    ((op) | (uint64_t)(field) << 8 | (uint64_t)(argument) << 16 | (uint64_t)(value) << 32)
#define PROOFS(...)                                                                                \
    .proofs = (const audit_step[])                                                                 \
    {                                                                                              \
        __VA_ARGS__, STEP(STEP_END, 0, 0, 0)                                                       \
    }
#define RULE(...)                                                                                  \
    (struct audit_rule)                                                                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define SECTION(title, stage, rules)                                                               \
    (struct audit_section)                                                                         \
    {                                                                                              \
        title, stage, rules, ARRAY_SIZE(rules)                                                     \
    }

/* Steps, as tables of rules write them. */
#define BREAKS            STEP(STEP_BREAKS, 0, 0, 0)
#define BREAKS_ALSO       STEP(STEP_BREAKS_ALSO, 0, 0, 0)
#define KEEPS             STEP(STEP_KEEPS, 0, 0, 0)
#define AS(preset)        STEP(STEP_PRESET, 0, PRESET_##preset, 0)
#define SET(f, v)         STEP(STEP_SET, INDEX_##f, 0, (uint32_t)(v))
#define SET_HIGH(f, v)    STEP(STEP_SET_HIGH, INDEX_##f, 0, (uint32_t)(v))
#define SYM(f, s)         STEP(STEP_SYMBOL, INDEX_##f, SYMBOL_##s, 0)
#define SYM_PLUS(f, s, v) STEP(STEP_SYMBOL, INDEX_##f, SYMBOL_##s, (uint32_t)(v))
#define OR_SYM(f, s)      STEP(STEP_OR_SYMBOL, INDEX_##f, SYMBOL_##s, 0)
#define OR(f, v)          STEP(STEP_OR, INDEX_##f, 0, (uint32_t)(v))
#define CLEAR(f, v)       STEP(STEP_CLEAR, INDEX_##f, 0, (uint32_t)(v))
#define XOR(f, v)         STEP(STEP_XOR, INDEX_##f, 0, (uint32_t)(v))
#define AS_IT_IS          STEP(STEP_OR, INDEX_GUEST_RIP, 0, 0) /* where a step must stand */
#define RAISE(f, bit)     STEP(STEP_RAISE, INDEX_##f, (bit), 0)
#define LOWER(f, bit)     STEP(STEP_LOWER, INDEX_##f, (bit), 0)
#define ON(g, v)          STEP(STEP_ON, 0, CONTROL_##g, (uint32_t)(v))
#define OFF(g, v)         STEP(STEP_OFF, 0, CONTROL_##g, (uint32_t)(v))
#define OR_REFUSED(f, g)  STEP(STEP_OR_REFUSED, INDEX_##f, CONTROL_##g, 0)
#define CLEAR_ONE(f, g)   STEP(STEP_CLEAR_ONE, INDEX_##f, CONTROL_##g, 0)
#define SET_ONES(f, g)    STEP(STEP_SET_ONES, INDEX_##f, CONTROL_##g, 0)
#define NEED(s)           STEP(STEP_NEED, 0, SYMBOL_##s, 0)
#define POKE(at, v)       STEP(STEP_POKE, 0, (at), (uint32_t)(v))
#define POKE_SYM(at, s)   STEP(STEP_POKE_SYMBOL, 0, SYMBOL_##s, (at))
#define IN_SANDBOX(f, at) SYM_PLUS(f, SANDBOX, at)

/* An event that VM entry injects. */
#define INJECT(information) SET(ENTRY_INTERRUPTION_INFO, INTERRUPTION_VALID | (information))

/* Answers. Each gives whether the rule is kept. */
static inline bool answer_zero(struct audit_answer *answer, uint64_t bits)
{
    answer->found = bits;
    answer->want = 0;
    answer->kind = WANT_VALUE;
    return bits == 0;
}

static inline bool answer_equal(struct audit_answer *answer, uint64_t found, uint64_t want)
{
    answer->found = found;
    answer->want = want;
    answer->kind = WANT_VALUE;
    return found == want;
}

static inline bool answer_number(struct audit_answer *answer, uint64_t found, uint64_t want)
{
    answer->found = found;
    answer->want = want;
    answer->kind = WANT_NUMBER;
    return found == want;
}

/* `set`: the allowed numbers below 64, as bits. */
static inline bool answer_among(struct audit_answer *answer, uint64_t found, uint64_t set)
{
    answer->found = found;
    answer->want = set;
    answer->kind = WANT_SET;
    return found < 64 && set >> found & 1;
}

static inline bool answer_at_most(struct audit_answer *answer, uint64_t found, uint64_t most)
{
    answer->found = found;
    answer->want = most;
    answer->kind = WANT_AT_MOST;
    return found <= most;
}

static inline bool answer_not_zero(struct audit_answer *answer, uint64_t found)
{
    answer->found = found;
    answer->want = 0;
    answer->kind = WANT_NOT_ZERO;
    return found != 0;
}

/* `width`: bits of a linear address; those above must repeat the highest. */
static inline bool answer_canonical(struct audit_answer *answer, uint64_t address, unsigned width)
{
    answer->found = address;
    answer->want = width;
    answer->kind = WANT_CANONICAL;
    return (uint64_t)((int64_t)(address << (64 - width)) >> (64 - width)) == address;
}

/* Whether `bit` is as `want` says, of the control fields' bits: found and want are 0 or 1. */
static inline bool answer_bit(struct audit_answer *answer, uint64_t value, uint64_t bit, bool want)
{
    return answer_number(answer, (value & bit) != 0, want);
}

/* Checks that rules of many sections share; they look at the rule's first field. audit_checks.c. */
audit_check check_aligned_4k; /* bits 11:0 are 0 */
audit_check check_aligned_64; /* bits 5:0 are 0 */
audit_check check_aligned_16; /* bits 3:0 are 0 */
audit_check check_width;      /* no bit beyond the physical-address width */
audit_check check_canonical;  /* canonical by the processor's linear-address width */
audit_check check_zero_16_31; /* bits 31:16 are 0 */
audit_check check_zero_32_63; /* bits 63:32 are 0 */
audit_check check_not_zero;
audit_check check_pat;
audit_check check_efer;        /* no reserved bit */
audit_check check_perf_global; /* no reserved bit */
audit_check check_s_cet;       /* no reserved bit */
audit_check check_s_cet_track; /* SUPPRESS and TRACKER not both */
audit_check check_cr0_zeros;   /* of CR0, but for NW and CD, which neither entry nor exit changes */
audit_check check_cr4_ones;
audit_check check_cr4_zeros;
audit_check check_cr3;       /* no bit beyond the width, but for those of LAM */
audit_check check_cet_wp;    /* fields: CR0 and CR4 */
audit_check check_must_be_1; /* what the capability MSR of the group of `mask` says of the field */
audit_check check_must_be_0;
audit_check check_wants;    /* the controls of `mask` must act; found is 0 where one does not */
audit_check check_excludes; /* the controls of `mask` must not act */

/* The sections, each the table of its file. */
extern const struct audit_section audit_execution, audit_execution_bitmaps, audit_execution_tpr,
    audit_execution_nmi, audit_execution_apic, audit_execution_vpid, audit_execution_ept,
    audit_execution_tsc, audit_execution_late, audit_execution_ipi, audit_exit, audit_entry,
    audit_event, audit_host_registers, audit_host_segments, audit_address_space,
    audit_guest_registers, audit_guest_segments, audit_guest_rights, audit_guest_tables,
    audit_guest_rip, audit_guest_state, audit_guest_link, audit_guest_pdptes, audit_msr_load;

#endif
