/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground of one scenario: a VM with 2 MiB of memory and a few lines of code in 64-bit mode,
 * entered exit by exit by the scenario itself, which says what must be seen. The first thing that
 * is seen otherwise is kept, in words, and what follows is passed over.
 */
#ifndef SELFTEST_RIG_H
#define SELFTEST_RIG_H

#include "kernel/string.h"
#include "selftest/selftest.h"
#include "vmx/launch.h"
#include "vmx/vmcs.h"

/* Guest-physical, and guest-virtual alike: code.inc has them too. */
#define RIG_MEMORY (4 * MIB)
#define RIG_CODE   GPA(0x100000)
#define RIG_PAGE_A GPA(0x120000)
#define RIG_PAGE_B GPA(0x121000)
#define RIG_PAGE_C GPA(0x122000)
#define RIG_CODE_B GPA(0x130000)
#define RIG_MANY   GPA(0x140000)
#define RIG_BEYOND GPA(RIG_MEMORY)

struct rig;

/* What an emulator is known to answer in a scenario's stead: predicted exactly, so that another
 * answer fails, the right one too. docs/emulators.md tells of them. */
struct scenario_error {
    const char *machine; /* as machine= has it: "bochs-3.0" */
    const char *answer;  /* the scenario's note */
    const char *does;    /* the emulator, in words */
};

/* A scenario: what it needs, what the guest does, what must be seen. */
struct scenario {
    const char *name;
    const char *code, *code_end;
    void (*run)(struct rig *rig);
    struct controls needs; /* switched on; where one is not offered, the scenario is skipped */
    uint64_t needs_ept;    /* bits of IA32_VMX_EPT_VPID_CAP, likewise */
    const struct scenario_error *known_error; /* NULL: none */
};

#define SCENARIO_CODE(which) .code = code_##which, .code_end = code_##which##_end

struct rig {
    const struct scenario *scenario;
    const struct vmx_operation *operation;
    struct vm vm;
    struct vcpu *vcpu;
    struct vmx_exit *exit; /* the last one */
    bool failed;
    bool skipped;
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

/* Ends the scenario as skipped: this processor lacks `what`. */
void rig_skip(struct rig *rig, const char *what);

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

/* A suite over a table of scenarios. */
#define SCENARIO_SUITE(suite, table)                                                               \
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
        .count = suite##_count, .name = suite##_name, .run = suite##_run}

#endif
