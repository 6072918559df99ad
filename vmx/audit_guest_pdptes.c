/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the guest's page-directory-pointer-table entries. Pure. */
#include "vmx/audit_rule.h"

#define PDPTE_P        BIT(0)
#define PDPTE_RESERVED (BITS(2, 1) | BITS(8, 5))
#define PDPTES         4
#define CR3_PDPT       BITS(31, 5)

static bool uses_pdptes(const struct audit *audit)
{
    return V(GUEST_CR0) & CR0_PG && V(GUEST_CR4) & CR4_PAE && !audit->ia32e_guest;
}

static uint64_t reserved(const struct audit *audit, uint64_t pdpte)
{
    uint64_t beyond = ~BITS(audit->physical_width - 1, 0);

    return pdpte & PDPTE_P ? pdpte & (PDPTE_RESERVED | beyond) : 0;
}

static bool keeps_pdpte(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    return !uses_pdptes(audit) ||
           answer_zero(answer, reserved(audit, audit->value[rule->fields[0]]));
}

/* Without EPT they are read from memory, at the address that CR3 holds. Where no memory
 * is to be read, nothing is said of them. */
static bool keeps_pdptes_in_memory(const struct audit *audit, const struct audit_rule *rule,
                                   struct audit_answer *answer)
{
    uint64_t pdptes[PDPTES];
    const void *bytes;

    (void)rule;
    if (!uses_pdptes(audit) || ACTS(SECONDARY, SECONDARY_EPT)) {
        return true;
    }
    bytes = physical_at(audit->memory, HPA(V(GUEST_CR3) & CR3_PDPT), sizeof(pdptes));
    if (bytes == NULL) {
        return true;
    }
    __builtin_memcpy(pdptes, bytes, sizeof(pdptes));
    for (unsigned i = 0; i < PDPTES; i++) {
        if (reserved(audit, pdptes[i]) != 0) {
            return answer_zero(answer, reserved(audit, pdptes[i]));
        }
    }
    return true;
}

#define PDPTE(n)                                                                                   \
    RULE("guest.pdpte" #n ".reserved", "reserved bits of a present PDPTE" #n " must be 0",         \
         keeps_pdpte,                                                                              \
         PROOFS(BREAKS, AS(PAE), SET(GUEST_PDPTE##n, 3), BREAKS, AS(PAE),                          \
                SET(GUEST_PDPTE##n, 0x21), BREAKS, AS(PAE), SET(GUEST_PDPTE##n, 0x101), BREAKS,    \
                AS(PAE), SET(GUEST_PDPTE##n, 1), OR_SYM(GUEST_PDPTE##n, CR3_WIDTH), BREAKS,        \
                AS(PAE), SET(GUEST_PDPTE##n, 1), RAISE(GUEST_PDPTE##n, 63), KEEPS, AS(PAE),        \
                SET(GUEST_PDPTE##n, 0xE19), KEEPS, AS(PAE), SET(GUEST_PDPTE##n, 0xFFFFFFFE),       \
                KEEPS, SET(GUEST_PDPTE##n, 3)),                                                    \
         FIELDS_3(GUEST_PDPTE##n, GUEST_CR4, ENTRY_CONTROLS), WHEN(SECONDARY, SECONDARY_EPT))
#define NO_EPT AS(PAE), OFF(SECONDARY, SECONDARY_EPT | SECONDARY_UNRESTRICTED)
#define TABLE  IN_SANDBOX(GUEST_CR3, SANDBOX_PDPT)

static const struct audit_rule rules[] = {
    PDPTE(0),
    PDPTE(1),
    PDPTE(2),
    PDPTE(3),
    {"guest.pdptes.memory", "without EPT, reserved bits of the present PDPTEs in memory must be 0",
     keeps_pdptes_in_memory,
     PROOFS(BREAKS, NO_EPT, TABLE, POKE(SANDBOX_PDPT + 24, 3), KEEPS, NO_EPT, TABLE,
            POKE(SANDBOX_PDPT + 24, 2), KEEPS, NO_EPT, TABLE, POKE(SANDBOX_PDPT, 1)),
     FIELDS_2(GUEST_CR3, GUEST_CR4)},
};

const struct audit_section audit_guest_pdptes =
    SECTION("Checks on Guest Page-Directory-Pointer-Table Entries", AUDIT_GUEST, rules);
