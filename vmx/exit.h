/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VM exit, decoded: a snapshot of what the exit table says this reason leaves valid, and no
 * more, since each VMREAD is dear where we are nested. SDM vol. 3C, "VM-Exit Information Fields".
 */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "kernel/types.h"
#include "vmx/names.h"
#include "vmx/qualification.h"

#define EXIT_REASON_BASIC         UINT32_C(0xFFFF)
#define EXIT_REASON_ENTRY_FAILURE (UINT32_C(1) << 31)

/* The common layout of VM-exit, VM-entry and IDT-vectoring interruption information. */
#define INTERRUPTION_VECTOR     BITS(7, 0)
#define INTERRUPTION_TYPE       BITS(10, 8)
#define INTERRUPTION_ERROR_CODE BIT(11)
#define INTERRUPTION_VALID      BIT(31)

enum interruption_type {
    INTERRUPTION_EXTERNAL = 0,
    INTERRUPTION_NMI = 2,
    INTERRUPTION_HARDWARE_EXCEPTION = 3,
    INTERRUPTION_SOFTWARE_INTERRUPT = 4,
    INTERRUPTION_PRIVILEGED_SOFTWARE = 5,
    INTERRUPTION_SOFTWARE_EXCEPTION = 6,
    INTERRUPTION_OTHER = 7, /* the monitor trap flag */
};

/* What a handler answers: the loop alone moves the instruction pointer. */
enum action {
    ACTION_ADVANCE, /* skip the instruction */
    ACTION_RESUME,  /* go on where the guest was: it was handled otherwise, or is tried again */
    ACTION_STOP,    /* the VM has ended */
};

#define NOTHING_INJECTED 0xFF

struct vmx_exit {
    uint64_t n; /* counts the virtual CPU's own exits, from 1 */
    uint32_t reason, action;
    uint32_t subject;  /* of RDMSR and WRMSR the MSR, of CPUID the leaf: told by the handler */
    uint8_t injected;  /* the vector that the handler injected; NOTHING_INJECTED: none */
    bool entry_failed; /* where the row is EXIT_REASONS: VM entry failed after its first checks */
    uint64_t rip;
    uint64_t qualification;
    gva_t linear;
    gpa_t physical;
    uint32_t length;
    uint32_t interruption;
    uint32_t vectoring, vectoring_error;
};

/* The VM-exit interruption information, and the IDT-vectoring information, of an exit that has
 * such; 0 of any other. */
static inline uint32_t exit_interruption(const struct vmx_exit *exit)
{
    return exit_has(exit->reason) & EXIT_HAS_INTERRUPTION ? exit->interruption : 0;
}

static inline uint32_t exit_vectoring(const struct vmx_exit *exit)
{
    return exit_has(exit->reason) & EXIT_HAS_VECTORING ? exit->vectoring : 0;
}

/* Whether the guest-linear address is valid, of an exit whose qualification has been read. */
static inline bool exit_has_linear(const struct vmx_exit *exit)
{
    switch (exit->reason) {
    case EXIT_EPT_VIOLATION:
    case EXIT_SPP:
        return exit->qualification & BIT(7);
    case EXIT_IO_INSTRUCTION:
        return io_access_decode(exit->qualification).string;
    case EXIT_CONTROL_REGISTER:
        return cr_access_decode(exit->qualification).type == CR_LMSW &&
               cr_access_decode(exit->qualification).lmsw_memory;
    default:
        return exit_has(exit->reason) & EXIT_HAS_LINEAR;
    }
}

/* Whether the VM-exit instruction length is valid. */
bool exit_has_length(const struct vmx_exit *exit);

/* Writes the exit in words ("OUT port 0x3f8, 1 byte"), or nothing where the reason says it all.
 * Pure. */
void exit_text(const struct vmx_exit *exit, char *text, size_t size);

/* The same of an event, in the common layout: "hardware exception, vector 0xe #PF". Pure. */
void interruption_text(uint32_t information, char *text, size_t size);

#endif
