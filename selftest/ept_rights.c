/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of EPT: what an access that an entry does not allow is told as. */
#include "ept/violation.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "selftest/rig.h"

extern const char code_ept_hole[], code_ept_hole_end[];
extern const char code_ept_rights[], code_ept_rights_end[];
extern const char code_ept_misconfiguration[], code_ept_misconfiguration_end[];
extern const char code_ept_execute_only[], code_ept_execute_only_end[];
extern const char code_ept_count[], code_ept_count_end[];
extern const char code_ept_mode_based[], code_ept_mode_based_end[];

#define DATA_READ  (EPT_VIOLATION_READ | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION)
#define DATA_WRITE (EPT_VIOLATION_WRITE | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION)
#define FETCH      (EPT_VIOLATION_FETCH | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION)

/* SDM vol. 3C, "Exit Qualification for EPT Violations": these bits are defined everywhere. */
#define DEFINED (BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION)

static void want_violation(struct rig *rig, gpa_t gpa, uint64_t qualification)
{
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value, gpa.value);
        rig_want(rig, "guest-linear address", rig->exit->linear.value, gpa.value);
        rig_want(rig, "qualification", rig->exit->qualification & DEFINED, qualification);
    }
}

static void hole(struct rig *rig)
{
    want_violation(rig, GPA(RIG_BEYOND.value + 8), DATA_READ);
}

/* What was refused goes through once it is allowed, and the instruction is run anew. */
static void rights(struct rig *rig)
{
    uint64_t *page = rig_memory(rig, RIG_PAGE_A);

    page[0] = 0x5EED;
    rig_protect(rig, RIG_PAGE_A, EPT_READ);
    want_violation(rig, GPA(RIG_PAGE_A.value + 16), DATA_WRITE | EPT_VIOLATION_READABLE);
    rig_want(rig, "what was read", rig_gpr(rig, RAX), 0x5EED);
    rig_want(rig, "the page", page[2], 0);
    rig_protect(rig, RIG_PAGE_A, EPT_READ | EPT_WRITE);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what was written", rig_gpr(rig, RBX), 1);
    }
    want_violation(rig, RIG_PAGE_A, FETCH | EPT_VIOLATION_READABLE | EPT_VIOLATION_WRITABLE);
}

/* Write without read: no processor takes such an entry. SDM vol. 3C, "EPT Misconfigurations". */
static void misconfiguration(struct rig *rig)
{
    uint64_t *leaf;

    rig_protect(rig, RIG_PAGE_A, EPT_RWX);
    leaf = rig_leaf(rig, RIG_PAGE_A);
    *leaf = (*leaf & ~EPT_RWX) | EPT_WRITE;
    rig_invalidate(rig);
    if (rig_expect(rig, EXIT_EPT_MISCONFIGURATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value & ~(PAGE_SIZE - 1),
                 RIG_PAGE_A.value);
    }
}

static void execute_only(struct rig *rig)
{
    /* mov ebx, 1234H; ret */
    static const uint8_t code[] = {0xBB, 0x34, 0x12, 0x00, 0x00, 0xC3};

    memcpy(rig_memory(rig, RIG_CODE_B), code, sizeof(code));
    rig_protect(rig, RIG_CODE_B, EPT_EXECUTE);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the page computes", rig_gpr(rig, RBX), 0x1234);
    }
    want_violation(rig, RIG_CODE_B, DATA_READ | EPT_VIOLATION_EXECUTABLE);
}

static void want_counted(struct rig *rig, uint64_t count, unsigned level)
{
    const uint64_t *page = rig_memory(rig, RIG_PAGE_A);

    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the guest has counted", *page, count);
        rig_want(rig, "the level of the leaf", ept_walk(&rig->vm.ept, RIG_PAGE_A).level, level);
    }
}

/* A large page in use, its pages told apart, and made one again: rights, memory and the processor's
 * caches follow. */
static void split_and_join(struct rig *rig)
{
    struct ept *ept = &rig->vm.ept;
    unsigned large = ept_walk(ept, RIG_PAGE_A).level;

    if (large == 1) {
        rig_skip(rig, "EPT pages of 2 MiB");
        return;
    }
    want_counted(rig, 1, large);
    rig_want(rig, "the status of splitting", ept_split(ept, RIG_PAGE_A, PAGE_SIZE, 1), STATUS_OK);
    rig_want(rig, "the status of protecting", ept_set_rights(ept, RIG_PAGE_A, PAGE_SIZE, EPT_READ),
             STATUS_OK);
    ept_settle(ept);
    /* INC reads and writes at once, and the read is allowed. */
    if (!rig_expect(rig, EXIT_EPT_VIOLATION)) {
        return;
    }
    rig_want(rig, "guest-physical address", rig->exit->physical.value, RIG_PAGE_A.value);
    rig_want(rig, "what the entry allows", rig->exit->qualification & EPT_VIOLATION_ALLOWED,
             EPT_VIOLATION_READABLE);
    rig_want(rig, "the status of protecting", ept_set_rights(ept, RIG_PAGE_A, PAGE_SIZE, EPT_RWX),
             STATUS_OK);
    ept_settle(ept);
    want_counted(rig, 2, 1);
    rig_want(rig, "the status of joining", ept_join(ept, RIG_PAGE_A, PAGE_SIZE), STATUS_OK);
    ept_settle(ept);
    want_counted(rig, 3, large);
    rig_want(rig, "the status of unmapping", ept_unmap(ept, RIG_PAGE_A, PAGE_SIZE), STATUS_OK);
    ept_settle(ept);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "what the entry allows", rig->exit->qualification & EPT_VIOLATION_ALLOWED, 0);
    }
}

/* Makes the page executable for one mode, both or none. */
static void let_execute(struct rig *rig, gpa_t gpa, uint64_t execute)
{
    rig_protect(rig, gpa, EPT_READ | EPT_WRITE | execute);
}

/* Makes every linear address of the guest a user's: by that, not by the privilege level, EPT tells
 * the modes apart. Without SMEP, the guest fetches from there as a supervisor. */
static void make_user_mode(struct rig *rig)
{
    uint64_t table = vmread(VMCS_GUEST_CR3);

    for (unsigned level = 4; level >= 2; level--) {
        uint64_t *entry = rig_memory(rig, GPA(table & ~(PAGE_SIZE - 1)));
        table = *entry & BITS(51, PAGE_SHIFT);
        *entry |= BIT(2);
    }
    rig_invalidate(rig);
}

static void want_fetch_refused(struct rig *rig, uint64_t allowed)
{
    const uint64_t modes = EPT_VIOLATION_EXECUTABLE | EPT_VIOLATION_USER_EXECUTABLE;

    want_violation(rig, RIG_CODE_B,
                   FETCH | EPT_VIOLATION_READABLE | EPT_VIOLATION_WRITABLE |
                       (allowed & EPT_VIOLATION_EXECUTABLE));
    rig_want(rig, "who may execute", rig->exit->qualification & modes, allowed);
}

/* SDM vol. 3C, "Mode-Based Execute Control for EPT". */
static void mode_based_execute(struct rig *rig)
{
    /* mov ebx, 1234H; ret */
    static const uint8_t code[] = {0xBB, 0x34, 0x12, 0x00, 0x00, 0xC3};

    memcpy(rig_memory(rig, RIG_CODE_B), code, sizeof(code));
    let_execute(rig, RIG_CODE_B, EPT_EXECUTE_USER);
    want_fetch_refused(rig, EPT_VIOLATION_USER_EXECUTABLE);
    let_execute(rig, RIG_CODE_B, EPT_EXECUTE);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "what the supervisors' page computes", rig_gpr(rig, RBX), 0x1234);
    make_user_mode(rig);
    want_fetch_refused(rig, EPT_VIOLATION_EXECUTABLE);
    rig_set_gpr(rig, RBX, 0);
    let_execute(rig, RIG_CODE_B, EPT_EXECUTE_USER);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the users' page computes", rig_gpr(rig, RBX), 0x1234);
    }
}

/* Without the control, bit 2 counts for both modes, and bit 10 for none. */
static void mode_based_execute_control(struct rig *rig)
{
    /* mov ebx, 1234H; ret */
    static const uint8_t code[] = {0xBB, 0x34, 0x12, 0x00, 0x00, 0xC3};

    memcpy(rig_memory(rig, RIG_CODE_B), code, sizeof(code));
    let_execute(rig, RIG_CODE, EPT_EXECUTE | EPT_EXECUTE_USER);
    let_execute(rig, RIG_CODE_B, EPT_EXECUTE);
    make_user_mode(rig);
    want_fetch_refused(rig, EPT_VIOLATION_EXECUTABLE);
    if (!rig_switch(rig, CONTROL_SECONDARY, SECONDARY_MODE_BASED_EXECUTE, false)) {
        return;
    }
    rig_invalidate(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what the page computes", rig_gpr(rig, RBX), 0x1234);
    }
    let_execute(rig, RIG_CODE_B, EPT_EXECUTE_USER);
    want_violation(rig, RIG_CODE_B, FETCH | EPT_VIOLATION_READABLE | EPT_VIOLATION_WRITABLE);
}

static const struct scenario scenarios[] = {
    {"ept.hole", SCENARIO_CODE(ept_hole), .run = hole},
    {"ept.rights", SCENARIO_CODE(ept_rights), .run = rights},
    {"ept.misconfiguration", SCENARIO_CODE(ept_misconfiguration), .run = misconfiguration},
    {"ept.execute_only", SCENARIO_CODE(ept_execute_only), .run = execute_only,
     .needs_ept = EPT_CAP_EXECUTE_ONLY},
    {"ept.split_and_join", SCENARIO_CODE(ept_count), .run = split_and_join},
    {"ept.mode_based_execute", SCENARIO_CODE(ept_mode_based), .run = mode_based_execute,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_MODE_BASED_EXECUTE}}},
    {"secondary.mode_based_execute", SCENARIO_CODE(ept_mode_based),
     .run = mode_based_execute_control,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_MODE_BASED_EXECUTE}}},
};

SCENARIO_SUITE(selftest_ept, scenarios);
