/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutations: small programs that change a VMCS. Each rule carries some, its proofs, that break it
 * and nothing else, or go to its edge and still keep it; the selftest tries them on the processor,
 * unit tests on recorded contents, and break= takes one. Pure: they are applied to a copy.
 */
#ifndef VMX_AUDIT_MUTATION_H
#define VMX_AUDIT_MUTATION_H

#include "kernel/physical.h"
#include "vmx/audit.h"

/* Of one mutation, from its start to the next start or the end. */
enum audit_op {
    STEP_END,
    STEP_BREAKS,      /* starts a mutation that breaks the rule, and no other */
    STEP_BREAKS_ALSO, /* starts one that cannot but break others too */
    STEP_KEEPS,       /* starts one that every rule keeps */
    STEP_PRESET,      /* first does what enum audit_preset `argument` says */
    STEP_SET,         /* field = value */
    STEP_SET_HIGH,    /* field's bits 63:32 = value, the rest stays */
    STEP_SYMBOL,      /* field = the symbol `argument`, plus value */
    STEP_OR_SYMBOL,   /* field |= the symbol `argument` */
    STEP_OR,          /* field |= value */
    STEP_CLEAR,       /* field &= ~value */
    STEP_XOR,         /* field ^= value */
    STEP_RAISE,       /* field |= 1 << argument */
    STEP_LOWER,       /* field &= ~(1 << argument) */
    STEP_ON,          /* the controls `value` of the group `argument` = 1, its group activated */
    STEP_OFF,         /* = 0 */
    STEP_OR_REFUSED,  /* field |= a bit that must be 0 in the group `argument`, with no meaning if
                         there is such */
    STEP_CLEAR_ONE,   /* field &= ~ the lowest bit that must be 1 there */
    STEP_SET_ONES,    /* field = the bits that must be 1 there */
    STEP_NEED,        /* applies only where the symbol `argument` is not 0 */
    STEP_POKE,        /* sandbox bytes `argument`..+3 = value */
    STEP_POKE_SYMBOL, /* sandbox bytes value..+7 = the symbol `argument` */
};

/* An audit_step, taken apart. */
struct audit_step_parts {
    enum audit_op op; /* bits 7:0 */
    uint8_t field;    /* bits 15:8 */
    uint16_t argument;
    uint32_t value; /* bits 63:32 */
};

/* Values that only the processor or the machine knows. */
enum audit_symbol {
    SYMBOL_WIDTH,            /* the lowest bit that no address in the VMCS may set */
    SYMBOL_TOP,              /* the highest that it may */
    SYMBOL_CR3_WIDTH,        /* the same of CR3 and PDPTEs, which IA32_VMX_BASIC[48] does not */
    SYMBOL_CR3_TOP,          /* concern */
    SYMBOL_NOT_CANONICAL,    /* the lowest address that is not */
    SYMBOL_NOT_CANONICAL_48, /* the same of 48 bits, whatever the processor has */
    SYMBOL_CANONICAL,        /* the highest address of the lower half */
    SYMBOL_CANONICAL_UPPER,  /* the lowest of the upper half */
    SYMBOL_BEYOND_LINEAR,    /* one bit above all linear addresses: 63:N are not identical */
    SYMBOL_SANDBOX,          /* the host-physical address of the sandbox */
    SYMBOL_VMCS,             /* of the current VMCS */
    SYMBOL_REVISION,         /* the VMCS revision identifier, */
    SYMBOL_SHADOW_REVISION,  /* and with bit 31, a shadow's */
    SYMBOL_CR0_REFUSED,      /* the lowest bit that must be 0 in CR0, above bit 31 if need be */
    SYMBOL_CR4_REFUSED,
    SYMBOL_EFER_REFUSED,
    SYMBOL_DEBUGCTL_REFUSED,
    SYMBOL_PERF_REFUSED,
    SYMBOL_PERF_ALLOWED, /* all bits that IA32_PERF_GLOBAL_CTRL takes */
    SYMBOL_CR3_TARGETS,  /* how many CR3-target values there are */
    SYMBOL_HLAT_PREFIX,  /* how long an HLAT prefix may be */
    SYMBOL_NO_AD,        /* these are 1 or 0: no accessed and dirty flags for EPT */
    SYMBOL_AD,
    SYMBOL_NO_EPT_SHADOW_STACK,
    SYMBOL_NO_EPT_UC,
    SYMBOL_EPT_UC,
    SYMBOL_NO_LENGTH_0,
    SYMBOL_LENGTH_0,
    SYMBOL_ERROR_CODE_STRICT, /* IA32_VMX_BASIC[56] is 0 */
    SYMBOL_ERROR_CODE_FREE,   /* is 1 */
    SYMBOL_HLT,               /* activity states that are supported */
    SYMBOL_SHUTDOWN,
    SYMBOL_WAIT_FOR_SIPI,
    SYMBOL_NO_RTM,
    SYMBOL_RTM,
    SYMBOL_NO_SGX,
    SYMBOL_SGX,
    SYMBOL_VMFUNC_REFUSED, /* the lowest VM function that is not there */
    SYMBOL_EPTP_SWITCHING,
    SYMBOL_CR4_CET, /* CR4.CET may be 1 */
    SYMBOL_CR4_PCIDE,
    SYMBOL_NO_TRACING,
    SYMBOL_TRACING,
    SYMBOL_NO_MTF, /* the monitor trap flag is not there */
    SYMBOL_MTF,
};

/* Guests of other modes, made from one in 64-bit mode. */
enum audit_preset {
    PRESET_PROTECTED, /* protected mode, 32-bit paging */
    PRESET_PAE,       /* protected mode, PAE paging, no PDPTE present */
    PRESET_V86,       /* virtual-8086 mode */
    PRESET_REAL,      /* real-address mode: an unrestricted guest's */
    PRESET_UNPAGED,   /* protected mode without paging: likewise */
    PRESET_RING_3,    /* 64-bit mode at CPL 3 */
    PRESET_LDT,       /* LDTR usable */
    PRESET_FS,        /* FS and GS usable */
    PRESETS,
};

#define SANDBOX_PAGES 4
#define SANDBOX_SIZE  (SANDBOX_PAGES * PAGE_SIZE)
/* Where in the sandbox what lies: a page that addresses may point to, an area of MSRs with the
 * poison, a VMCS for the link pointer, a page-directory-pointer table. */
#define SANDBOX_ANY  0x0000
#define SANDBOX_MSRS 0x1000
#define SANDBOX_VMCS 0x2000
#define SANDBOX_PDPT 0x3000

/* Memory that mutations may use: contents, and where they lie. */
struct audit_sandbox {
    uint8_t *bytes; /* SANDBOX_SIZE of them */
    hpa_t hpa;
};

/* Fills the sandbox as mutations expect it: MSR entry 1 is one that every processor refuses. */
void audit_sandbox_fill(const struct audit_sandbox *sandbox,
                        const struct vmx_capabilities *capabilities);

/* STEP_BREAKS, STEP_BREAKS_ALSO or STEP_KEEPS. */
enum audit_op audit_mutation_kind(const audit_step *start);

/* The next start of a mutation at or after `step`; NULL: there is none. */
const audit_step *audit_mutation_find(const audit_step *step);

/* Does what a preset says, and prepares `audit` again. False, as of audit_mutate(). */
bool audit_apply_preset(struct audit *audit, enum audit_preset preset,
                        const struct audit_sandbox *sandbox);

/*
 * Applies the mutation that starts at `start` to the values of `audit`, and prepares it again.
 * False, with `audit` half changed: this processor cannot be brought there; `missing` then names
 * the control that it does not offer, or the capability that it would need, or is "".
 */
bool audit_mutate(struct audit *audit, const audit_step *start, const struct audit_sandbox *sandbox,
                  const char **missing);

#endif
