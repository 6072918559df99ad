/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the VM-execution control fields: the virtual APIC and posted interrupts. Pure. */
#include "vmx/audit_rule.h"

#define VTPR 0x80 /* offset in the virtual-APIC page */

static bool keeps_threshold_bits(const struct audit *audit, const struct audit_rule *rule,
                                 struct audit_answer *answer)
{
    (void)rule;
    return ACTS(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT) ||
           answer_zero(answer, V(TPR_THRESHOLD) & BITS(31, 4));
}

static bool keeps_threshold(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    uint64_t address = V(VIRTUAL_APIC_ADDRESS);
    const uint8_t *vtpr;

    (void)rule;
    if (!ACTS_NOT(SECONDARY, SECONDARY_APIC_ACCESS | SECONDARY_VIRTUAL_INTERRUPT) ||
        !IS_ALIGNED(address, PAGE_SIZE) || address & audit->address_reserved) {
        return true;
    }
    vtpr = physical_at(audit->memory, HPA(address + VTPR), 1);
    return vtpr == NULL || answer_at_most(answer, V(TPR_THRESHOLD) & BITS(3, 0), *vtpr >> 4);
}

/* What the TPR shadow is the ground of: `mask`, which must be 0 where it is 0. */
static bool keeps_without_shadow(const struct audit *audit, const struct audit_rule *rule,
                                 struct audit_answer *answer)
{
    return ACTS(PRIMARY, PRIMARY_TPR_SHADOW) || check_excludes(audit, rule, answer);
}

static bool keeps_last_pid_pointer(const struct audit *audit, const struct audit_rule *rule,
                                   struct audit_answer *answer)
{
    uint64_t last = V(PID_POINTER_TABLE) + V(LAST_PID_POINTER_INDEX) * 8;

    (void)rule;
    return answer_zero(answer, last & audit->address_reserved);
}

static bool keeps_pid_alignment(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(PID_POINTER_TABLE) & BITS(2, 0));
}

static bool keeps_posted_vector(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return answer_at_most(answer, V(POSTED_INTERRUPT_VECTOR), 255);
}

#define SHADOW   ON(PRIMARY, PRIMARY_TPR_SHADOW), IN_SANDBOX(VIRTUAL_APIC_ADDRESS, SANDBOX_ANY)
#define ACCESS   ON(SECONDARY, SECONDARY_APIC_ACCESS), IN_SANDBOX(APIC_ACCESS_ADDRESS, SANDBOX_ANY)
#define DELIVERY SHADOW, ON(PIN, PIN_EXTERNAL_INTERRUPT), ON(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT)
#define POSTED                                                                                     \
    DELIVERY, ON(EXIT, EXIT_ACKNOWLEDGE_INTERRUPT), ON(PIN, PIN_POSTED_INTERRUPTS),                \
        IN_SANDBOX(POSTED_INTERRUPT_DESCRIPTOR, SANDBOX_ANY), SET(POSTED_INTERRUPT_VECTOR, 0xF2)
/* Without what they stand on: broken as well, and what Bochs then leaves unchecked is seen. */
#define UNGROUNDED OFF(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT), OFF(PRIMARY, PRIMARY_TPR_SHADOW)
#define IPIS                                                                                       \
    SHADOW, ON(TERTIARY, TERTIARY_IPI_VIRTUALIZATION), IN_SANDBOX(PID_POINTER_TABLE, SANDBOX_ANY), \
        SET(LAST_PID_POINTER_INDEX, 0)

static const struct audit_rule tpr_rules[] = {
    {"control.virtual_apic.aligned", "the virtual-APIC address must be aligned to 4 KiB",
     check_aligned_4k,
     PROOFS(BREAKS, SHADOW, OR(VIRTUAL_APIC_ADDRESS, 1), BREAKS, SHADOW,
            OR(VIRTUAL_APIC_ADDRESS, 0x800), KEEPS, SHADOW, KEEPS, OFF(PRIMARY, PRIMARY_TPR_SHADOW),
            SET(VIRTUAL_APIC_ADDRESS, 0xFFF)),
     FIELDS_1(VIRTUAL_APIC_ADDRESS), WHEN(PRIMARY, PRIMARY_TPR_SHADOW)},
    {"control.virtual_apic.width",
     "the virtual-APIC address must set no bit beyond the physical-address width", check_width,
     PROOFS(BREAKS, SHADOW, OR_SYM(VIRTUAL_APIC_ADDRESS, WIDTH), BREAKS, SHADOW,
            RAISE(VIRTUAL_APIC_ADDRESS, 63), KEEPS, SHADOW),
     FIELDS_1(VIRTUAL_APIC_ADDRESS), WHEN(PRIMARY, PRIMARY_TPR_SHADOW)},
    {"control.tpr_threshold.reserved",
     "bits 31:4 of the TPR threshold must be 0 without virtual-interrupt delivery",
     keeps_threshold_bits,
     PROOFS(BREAKS, SHADOW, SET(TPR_THRESHOLD, 0x10), BREAKS, SHADOW,
            SET(TPR_THRESHOLD, 0x80000000), KEEPS, SHADOW, SET(TPR_THRESHOLD, 0), KEEPS, DELIVERY,
            SET(TPR_THRESHOLD, 0xFFFFFFF0)),
     FIELDS_1(TPR_THRESHOLD), WHEN(PRIMARY, PRIMARY_TPR_SHADOW)},
    {"control.tpr_threshold.vtpr",
     "the TPR threshold must not be above VTPR's class (neither APIC accesses nor interrupts are "
     "virtualized)",
     keeps_threshold,
     PROOFS(BREAKS, SHADOW, POKE(SANDBOX_ANY + VTPR, 0x4F), SET(TPR_THRESHOLD, 5), KEEPS, SHADOW,
            POKE(SANDBOX_ANY + VTPR, 0x50), SET(TPR_THRESHOLD, 5), KEEPS, SHADOW, ACCESS,
            POKE(SANDBOX_ANY + VTPR, 0x4F), SET(TPR_THRESHOLD, 5)),
     FIELDS_2(TPR_THRESHOLD, VIRTUAL_APIC_ADDRESS), WHEN(PRIMARY, PRIMARY_TPR_SHADOW)},
};

const struct audit_section audit_execution_tpr =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, tpr_rules);

static const struct audit_rule apic_rules[] = {
    {"control.apic_access.aligned", "the APIC-access address must be aligned to 4 KiB",
     check_aligned_4k,
     PROOFS(BREAKS, ACCESS, OR(APIC_ACCESS_ADDRESS, 1), BREAKS, ACCESS,
            OR(APIC_ACCESS_ADDRESS, 0x800), KEEPS, ACCESS),
     FIELDS_1(APIC_ACCESS_ADDRESS), WHEN(SECONDARY, SECONDARY_APIC_ACCESS)},
    {"control.apic_access.width",
     "the APIC-access address must set no bit beyond the physical-address width", check_width,
     PROOFS(BREAKS, ACCESS, OR_SYM(APIC_ACCESS_ADDRESS, WIDTH), BREAKS, ACCESS,
            RAISE(APIC_ACCESS_ADDRESS, 63), KEEPS, ACCESS, SYM(APIC_ACCESS_ADDRESS, TOP)),
     FIELDS_1(APIC_ACCESS_ADDRESS), WHEN(SECONDARY, SECONDARY_APIC_ACCESS)},
    {"control.tpr_shadow.x2apic", "virtualize x2APIC mode needs the TPR shadow",
     keeps_without_shadow,
     PROOFS(BREAKS, OFF(PRIMARY, PRIMARY_TPR_SHADOW), ON(SECONDARY, SECONDARY_X2APIC), KEEPS,
            SHADOW, ON(SECONDARY, SECONDARY_X2APIC)),
     FIELDS_1(SECONDARY_CONTROLS), MASK(SECONDARY, SECONDARY_X2APIC)},
    {"control.tpr_shadow.apic_register", "APIC-register virtualization needs the TPR shadow",
     keeps_without_shadow,
     PROOFS(BREAKS, OFF(PRIMARY, PRIMARY_TPR_SHADOW), ON(SECONDARY, SECONDARY_APIC_REGISTER), KEEPS,
            SHADOW, ON(SECONDARY, SECONDARY_APIC_REGISTER)),
     FIELDS_1(SECONDARY_CONTROLS), MASK(SECONDARY, SECONDARY_APIC_REGISTER)},
    {"control.tpr_shadow.virtual_interrupt", "virtual-interrupt delivery needs the TPR shadow",
     keeps_without_shadow,
     PROOFS(BREAKS, OFF(PRIMARY, PRIMARY_TPR_SHADOW), ON(PIN, PIN_EXTERNAL_INTERRUPT),
            ON(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT), KEEPS, DELIVERY),
     FIELDS_1(SECONDARY_CONTROLS), MASK(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT)},
    {"control.tpr_shadow.ipi_virtualization", "IPI virtualization needs the TPR shadow",
     keeps_without_shadow, PROOFS(BREAKS, IPIS, OFF(PRIMARY, PRIMARY_TPR_SHADOW), KEEPS, IPIS),
     FIELDS_1(TERTIARY_CONTROLS), MASK(TERTIARY, TERTIARY_IPI_VIRTUALIZATION)},
    {"control.x2apic.apic_access", "x2APIC mode and APIC accesses are not virtualized together",
     check_excludes,
     PROOFS(BREAKS, SHADOW, ACCESS, ON(SECONDARY, SECONDARY_X2APIC), KEEPS, SHADOW,
            ON(SECONDARY, SECONDARY_X2APIC)),
     FIELDS_1(SECONDARY_CONTROLS), WHEN(SECONDARY, SECONDARY_X2APIC),
     MASK(SECONDARY, SECONDARY_APIC_ACCESS)},
    {"control.virtual_interrupt.external_interrupt",
     "virtual-interrupt delivery needs external-interrupt exiting", check_wants,
     PROOFS(BREAKS, DELIVERY, OFF(PIN, PIN_EXTERNAL_INTERRUPT), KEEPS, DELIVERY),
     FIELDS_1(PIN_CONTROLS), WHEN(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT),
     MASK(PIN, PIN_EXTERNAL_INTERRUPT)},
    {"control.posted.virtual_interrupt", "posted interrupts need virtual-interrupt delivery",
     check_wants,
     PROOFS(BREAKS, POSTED, OFF(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT), BREAKS, POSTED, UNGROUNDED,
            KEEPS, POSTED),
     FIELDS_1(SECONDARY_CONTROLS), WHEN(PIN, PIN_POSTED_INTERRUPTS),
     MASK(SECONDARY, SECONDARY_VIRTUAL_INTERRUPT)},
    {"control.posted.acknowledge", "posted interrupts need acknowledge interrupt on exit",
     check_wants,
     PROOFS(BREAKS, POSTED, OFF(EXIT, EXIT_ACKNOWLEDGE_INTERRUPT), BREAKS_ALSO, POSTED, UNGROUNDED,
            OFF(EXIT, EXIT_ACKNOWLEDGE_INTERRUPT), KEEPS, POSTED),
     FIELDS_1(EXIT_CONTROLS), WHEN(PIN, PIN_POSTED_INTERRUPTS),
     MASK(EXIT, EXIT_ACKNOWLEDGE_INTERRUPT)},
    {"control.posted.vector", "the posted-interrupt notification vector must be at most 255",
     keeps_posted_vector,
     PROOFS(BREAKS, POSTED, SET(POSTED_INTERRUPT_VECTOR, 0x100), BREAKS_ALSO, POSTED, UNGROUNDED,
            SET(POSTED_INTERRUPT_VECTOR, 0x100), KEEPS, POSTED, SET(POSTED_INTERRUPT_VECTOR, 0xFF)),
     FIELDS_1(POSTED_INTERRUPT_VECTOR), WHEN(PIN, PIN_POSTED_INTERRUPTS)},
    {"control.posted.aligned", "the posted-interrupt descriptor must be aligned to 64 bytes",
     check_aligned_64,
     PROOFS(BREAKS, POSTED, OR(POSTED_INTERRUPT_DESCRIPTOR, 0x20), BREAKS, POSTED,
            OR(POSTED_INTERRUPT_DESCRIPTOR, 1), BREAKS_ALSO, POSTED, UNGROUNDED,
            OR(POSTED_INTERRUPT_DESCRIPTOR, 1), KEEPS, POSTED,
            OR(POSTED_INTERRUPT_DESCRIPTOR, 0x40)),
     FIELDS_1(POSTED_INTERRUPT_DESCRIPTOR), WHEN(PIN, PIN_POSTED_INTERRUPTS)},
    {"control.posted.width",
     "the posted-interrupt descriptor must set no bit beyond the physical-address width",
     check_width,
     PROOFS(BREAKS, POSTED, OR_SYM(POSTED_INTERRUPT_DESCRIPTOR, WIDTH), BREAKS, POSTED,
            RAISE(POSTED_INTERRUPT_DESCRIPTOR, 63), BREAKS_ALSO, POSTED, UNGROUNDED,
            RAISE(POSTED_INTERRUPT_DESCRIPTOR, 63), KEEPS, POSTED),
     FIELDS_1(POSTED_INTERRUPT_DESCRIPTOR), WHEN(PIN, PIN_POSTED_INTERRUPTS)},
};

const struct audit_section audit_execution_apic =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, apic_rules);

static const struct audit_rule ipi_rules[] = {
    {"control.pid_pointer_table.aligned", "the PID-pointer table must be aligned to 8 bytes",
     keeps_pid_alignment,
     PROOFS(BREAKS, IPIS, OR(PID_POINTER_TABLE, 4), KEEPS, IPIS, OR(PID_POINTER_TABLE, 8)),
     FIELDS_1(PID_POINTER_TABLE), WHEN(TERTIARY, TERTIARY_IPI_VIRTUALIZATION)},
    {"control.pid_pointer_table.width",
     "the PID-pointer table must set no bit beyond the physical-address width", check_width,
     PROOFS(BREAKS_ALSO, IPIS, OR_SYM(PID_POINTER_TABLE, WIDTH), KEEPS, IPIS,
            SYM(PID_POINTER_TABLE, TOP)),
     FIELDS_1(PID_POINTER_TABLE), WHEN(TERTIARY, TERTIARY_IPI_VIRTUALIZATION)},
    {"control.pid_pointer_table.last", "the PID-pointer table must end within physical addresses",
     keeps_last_pid_pointer,
     PROOFS(BREAKS, IPIS, SYM_PLUS(PID_POINTER_TABLE, WIDTH, -8), SET(LAST_PID_POINTER_INDEX, 1),
            KEEPS, IPIS, SYM_PLUS(PID_POINTER_TABLE, WIDTH, -8), SET(LAST_PID_POINTER_INDEX, 0)),
     FIELDS_2(PID_POINTER_TABLE, LAST_PID_POINTER_INDEX),
     WHEN(TERTIARY, TERTIARY_IPI_VIRTUALIZATION)},
};

const struct audit_section audit_execution_ipi =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, ipi_rules);
