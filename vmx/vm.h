/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine and its virtual CPU: all their state, and what a guest builder hangs on them.
 */
#ifndef VMX_VM_H
#define VMX_VM_H

#include "ept/ept.h"
#include "ept/invalidate.h"
#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/options.h"
#include "kernel/status.h"
#include "kernel/types.h"
#include "vmx/audit_mutation.h"
#include "vmx/controls.h"
#include "vmx/exit.h"
#include "vmx/operation.h"

/* In hardware order: a register number in a qualification or an opcode is an index. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPRS };

/* What entry.asm knows by offset: it saves the guest's registers straight into here. */
struct vcpu_frame {
    uint64_t gpr[GPRS]; /* [RSP] is not kept here but in the VMCS */
    uint64_t host_rsp;  /* while the guest runs: the stack that vmx_enter() returns on */
};

/* State that a VM exit does not restore: host_state.c. */
struct host_state {
    uint64_t dr[4], dr6, dr7, cr2, cr8;
    uint64_t xcr0, xss, debugctl;
    uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, pat, efer;
    struct descriptor_table gdtr, idtr;
    bool has_xsave, has_xss, has_tscp, has_debugctl;
};

#define VM_MAX_RANGES 32
#define TRACE_RECORDS 256 /* a power of two */
#define GUEST_LINE    120 /* bytes of a guest's text in one record */

/* One run of guest-physical memory and the host-physical memory behind it. */
struct guest_range {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t length; /* bytes, whole pages */
};

/* Slow work that waits for a virtual CPU: bits of its attention word. */
enum attention {
    ATTENTION_TRACE = 1,    /* print the newest exit: set for good with trace=live */
    ATTENTION_REPORT = 2,   /* log the whole state */
    ATTENTION_TEXT = 4,     /* print the guest's line */
    ATTENTION_POPULATE = 8, /* put memory at vcpu->populate */
    ATTENTION_LIMIT = 16,   /* limit= has been reached */
    ATTENTION_END = 32,     /* the VM has ended */
    ATTENTION_AUDIT = 64,   /* the guest was entered in spite of what the auditor found */
    ATTENTION_WATCH = 128,  /* print what watches have reported */
    ATTENTION_STEP = 256,   /* an instruction is stepped for a watch: was it done otherwise? */
    ATTENTION_GUEST = 512,  /* vm_hooks.attend */
    ATTENTION_ASKED = 1024, /* serve what another processor asks: request.h */
};

struct exit_statistics {
    uint64_t count;
    uint64_t ticks, least, most; /* TSC ticks from the exit to the next entry */
    uint64_t instructions;       /* VMX instructions, the entry that led to the exit included */
};

/* How a VM ended. */
struct run_request;

struct vm_end {
    bool claimed; /* by the virtual CPU that says how */
    bool ended, failed;
    unsigned code;
    char why[64];
    enum status status; /* of a vm_prepare() that failed */
};

/* What other processors write: with room around it, so that nothing else is in its line of memory.
 */
struct vcpu_mail {
    uint8_t before[64];
    uint32_t asked; /* enum vcpu_request */
    bool running;   /* from its first entry to its last exit */
    bool waits;     /* for a real start-up IPI: no NMI reaches it */
    bool serves;    /* what it was asked is being done */
    uint8_t sipi;   /* vector of a start-up IPI that is asked */
    uint8_t after[56];
};

struct vcpu {
    struct vcpu_frame frame; /* first: entry.asm */
    struct vm *vm;
    unsigned id;
    unsigned processor; /* the one that runs it */
    bool launched;
    bool nmi_pending; /* for the guest */
    bool sipi_waits;  /* for a start-up IPI that another virtual CPU asks, in no real wait */
    bool hurries;     /* to where the next start-up IPI is not lost: records are logged later */
    uint32_t attention;
    struct vmx_exit *exit; /* the newest: a slot of the ring */
    uint64_t exits, limit; /* limit UINT64_MAX: none */
    bool provoke;          /* at the limit, an exception of the hypervisor */

    struct controls controls;
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t ept_pointer;
    bool io_information; /* INS and OUTS fill in the VM-exit instruction information */
    uint16_t vpid;
    void *vmcs;
    uint32_t timer; /* VMX-preemption timer value, where the control is on */

    gpa_t populate; /* where ATTENTION_POPULATE wants memory */

    uint64_t *pml;                /* pml.c: the log; NULL: none */
    uint64_t *eptp_list;          /* eptp_list.c: likewise */
    struct watch_state *watching; /* watch.c: likewise */

    const struct vmx_capabilities *capabilities;
    struct audit_facts facts;
    enum audit_mode audit;
    unsigned broken;              /* rules that the audit before the launch found broken, */
    uint64_t broken_mark;         /* and which: audit_mark() */
    struct audit_sandbox sandbox; /* pages that break= points fields to; bytes NULL: none */

    char line[GUEST_LINE];
    unsigned line_length;
    bool line_split;          /* the line began in an earlier record */
    char printed[GUEST_LINE]; /* a whole line that waits to be logged */
    unsigned printed_length;

    struct host_state host;
    struct exit_statistics statistics[EXIT_REASONS + 1];
    struct vmx_exit ring[TRACE_RECORDS];
    uint64_t ring_printed; /* n of the newest exit that has been printed */
    enum trace_mode trace;
    struct vcpu_mail mail;
    uint32_t apic[64];           /* local_apic_absent.c: registers, one each 16 bytes */
    uint64_t ipis, ipis_dropped; /* interrupt commands that reached a virtual CPU, or nobody */
};

/* What the guest room decides. Each may be NULL: the default that the comment tells. */
struct vm_hooks {
    /* HLT. Default: stops the VM. */
    enum action (*hlt)(struct vcpu *vcpu);
    /* A port access of 1, 2 or 4 bytes: true if it was the hook's. `*action` is preset to ADVANCE.
     */
    bool (*port_out)(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t value,
                     enum action *action);
    bool (*port_in)(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t *value);
    /* The VMCS is filled and current, before the launch. Default: nothing. STATUS_UNSUPPORTED and
     * the like end the VM, for the reason in `why`. */
    enum status (*prepare)(struct vcpu *vcpu, char *why, size_t size);
    /* After the last exit, or in place of the first entry: gives back what prepare() took. The VMCS
     * is still current. */
    void (*finish)(struct vcpu *vcpu);
    /* A triple fault. Default: stops the VM as failed. */
    enum action (*triple_fault)(struct vcpu *vcpu);
    /* An exit that would end the VM as failed: an EPT violation that is nobody's, a reason without
     * a handler. True if it was the hook's. */
    bool (*exit)(struct vcpu *vcpu, enum action *action);
    /* Slow work that another hook has asked for by ATTENTION_GUEST, after the exit's own record. */
    void (*attend)(struct vcpu *vcpu);
};

/* The registers that a guest starts with; everything else is as after the builder's defaults. */
struct guest_start {
    gva_t rip, rsp;
    uint64_t cr3;
    uint64_t rdi, rsi;
    uint64_t gdt_base, tss_base;
    uint16_t gdt_limit;
};

#define VM_MAX_VCPUS 8

enum secondary_state { SECONDARY_BEGUN, SECONDARY_WAITS, SECONDARY_FAILED };

/* A virtual CPU beside the first: secondaries.c. */
struct secondary {
    struct vm *vm;
    unsigned id;
    uint32_t state; /* enum secondary_state, told by its processor */
    const struct run_request *request;
    uint64_t exits; /* when it has ended */
};

/* VMs that are to be entered at once. */
struct vm_start {
    uint32_t awaited; /* how many are not ready yet */
};

/* Its EPT points into it: it must not be moved. */
struct vm {
    unsigned id;
    const char *guest; /* its name in the log */
    const struct vm_hooks *hooks;
    void *guest_data; /* the hooks' own */
    struct guest_range ranges[VM_MAX_RANGES];
    unsigned range_count;
    gpa_t lazy_gpa; /* memory that appears when it is first touched; length 0: none */
    uint64_t lazy_length;
    struct controls extra; /* controls beyond what every guest needs */
    struct guest_start start;
    struct ept ept;
    struct ept_invept invept;   /* the types of INVEPT that the processor has */
    struct ept_flusher flusher; /* executes it where a change of `ept` needs it */
    struct ept_abilities ept_abilities;
    const struct mtrrs *mtrrs;    /* what type the memory that it is given has */
    void *msr_bitmap, *io_bitmap; /* one page, two pages */
    struct vm_end end;
    struct vcpu *vcpus[VM_MAX_VCPUS];  /* while they run; [0] is the one that the guest begins on */
    struct vm_start *together;         /* NULL: entered when ready */
    bool alone;                        /* no other VM runs: the local APICs are its own */
    unsigned vcpu_count;               /* at least 1 */
    unsigned processors[VM_MAX_VCPUS]; /* that run them */
    struct secondary secondaries[VM_MAX_VCPUS];
    struct lock lock;      /* over slow work on its EPT */
    uint64_t exits;        /* afterwards: how many there were, */
    uint64_t first_entry;  /* and the TSC before the first entry; 0: none was tried; */
    bool entered;          /* whether the processor let it in; */
    uint64_t waited;       /* TSC ticks that were waits for devices until then */
    uint64_t pages_before; /* pages that its processor held before anything was taken for it */
};

/* Whether the VM has ended, which any of its virtual CPUs may have said. */
static inline bool vm_has_ended(const struct vm *vm)
{
    return __atomic_load_n(&vm->end.ended, __ATOMIC_SEQ_CST);
}

/*
 * The pointer through which `length` bytes at `gpa` are reached, or NULL if they do not all lie in
 * one range of the guest's memory. The only way to guest memory.
 */
void *guest_access(const struct vm *vm, gpa_t gpa, uint64_t length);

/* Adds memory to the VM and maps it with all rights and with the type that the MTRRs give to it:
 * write-back, if they are in order. STATUS_NO_MEMORY. */
enum status vm_add_memory(struct vm *vm, gpa_t gpa, hpa_t hpa, uint64_t length) NODISCARD;

/* Controls beyond what every guest needs; before the VM has memory, which mode-based execute
 * control lets users execute too. */
void vm_want(struct vm *vm, const struct controls *extra);

/*
 * Ends the VM, for a reason that its end record repeats (at most 63 characters; the first call
 * counts), and answers ACTION_STOP for handlers to pass on. A guest's fault ends here, never in a
 * panic.
 */
enum action vm_stop(struct vcpu *vcpu, bool failed, unsigned code, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
