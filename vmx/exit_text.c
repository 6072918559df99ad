/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM exit in words. Pure. */
#include "ept/violation.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/string.h"
#include "vmx/exit.h"
#include "vmx/qualification.h"

const char *gpr_name(unsigned gpr)
{
    static const char *const names[16] = {
        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
        "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15",
    };

    return names[gpr & 15];
}

/* Exceptions have a length only where an instruction caused them on purpose: INT1, INT3, INTO; and
 * task switches through a gate only where an instruction went there: INT n. */
bool exit_has_length(const struct vmx_exit *exit)
{
    uint32_t event = exit->reason == EXIT_TASK_SWITCH ? exit->vectoring : exit->interruption;
    uint64_t type = FIELD_GET(INTERRUPTION_TYPE, event);
    bool by_instruction = type == INTERRUPTION_SOFTWARE_INTERRUPT ||
                          type == INTERRUPTION_PRIVILEGED_SOFTWARE ||
                          type == INTERRUPTION_SOFTWARE_EXCEPTION;

    if (exit->reason == EXIT_EXCEPTION_OR_NMI) {
        return by_instruction;
    }
    if (exit->reason == EXIT_TASK_SWITCH) {
        return task_switch_decode(exit->qualification).source != TASK_GATE ||
               (event & INTERRUPTION_VALID && by_instruction);
    }
    return exit_has(exit->reason) & EXIT_HAS_LENGTH;
}

static void control_register_text(uint64_t qualification, char *text, size_t size)
{
    struct cr_access access = cr_access_decode(qualification);

    switch (access.type) {
    case CR_WRITE:
        format_text(text, size, "MOV to CR%u from %s", access.cr, gpr_name(access.gpr));
        break;
    case CR_READ:
        format_text(text, size, "MOV from CR%u to %s", access.cr, gpr_name(access.gpr));
        break;
    case CR_CLTS:
        format_text(text, size, "CLTS");
        break;
    case CR_LMSW:
        format_text(text, size, "LMSW 0x%x", access.lmsw_source);
        break;
    }
}

static void io_text(uint64_t qualification, char *text, size_t size)
{
    struct io_access access = io_access_decode(qualification);

    format_text(text, size, "%s%s%s port 0x%x, %u byte%s", access.rep ? "REP " : "",
                access.in ? "IN" : "OUT", access.string ? "S" : "", access.port, access.size,
                access.size == 1 ? "" : "s");
}

static void task_switch_text(uint64_t qualification, char *text, size_t size)
{
    static const char *const sources[] = {"CALL", "IRET", "JMP", "task gate in the IDT"};
    struct task_switch task = task_switch_decode(qualification);

    format_text(text, size, "task switch by %s to TSS selector 0x%x", sources[task.source],
                task.selector);
}

void interruption_text(uint32_t information, char *text, size_t size)
{
    static const char *const types[8] = {
        "external interrupt", "reserved type",      "NMI",
        "hardware exception", "software interrupt", "privileged software exception",
        "software exception", "other event",
    };
    unsigned vector = (unsigned)FIELD_GET(INTERRUPTION_VECTOR, information);
    const char *name = vector_name(vector);
    bool named = strcmp(name, vector_name(UINT8_MAX)) != 0;

    format_text(text, size, "%s, vector 0x%x%s%s", types[FIELD_GET(INTERRUPTION_TYPE, information)],
                vector, named ? " " : "", named ? name : "");
}

void exit_text(const struct vmx_exit *exit, char *text, size_t size)
{
    text[0] = '\0';
    switch (exit->reason) {
    case EXIT_CPUID:
        format_text(text, size, "leaf 0x%x", exit->subject);
        break;
    case EXIT_RDMSR:
    case EXIT_WRMSR:
        format_text(text, size, "MSR 0x%x", exit->subject);
        break;
    case EXIT_CONTROL_REGISTER:
        control_register_text(exit->qualification, text, size);
        break;
    case EXIT_IO_INSTRUCTION:
        io_text(exit->qualification, text, size);
        break;
    case EXIT_EPT_VIOLATION:
        ept_violation_text(exit->qualification, text, size);
        break;
    case EXIT_TASK_SWITCH:
        task_switch_text(exit->qualification, text, size);
        break;
    case EXIT_EXCEPTION_OR_NMI:
        interruption_text(exit->interruption, text, size);
        break;
    case EXIT_EXTERNAL_INTERRUPT:
        if (exit->interruption & INTERRUPTION_VALID) {
            interruption_text(exit->interruption, text, size);
        }
        break;
    default:
        break;
    }
}
