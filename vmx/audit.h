/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The auditor: every check that VM entry makes, done beforehand on a copy of the VMCS, and each
 * broken one named. The processor says 7, 8, 33 or 34; this says which field. The rules are tables,
 * one a section of the SDM, in the order of its text. Pure: what it looks at is handed in, so it
 * runs in the hypervisor, in unit tests and under a fuzzer. SDM vol. 3C, "VM Entries".
 */
#ifndef VMX_AUDIT_H
#define VMX_AUDIT_H

#include "kernel/physical.h"
#include "vmx/vmcs_index.h"

/* In the order in which they are reported, and by what the processor answers. */
enum audit_stage {
    AUDIT_CONTROLS, /* VM-instruction error 7 */
    AUDIT_HOST,     /* VM-instruction error 8 */
    AUDIT_GUEST,    /* failed entry, reason 33 */
    AUDIT_MSR_LOAD, /* failed entry, reason 34 */
    AUDIT_STAGES,
};

/* Of the processor, beside its VMX capabilities: which bits an MSR takes, and the mode that VM
 * entry is executed in. */
struct audit_facts {
    uint64_t efer_allowed;        /* bits that are not reserved, of IA32_EFER, */
    uint64_t debugctl_allowed;    /* of IA32_DEBUGCTL, */
    uint64_t perf_global_allowed; /* of IA32_PERF_GLOBAL_CTRL, */
    uint64_t s_cet_allowed;       /* of IA32_S_CET, */
    uint64_t rtit_ctl_allowed;    /* of IA32_RTIT_CTL, */
    uint64_t lbr_ctl_allowed;     /* of IA32_LBR_CTL */
    bool ia32e;                   /* IA32_EFER.LMA */
    bool la57;                    /* CR4.LA57 */
    bool lam;                     /* CR3 bits 62:61 are not reserved */
    bool rtm, sgx, bus_lock;      /* of CPUID leaf 7 */
    bool tracing;                 /* IA32_RTIT_CTL.TraceEn */
};

/* What VM entry looks at. The caller fills in the first part, audit_prepare() the rest. */
struct audit {
    uint64_t value[VMCS_FIELDS]; /* of the fields that are present; 0 of the others */
    bool present[VMCS_FIELDS];
    const struct vmx_capabilities *can;
    const struct audit_facts *facts;
    const struct physical_reader *memory; /* host-physical: the areas and pages that entry reads */
    hpa_t vmcs;                           /* the current-VMCS pointer */

    uint32_t control[CONTROL_GROUPS]; /* as they act: 0 where the group is not activated */
    unsigned physical_width;          /* of the processor, if it has one that can be: 32 to 52, */
    unsigned linear_width;            /* and 32 to 57 */
    uint64_t address_reserved;        /* bits that no physical address may set */
    bool ia32e_guest, v86, unrestricted, injects;
    uint32_t event_type, event_vector; /* of the event that is injected */
};

/* How a finding's `want` is to be read. */
enum audit_want {
    WANT_VALUE,     /* the value `want`, bits */
    WANT_NUMBER,    /* the number `want` */
    WANT_SET,       /* a number whose bit in `want` is 1 */
    WANT_AT_MOST,   /* a number up to `want` */
    WANT_NOT_ZERO,  /* anything but 0 */
    WANT_CANONICAL, /* a canonical address of `want` bits */
    WANT_ALIGNED,   /* an address, a multiple of `want` */
    WANT_TYPES,     /* eight memory types, each 0, 1, 4, 5, 6 or 7 */
};

/* What a check saw. */
struct audit_answer {
    uint64_t found, want;
    uint8_t kind;   /* enum audit_want */
    uint8_t field;  /* the index of the field that is to blame; preset to the rule's first */
    uint32_t entry; /* of an MSR area: the entry's number from 1; 0: none */
};

struct audit_rule;

/* A step of a mutation: audit_mutation.h takes it apart. */
typedef uint64_t audit_step;

/* Whether the state keeps `rule`; if not, `answer` says what was found and wanted. */
typedef bool audit_check(const struct audit *audit, const struct audit_rule *rule,
                         struct audit_answer *answer);

#define AUDIT_RULE_FIELDS 3
#define AUDIT_NO_FIELD    UINT8_MAX /* beyond all indices */

enum audit_flag {
    AUDIT_MODEL_SPECIFIC = 1, /* a processor may check it or not */
    AUDIT_EITHER_ERROR = 2,   /* of the host stage, but on controls too: 7 and 8 both say it */
};

/* One rule. `when` and `mask` are bits of a group of controls; which meaning `mask` has, the check
 * says. */
struct audit_rule {
    const char *name;     /* "guest.tr.type" */
    const char *sentence; /* what must hold */
    audit_check *check;
    const audit_step *proofs;          /* how it is broken, and just kept: audit_mutation.h */
    uint8_t fields[AUDIT_RULE_FIELDS]; /* indices; AUDIT_NO_FIELD where there are fewer */
    uint8_t when_group, mask_group;
    uint8_t flags;
    uint32_t when; /* the rule applies where all of these controls are 1 */
    uint32_t mask;
};

/* The rules of one section of the SDM. */
struct audit_section {
    const char *title; /* the section's, in the SDM */
    enum audit_stage stage;
    const struct audit_rule *rules;
    unsigned count;
};

#define AUDIT_SECTIONS 25
extern const struct audit_section *const audit_sections[AUDIT_SECTIONS];

/* A broken rule. */
struct audit_finding {
    const struct audit_rule *rule;
    const struct audit_section *section;
    struct audit_answer answer;
    uint64_t value; /* the whole field */
};

/* Derives the second part of `audit` from the first. */
void audit_prepare(struct audit *audit);

/*
 * Checks all rules of a prepared `audit`. The first `most` findings go to `findings`, in the order
 * of the SDM's text. Gives how many there are in all.
 */
unsigned audit_run(const struct audit *audit, struct audit_finding *findings, unsigned most);

/* Whether `rule` is kept; it is by a rule that does not apply, or whose fields are absent. */
bool audit_keeps(const struct audit *audit, const struct audit_rule *rule,
                 struct audit_answer *answer);

/* How many rules there are. */
unsigned audit_rule_count(void);

#endif
