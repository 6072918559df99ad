/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks that rules of many sections share. Pure. */
#include "vmx/audit_rule.h"

static uint64_t first(const struct audit *audit, const struct audit_rule *rule)
{
    return audit->value[rule->fields[0]];
}

static bool aligned(struct audit_answer *answer, uint64_t address, uint64_t to)
{
    answer->found = address;
    answer->want = to;
    answer->kind = WANT_ALIGNED;
    return IS_ALIGNED(address, to);
}

bool check_aligned_4k(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return aligned(answer, first(audit, rule), PAGE_SIZE);
}

bool check_aligned_64(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return aligned(answer, first(audit, rule), 64);
}

bool check_aligned_16(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return aligned(answer, first(audit, rule), 16);
}

bool check_width(const struct audit *audit, const struct audit_rule *rule,
                 struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & audit->address_reserved);
}

bool check_canonical(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    return answer_canonical(answer, first(audit, rule), audit->linear_width);
}

bool check_zero_16_31(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & BITS(31, 16));
}

bool check_zero_32_63(const struct audit *audit, const struct audit_rule *rule,
                      struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & BITS(63, 32));
}

bool check_not_zero(const struct audit *audit, const struct audit_rule *rule,
                    struct audit_answer *answer)
{
    return answer_not_zero(answer, first(audit, rule));
}

/* UC, WC, WT, WP, WB and UC-. SDM vol. 3A, "IA32_PAT MSR". */
bool check_pat(const struct audit *audit, const struct audit_rule *rule,
               struct audit_answer *answer)
{
    uint64_t pat = first(audit, rule);

    answer->found = pat;
    answer->want = 0;
    answer->kind = WANT_TYPES;
    for (unsigned byte = 0; byte < 8; byte++) {
        uint64_t type = pat >> byte * 8 & 0xFF;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

bool check_efer(const struct audit *audit, const struct audit_rule *rule,
                struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & ~audit->facts->efer_allowed);
}

bool check_perf_global(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & ~audit->facts->perf_global_allowed);
}

bool check_s_cet(const struct audit *audit, const struct audit_rule *rule,
                 struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & ~audit->facts->s_cet_allowed);
}

bool check_cr0_zeros(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & ~audit->can->cr0_fixed1 & ~(CR0_NW | CR0_CD));
}

bool check_cr4_ones(const struct audit *audit, const struct audit_rule *rule,
                    struct audit_answer *answer)
{
    uint64_t ones = audit->can->cr4_fixed0;

    return answer_equal(answer, first(audit, rule) & ones, ones);
}

bool check_cr4_zeros(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    return answer_zero(answer, first(audit, rule) & ~audit->can->cr4_fixed1);
}

#define CR3_LAM BITS(62, 61)

bool check_cr3(const struct audit *audit, const struct audit_rule *rule,
               struct audit_answer *answer)
{
    uint64_t lam = audit->facts->lam ? CR3_LAM : 0;

    return answer_zero(answer, first(audit, rule) & ~lam & ~BITS(audit->physical_width - 1, 0));
}

bool check_cet_wp(const struct audit *audit, const struct audit_rule *rule,
                  struct audit_answer *answer)
{
    return !(audit->value[rule->fields[1]] & CR4_CET) ||
           answer_bit(answer, first(audit, rule), CR0_WP, 1);
}

#define S_CET_SUPPRESS BIT(10)
#define S_CET_TRACKER  BIT(11)

bool check_s_cet_track(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    uint64_t bits = first(audit, rule) & (S_CET_SUPPRESS | S_CET_TRACKER);

    answer->found = FIELD_GET(S_CET_SUPPRESS | S_CET_TRACKER, bits);
    return answer_among(answer, answer->found, BIT(0) | BIT(1) | BIT(2));
}

bool check_wants(const struct audit *audit, const struct audit_rule *rule,
                 struct audit_answer *answer)
{
    return answer_number(answer, (audit->control[rule->mask_group] & rule->mask) == rule->mask, 1);
}

bool check_excludes(const struct audit *audit, const struct audit_rule *rule,
                    struct audit_answer *answer)
{
    return answer_number(answer, (audit->control[rule->mask_group] & rule->mask) != 0, 0);
}

bool check_must_be_1(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    uint32_t ones = audit->can->range[rule->mask_group].must_be_1;

    return answer_equal(answer, first(audit, rule) & ones, ones);
}

bool check_must_be_0(const struct audit *audit, const struct audit_rule *rule,
                     struct audit_answer *answer)
{
    uint32_t may = audit->can->range[rule->mask_group].may_be_1;

    return answer_zero(answer, first(audit, rule) & UINT32_MAX & ~may);
}
