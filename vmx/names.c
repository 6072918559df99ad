/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of the tables of fields, reasons and errors. Pure. */
#include "vmx/names.h"

#include "vmx/vmcs.h"

#define NOTE(text)

const uint8_t exit_has_table[EXIT_REASONS + 1] = {
#define EXIT_REASON(code, symbol, has, title) [code] = (has),
#include "vmx/exit_reasons.def"
#undef EXIT_REASON
};

const char *exit_reason_name(unsigned reason)
{
    switch (reason) {
#define EXIT_REASON(code, symbol, has, title)                                                      \
    case code:                                                                                     \
        return #symbol;
#include "vmx/exit_reasons.def"
#undef EXIT_REASON
    default:
        return "UNKNOWN";
    }
}

const char *exit_reason_title(unsigned reason)
{
    switch (reason) {
#define EXIT_REASON(code, symbol, has, title)                                                      \
    case code:                                                                                     \
        return title;
#include "vmx/exit_reasons.def"
#undef EXIT_REASON
    default:
        return "a reason that the SDM's table did not have when Lintel was written";
    }
}

const char *vmcs_field_name(struct vmcs_field field)
{
    switch (field.encoding) {
#define VMCS_FIELD(symbol, name, encoding, title)                                                  \
    case encoding:                                                                                 \
        return name;
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD
    default:
        return NULL;
    }
}

const char *vmx_instruction_error_name(uint64_t number)
{
    switch (number) {
#define INSTRUCTION_ERROR(code, title)                                                             \
    case code:                                                                                     \
        return title;
#include "vmx/instruction_errors.def"
#undef INSTRUCTION_ERROR
    default:
        return NULL;
    }
}
