/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of EPT: what an access that an entry does not allow is told as. */
#include "ept/violation.h"
#include "kernel/string.h"
#include "selftest/rig.h"

extern const char code_ept_hole[], code_ept_hole_end[];
extern const char code_ept_rights[], code_ept_rights_end[];
extern const char code_ept_misconfiguration[], code_ept_misconfiguration_end[];
extern const char code_ept_execute_only[], code_ept_execute_only_end[];

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

static const struct scenario scenarios[] = {
    {"ept.hole", SCENARIO_CODE(ept_hole), .run = hole},
    {"ept.rights", SCENARIO_CODE(ept_rights), .run = rights},
    {"ept.misconfiguration", SCENARIO_CODE(ept_misconfiguration), .run = misconfiguration},
    {"ept.execute_only", SCENARIO_CODE(ept_execute_only), .run = execute_only,
     .needs_ept = EPT_CAP_EXECUTE_ONLY},
};

SCENARIO_SUITE(selftest_ept, scenarios);
