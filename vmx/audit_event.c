/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the VM-entry control fields: the event that is injected. Pure. */
#include "vmx/audit_rule.h"

#define INTERRUPTION_RESERVED BITS(30, 12)
#define LONGEST_INSTRUCTION   15
#define HIGHEST_EXCEPTION     31

/* Exceptions that deliver an error code. SDM vol. 3A, "Exception and Interrupt Reference"; the
 * section on VM-entry control fields lists these. */
#define WITH_ERROR_CODE                                                                            \
    (BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(11) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |                 \
     BIT(VECTOR_PF) | BIT(VECTOR_AC))

static bool is_exception(const struct audit *audit)
{
    return audit->event_type == INTERRUPTION_HARDWARE_EXCEPTION;
}

static bool has_error_code(const struct audit *audit)
{
    return V(ENTRY_INTERRUPTION_INFO) & INTERRUPTION_ERROR_CODE;
}

/* Whether the vector, not the software, decides about the error code. */
static bool vector_decides(const struct audit *audit)
{
    return !(audit->can->basic & VMX_BASIC_ERROR_CODE);
}

static bool delivers(const struct audit *audit)
{
    return audit->event_vector <= HIGHEST_EXCEPTION && WITH_ERROR_CODE >> audit->event_vector & 1;
}

static bool keeps_type(const struct audit *audit, const struct audit_rule *rule,
                       struct audit_answer *answer)
{
    bool other = control_offered(audit->can, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP);

    (void)rule;
    return !audit->injects || answer_among(answer, audit->event_type, other ? 0xFD : 0x7D);
}

static bool keeps_vector(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    (void)rule;
    if (!audit->injects) {
        return true;
    }
    switch (audit->event_type) {
    case INTERRUPTION_NMI:
        return answer_number(answer, audit->event_vector, VECTOR_NMI);
    case INTERRUPTION_HARDWARE_EXCEPTION:
        return answer_at_most(answer, audit->event_vector, HIGHEST_EXCEPTION);
    case INTERRUPTION_OTHER:
        return answer_number(answer, audit->event_vector, 0);
    default:
        return true;
    }
}

static bool keeps_error_code(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    (void)rule;
    return !audit->injects || !is_exception(audit) || !(V(GUEST_CR0) & CR0_PE) ||
           !vector_decides(audit) || !delivers(audit) ||
           answer_number(answer, has_error_code(audit), 1);
}

static bool keeps_no_error_code(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    bool may =
        is_exception(audit) && V(GUEST_CR0) & CR0_PE && (!vector_decides(audit) || delivers(audit));

    (void)rule;
    return !audit->injects || may || answer_number(answer, has_error_code(audit), 0);
}

static bool keeps_reserved(const struct audit *audit, const struct audit_rule *rule,
                           struct audit_answer *answer)
{
    (void)rule;
    return !audit->injects ||
           answer_zero(answer, V(ENTRY_INTERRUPTION_INFO) & INTERRUPTION_RESERVED);
}

static bool keeps_error_value(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    return !audit->injects || !has_error_code(audit) || check_zero_16_31(audit, rule, answer);
}

static bool keeps_length(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer)
{
    bool zero = audit->can->misc & VMX_MISC_LENGTH_0;

    (void)rule;
    switch (audit->event_type) {
    case INTERRUPTION_SOFTWARE_INTERRUPT:
    case INTERRUPTION_PRIVILEGED_SOFTWARE:
    case INTERRUPTION_SOFTWARE_EXCEPTION:
        return !audit->injects || answer_among(answer, V(ENTRY_INSTRUCTION_LENGTH),
                                               BITS(LONGEST_INSTRUCTION, 1) | (zero ? 1 : 0));
    default:
        return true;
    }
}

#define TYPE(name) (INTERRUPTION_##name << 8)
#define ERROR_CODE INTERRUPTION_ERROR_CODE
#define LENGTH(n)  SET(ENTRY_INSTRUCTION_LENGTH, n)
#define CODE(n)    SET(ENTRY_EXCEPTION_ERROR_CODE, n)
#define SOFTWARE   INJECT(TYPE(SOFTWARE_INTERRUPT) | 0x80)

static const struct audit_rule rules[] = {
    {"control.event.type", "the event's interruption type must not be a reserved one", keeps_type,
     PROOFS(BREAKS, INJECT(1 << 8 | 0x20), BREAKS, NEED(NO_MTF), INJECT(TYPE(OTHER)), KEEPS,
            NEED(MTF), INJECT(TYPE(OTHER)), KEEPS, INJECT(TYPE(EXTERNAL) | 0x20),
            RAISE(GUEST_RFLAGS, 9)),
     FIELDS_1(ENTRY_INTERRUPTION_INFO)},
    {"control.event.vector",
     "the event's vector must fit its type: 2 for NMI, at most 31 for a hardware exception, 0 for "
     "other",
     keeps_vector,
     PROOFS(BREAKS, INJECT(TYPE(NMI) | 3), BREAKS, INJECT(TYPE(HARDWARE_EXCEPTION) | 32), BREAKS,
            NEED(MTF), INJECT(TYPE(OTHER) | 1), KEEPS, INJECT(TYPE(NMI) | 2), KEEPS,
            INJECT(TYPE(HARDWARE_EXCEPTION) | 31), KEEPS, INJECT(TYPE(EXTERNAL) | 255),
            RAISE(GUEST_RFLAGS, 9)),
     FIELDS_1(ENTRY_INTERRUPTION_INFO)},
    {"control.event.error_code.wanted",
     "an exception that delivers an error code must be given one", keeps_error_code,
     PROOFS(BREAKS, NEED(ERROR_CODE_STRICT), INJECT(TYPE(HARDWARE_EXCEPTION) | VECTOR_GP), BREAKS,
            NEED(ERROR_CODE_STRICT), INJECT(TYPE(HARDWARE_EXCEPTION) | VECTOR_AC), KEEPS,
            INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_GP), KEEPS, NEED(ERROR_CODE_FREE),
            INJECT(TYPE(HARDWARE_EXCEPTION) | VECTOR_GP), KEEPS, AS(REAL),
            INJECT(TYPE(HARDWARE_EXCEPTION) | VECTOR_GP)),
     FIELDS_2(ENTRY_INTERRUPTION_INFO, GUEST_CR0)},
    {"control.event.error_code.refused",
     "an event that delivers no error code, or one in real-address mode, must not have one",
     keeps_no_error_code,
     PROOFS(BREAKS, INJECT(TYPE(SOFTWARE_INTERRUPT) | ERROR_CODE | 0x80), LENGTH(2), BREAKS,
            INJECT(TYPE(NMI) | ERROR_CODE | 2), BREAKS, NEED(ERROR_CODE_STRICT),
            INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_UD), BREAKS, AS(REAL),
            INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_GP), KEEPS,
            INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_PF), KEEPS, NEED(ERROR_CODE_FREE),
            INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_UD)),
     FIELDS_2(ENTRY_INTERRUPTION_INFO, GUEST_CR0)},
    {"control.event.reserved", "bits 30:12 of the event must be 0", keeps_reserved,
     PROOFS(BREAKS, INJECT(TYPE(NMI) | 2), RAISE(ENTRY_INTERRUPTION_INFO, 12), BREAKS,
            INJECT(TYPE(NMI) | 2), RAISE(ENTRY_INTERRUPTION_INFO, 30), KEEPS,
            SET(ENTRY_INTERRUPTION_INFO, 0x7FFFFFFF)),
     FIELDS_1(ENTRY_INTERRUPTION_INFO)},
    {"control.event.error_code.value", "bits 31:16 of the event's error code must be 0",
     keeps_error_value,
     PROOFS(BREAKS, INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_GP), CODE(0x10000),
            BREAKS, INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_GP), CODE(0x80000000),
            KEEPS, INJECT(TYPE(HARDWARE_EXCEPTION) | ERROR_CODE | VECTOR_GP), CODE(0x7FFF), KEEPS,
            INJECT(TYPE(NMI) | 2), CODE(0xFFFFFFFF)),
     FIELDS_2(ENTRY_EXCEPTION_ERROR_CODE, ENTRY_INTERRUPTION_INFO)},
    {"control.event.length",
     "a software event's instruction must be 1 to 15 bytes long, or 0 where allowed", keeps_length,
     PROOFS(BREAKS, SOFTWARE, LENGTH(16), BREAKS, INJECT(TYPE(SOFTWARE_EXCEPTION) | VECTOR_BP),
            LENGTH(16), BREAKS, INJECT(TYPE(PRIVILEGED_SOFTWARE) | VECTOR_DB), LENGTH(0x80000001),
            BREAKS, NEED(NO_LENGTH_0), SOFTWARE, LENGTH(0), KEEPS, SOFTWARE, LENGTH(15), KEEPS,
            SOFTWARE, LENGTH(1), KEEPS, NEED(LENGTH_0), SOFTWARE, LENGTH(0), KEEPS,
            INJECT(TYPE(NMI) | 2), LENGTH(16)),
     FIELDS_2(ENTRY_INSTRUCTION_LENGTH, ENTRY_INTERRUPTION_INFO)},
};

const struct audit_section audit_event = SECTION("VM-Entry Control Fields", AUDIT_CONTROLS, rules);
