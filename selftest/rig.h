/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of one scenario: a VM with 2 MiB of memory and a few lines of code in 64-bit mode,
 * entered exit by exit by the scenario itself, which says what must be seen. The first thing that
 * is seen otherwise is kept, in words, and what follows is passed over.
 *
 * The guest has an IDT from the start: an exception or interrupt that it is given ends in VMCALL,
 * one instruction for each vector, and is wanted by rig_expect_event().
 */
#ifndef SELFTEST_RIG_H
#define SELFTEST_RIG_H

#include "kernel/string.h"
#include "selftest/selftest.h"
#include "vmx/launch.h"
#include "vmx/vmcs.h"

/* Guest-physical, and guest-virtual alike: code.inc has them too. */
#define RIG_MEMORY (2 * MIB) /* clearing it is most of what a scenario costs */
#define RIG_ROOMY  (4 * MIB)
#define RIG_CODE   GPA(0x100000)
#define RIG_PAGE_A GPA(0x120000)
#define RIG_PAGE_B GPA(0x121000)
#define RIG_PAGE_C GPA(0x122000)
#define RIG_CODE_B GPA(0x130000)
#define RIG_MANY   GPA(0x140000)
#define RIG_BEYOND GPA(RIG_MEMORY)

/* What the rig itself has in the guest's memory, below the stack. */
#define RIG_TABLES GPA(0x1000) /* the guest's paging structures of 64-bit mode: 6 pages */
#define RIG_GDT    GPA(0x7000)
#define RIG_TSS    GPA(0x8000)
#define RIG_STACK  0xE0000 /* for events that come at CPL 3 */

/* In the rig's GDT; the first three are the flat guest's. */
enum rig_selector {
    RIG_CODE_64 = 0x08,
    RIG_DATA = 0x10,
    RIG_TSS_SELECTOR = 0x18,
    RIG_CODE_32 = 0x28,
    RIG_USER_CODE_64 = 0x33,
    RIG_USER_DATA = 0x3B,
    RIG_SPARE = 0x40, /* for a scenario's own descriptors: 8 of them */
};
#define RIG_GDT_ENTRIES 16

struct rig;

/* What an emulator is known to do against the SDM. */
struct known_wrong {
    const char *machine; /* such as bochs-3.0; NULL: none is known */
    const char *what;
};

/* Of Bochs with several processors: docs/emulators.md. */
#define KNOWN_OF_MANY_MACHINE    "bochs-3.0"
#define KNOWN_STALE_DISPLACEMENT "one without a displacement tells another instruction's"
#define KNOWN_STALE_RIP          "an exit right after an event saves the RIP before it"

/* A scenario: what it needs, what the guest does, what must be seen. */
struct scenario {
    const char *name;
    const char *code, *code_end;
    void (*run)(struct rig *rig);
    struct controls needs; /* switched on; where one is not offered, the scenario is skipped */
    bool roomy;            /* with RIG_ROOMY of memory, not RIG_MEMORY */
    bool deadly;           /* the known error ends the emulator: TODO there, without being run */
    uint64_t needs_ept;    /* bits of IA32_VMX_EPT_VPID_CAP, likewise */
    struct known_wrong known_wrong; /* there, failing is TODO; docs/emulators.md proves it */
    const char *known_answer;       /* its note there, to the letter; NULL: whatever it is */
    const char *known_of_many; /* known wrong of Bochs 3.0, sometimes, with several processors */
};

#define SCENARIO_CODE(which) .code = code_##which, .code_end = code_##which##_end

#define RIG_HOST_PAGES    8
#define RIG_VMCALL_OFFSET 1 /* in the guest's handler of an event */

/* What the guest's IDT was given: rig_expect_event(). */
struct rig_event {
    unsigned vector;
    uint32_t error_code; /* where the vector has one */
    uint64_t rip, rflags, rsp;
    uint16_t cs, ss;
};

enum rig_mode { RIG_LONG, RIG_PROTECTED, RIG_REAL };

struct rig {
    const struct scenario *scenario;
    const struct vmx_operation *operation;
    struct vm vm;
    struct vcpu *vcpu;
    struct vmx_exit *exit; /* the last one */
    struct rig_event event;
    uint64_t seed;     /* seed=, of what is random */
    uint64_t patience; /* ticks of the TSC; a guest that runs longer hangs */
    enum rig_mode mode;
    bool own_timer; /* the VMX-preemption timer is the scenario's, not a guard against hanging */
    bool handled; /* Lintel's handlers deal with all exits but VMCALL and those that they stop at */
    void *host_pages[RIG_HOST_PAGES];
    unsigned host_page_count;
    enum rig_spoil spoil;
    bool failed;
    bool skipped;
    bool broken; /* the hypervisor faulted: no known error explains that */
    char note[SELFTEST_NOTE];
};

/* Runs one scenario on ground of its own, and gives it back. The note goes to `selftest`. */
enum ktap_status rig_run(struct selftest *selftest, const struct scenario *scenario);

/* Enters the guest. False: it could not be entered, it hangs, or something was amiss before. */
bool rig_enter(struct rig *rig);

/* Enters the guest and wants that exit. False: another came; the scenario has failed. */
bool rig_expect(struct rig *rig, enum exit_reason reason);

/* The same, then skips the instruction that caused it. */
bool rig_expect_and_skip(struct rig *rig, enum exit_reason reason);

/* Wants `found` to be `want`; `what` names it in the failure. */
void rig_want(struct rig *rig, const char *what, uint64_t found, uint64_t want);

/* Wants `found` to be `want` in the bits of `mask`. */
void rig_want_bits(struct rig *rig, const char *what, uint64_t found, uint64_t mask, uint64_t want);

/* Wants `found` to lie between `low` and `high`, these included; counters may wrap in between. */
void rig_want_between(struct rig *rig, const char *what, uint64_t found, uint64_t low,
                      uint64_t high);
/* Wants that field of the VMCS to be `want`; its name is in the failure. */
void rig_want_field(struct rig *rig, struct vmcs_field field, uint64_t want);

/* Ends the scenario as skipped: this processor lacks `what`. */
void rig_skip(struct rig *rig, const char *what);

/* Ends the scenario as failed, for a reason that rig_want() cannot tell. */
void rig_fail(struct rig *rig, const char *format, ...) PRINTF_LIKE(2, 3);

/* Says beside an `ok` what was seen and is not judged: what the SDM leaves to the processor. */
void rig_note(struct rig *rig, const char *format, ...) PRINTF_LIKE(2, 3);

/* The guest's register, and a page of its memory: RIG_PAGE_A and so on. */
uint64_t rig_gpr(const struct rig *rig, unsigned gpr);
void rig_set_gpr(struct rig *rig, unsigned gpr, uint64_t value);
void *rig_memory(const struct rig *rig, gpa_t gpa);

/* Maps the page of the guest's memory at `gpa` with other rights, and invalidates. */
void rig_protect(struct rig *rig, gpa_t gpa, uint64_t rights);

/* The entry that maps the page of the guest's memory at `gpa`, to be changed in a way that no
 * mapping takes. */
uint64_t *rig_leaf(struct rig *rig, gpa_t gpa);

/* Makes the processor forget what it has cached of the VM's EPT. */
void rig_invalidate(const struct rig *rig);

/*
 * rig_controls.c: switches controls of one group on or off from the next entry on. False: this
 * processor does not let them be so, and nothing has changed; the scenario leaves that side out.
 */
bool rig_switch(struct rig *rig, enum control_group group, uint32_t bits, bool on);

/* Whether rig_switch() can do it. */
bool rig_can_switch(const struct rig *rig, enum control_group group, uint32_t bits, bool on);

/* A cleared page of the hypervisor's memory, for structures that the VMCS points to; it is given
 * back after the scenario. NULL: the scenario has failed. */
void *rig_host_page(struct rig *rig);

/*
 * rig_entry.c: tries an entry that must be refused with that VM-instruction error; or that must
 * fail after its first checks, for that reason and with that exit qualification.
 */
bool rig_expect_refused(struct rig *rig, uint64_t error);
bool rig_expect_failed(struct rig *rig, enum exit_reason reason, uint64_t qualification);

/* Tries an entry that must be refused, and gives the VM-instruction error. 0: the scenario has
 * failed. */
uint64_t rig_refusal(struct rig *rig);

/* Lets the guest read and write an MSR without an exit, or not. */
void rig_pass_msr(const struct rig *rig, uint32_t msr, bool pass);

/*
 * rig_guest.c: enters the guest and wants its IDT to be given `vector`, which rig->event then tells
 * of. False: something else came; the scenario has failed.
 */
bool rig_expect_event(struct rig *rig, unsigned vector);

/* Lets the handler return, to `rip`. */
void rig_return(struct rig *rig, uint64_t rip);

/*
 * Makes the guest one of another mode, from the next entry on; its code goes on at `rip`, in real
 * mode an offset from the code's first byte, which must lie in its first page.
 */
void rig_go_user(struct rig *rig, uint64_t rip);                   /* 64-bit mode at CPL 3 */
void rig_go_protected(struct rig *rig, bool paging, uint64_t rip); /* 32 bits, CPL 0 */
void rig_go_real(struct rig *rig, uint64_t rip);                   /* real-address mode */

/*
 * rig_direct.c: makes the guest's physical addresses those of the host, in EPT and in its paging
 * structures; its linear addresses, and so its code, stay as they are. It can then run without EPT,
 * and reaches no memory but its own: nothing else is mapped.
 */
void rig_go_direct(struct rig *rig);

/* Where the page of the guest's memory at `gpa` is after that. */
gpa_t rig_direct(const struct rig *rig, gpa_t gpa);

/* A suite over a table of scenarios. */
#define SCENARIO_SUITE(suite, table) SCENARIO_SUITE_WITH(suite, table, .only_with = NULL)
#define SCENARIO_SUITE_WITH(suite, table, ...)                                                     \
    static unsigned suite##_count(void)                                                            \
    {                                                                                              \
        return ARRAY_SIZE(table);                                                                  \
    }                                                                                              \
    static void suite##_name(unsigned test, char *name, size_t size)                               \
    {                                                                                              \
        string_copy(name, size, (table)[test].name);                                               \
    }                                                                                              \
    static enum ktap_status suite##_run(struct selftest *selftest, unsigned test)                  \
    {                                                                                              \
        return rig_run(selftest, &(table)[test]);                                                  \
    }                                                                                              \
    const struct selftest_suite suite = {                                                          \
        .count = suite##_count, .name = suite##_name, .run = suite##_run, __VA_ARGS__}

#endif
