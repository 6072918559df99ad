/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of VPIDs: a translation that the guest's paging structures change, with what the
 * processor has cached of it, and INVVPID. SDM vol. 3C, "Virtual Processor Identifiers (VPIDs)",
 * "INVVPID—Invalidate Translations Based on VPID".
 */
#include "selftest/invalidation.h"
#include "selftest/rig.h"
#include "vmx/guest_walk.h"

extern const char code_vpid_windows[], code_vpid_windows_end[];
extern const char code_vpid_none[], code_vpid_none_end[];

/* Two stretches of linear addresses beyond the guest's memory, the second one global. */
#define WINDOW        (3 * WINDOW_BYTES)
#define WINDOW_GLOBAL (4 * WINDOW_BYTES)
#define WINDOW_BYTES  (2 * MIB)

#define PDE_FLAGS (GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS)

#define BEFORE UINT64_C(0xAAAA)
#define AFTER  UINT64_C(0xBBBB)

#define OTHER_VPID UINT64_C(0x5A5A)

/* Both windows show the first 2 MiB of memory or, `moved`, the second. */
static void set_windows(struct rig *rig, bool moved)
{
    uint64_t *directory = rig_memory(rig, GPA(RIG_TABLES.value + 2 * PAGE_SIZE));
    uint64_t to = moved ? WINDOW_BYTES : 0;

    directory[WINDOW / WINDOW_BYTES] = to | PDE_FLAGS;
    directory[WINDOW_GLOBAL / WINDOW_BYTES] = to | PDE_FLAGS | GUEST_PTE_G;
}

static void want_windows(struct rig *rig, uint64_t want)
{
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read", rig_gpr(rig, RAX), want);
        rig_want(rig, "what is read by a global translation", rig_gpr(rig, RBX), want);
    }
}

static bool begin(struct rig *rig)
{
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = BEFORE;
    *(uint64_t *)rig_memory(rig, GPA(RIG_PAGE_A.value + WINDOW_BYTES)) = AFTER;
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_PGE);
    set_windows(rig, false);
    want_windows(rig, BEFORE);
    return !rig->failed;
}

/* Either translation may be used until INVVPID. */
static bool is_stale(struct rig *rig, unsigned gpr)
{
    bool stale = rig_gpr(rig, gpr) == BEFORE;

    rig_want(rig, "what is read", rig_gpr(rig, gpr), stale ? BEFORE : AFTER);
    return stale;
}

/* Changes the translations, and looks at them before and after INVVPID. */
static void invalidate(struct rig *rig, uint64_t type)
{
    struct invalidation_descriptor descriptor = {rig->vcpu->vpid, WINDOW + RIG_PAGE_A.value};
    bool stale;

    rig_want_bits(rig, "the control", vmread(VMCS_SECONDARY_CONTROLS), SECONDARY_VPID,
                  SECONDARY_VPID);
    if (!begin(rig)) {
        return;
    }
    set_windows(rig, true);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    stale = is_stale(rig, RAX);
    rig_want(rig, "the result of INVVPID", invvpid_with(type, descriptor), VMX_SUCCEED);
    if (type == INVVPID_ADDRESS) {
        descriptor.high = WINDOW_GLOBAL + RIG_PAGE_A.value;
        rig_want(rig, "the result of INVVPID", invvpid_with(type, descriptor), VMX_SUCCEED);
    }
    if (type != INVVPID_KEEP_GLOBALS) {
        want_windows(rig, AFTER);
        rig_note(rig, "before INVVPID %s", stale ? "stale" : "not stale");
    } else if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read", rig_gpr(rig, RAX), AFTER);
        rig_note(rig, "before INVVPID %s, the global translation after it %s",
                 stale ? "stale" : "not stale", is_stale(rig, RBX) ? "kept" : "not kept");
    }
}

static void invvpid_address(struct rig *rig)
{
    invalidate(rig, INVVPID_ADDRESS);
}

static void invvpid_single_context(struct rig *rig)
{
    invalidate(rig, INVVPID_SINGLE_CONTEXT);
}

static void invvpid_all_contexts(struct rig *rig)
{
    invalidate(rig, INVVPID_ALL_CONTEXTS);
}

static void invvpid_retaining_globals(struct rig *rig)
{
    invalidate(rig, INVVPID_KEEP_GLOBALS);
}

/* A VPID that nothing has been cached for, and none at all: VM entry then invalidates by itself. */
static void vpid(struct rig *rig)
{
    vmwrite(VMCS_VPID, 0);
    (void)rig_expect_refused(rig, VM_ERROR_CONTROLS);
    vmwrite(VMCS_VPID, rig->vcpu->vpid);
    if (!begin(rig)) {
        return;
    }
    set_windows(rig, true);
    vmwrite(VMCS_VPID, OTHER_VPID);
    want_windows(rig, AFTER);
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_VPID, false)) {
        vmwrite(VMCS_VPID, 0);
        want_windows(rig, AFTER);
        set_windows(rig, false);
        want_windows(rig, BEFORE);
    }
}

#define NOT_CANONICAL BIT(62)

static void errors(struct rig *rig)
{
    static const struct invalidation_error bad[] = {
        {"of type 4", 4, {1, 0}},
        {"of an address, bit 16 reserved", INVVPID_ADDRESS, {1 | BIT(16), 0}},
        {"of a context, bit 63 reserved", INVVPID_SINGLE_CONTEXT, {1 | BIT(63), 0}},
        {"of all contexts, bit 16 reserved", INVVPID_ALL_CONTEXTS, {1 | BIT(16), 0}},
        {"but globals, bit 63 reserved", INVVPID_KEEP_GLOBALS, {1 | BIT(63), 0}},
        {"of an address of VPID 0", INVVPID_ADDRESS, {0, 0}},
        {"of context 0", INVVPID_SINGLE_CONTEXT, {0, 0}},
        {"of context 0 but globals", INVVPID_KEEP_GLOBALS, {0, 0}},
        {"of an address that is not canonical", INVVPID_ADDRESS, {1, NOT_CANONICAL}},
    };
    uint64_t can = rig->operation->capabilities.ept_vpid;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        want_invalidation_error(rig, "INVVPID", invvpid_with, &bad[i]);
    }
    for (uint64_t type = INVVPID_ADDRESS; type <= INVVPID_KEEP_GLOBALS; type++) {
        const struct invalidation_error not_offered = {
            "of a type that is not offered", type, {1, 0}};
        if (!(can & VPID_CAP_ADDRESS << type)) {
            want_invalidation_error(rig, "INVVPID", invvpid_with, &not_offered);
        }
    }
    /* These look at no more than they need. */
    if (can & VPID_CAP_ALL_CONTEXTS) {
        rig_want(
            rig, "the result of INVVPID of all contexts, VPID 0",
            invvpid_with(INVVPID_ALL_CONTEXTS, (struct invalidation_descriptor){0, NOT_CANONICAL}),
            VMX_SUCCEED);
    }
    if (can & VPID_CAP_SINGLE_CONTEXT) {
        rig_want(rig, "the result of INVVPID of a context, whatever the address",
                 invvpid_with(INVVPID_SINGLE_CONTEXT,
                              (struct invalidation_descriptor){1, NOT_CANONICAL}),
                 VMX_SUCCEED);
    }
}

/* In 64-bit mode, the operand that has the type has 64 bits. */
static void wide_type(struct rig *rig)
{
    static const struct invalidation_error bad = {
        "of type 2^32 + 2", BIT(32) + INVVPID_ALL_CONTEXTS, {1, 0}};

    want_invalidation_error(rig, "INVVPID", invvpid_with, &bad);
}

#define NEEDS_VPID .needs = {{[CONTROL_SECONDARY] = SECONDARY_VPID}}

static const struct scenario scenarios[] = {
    {"secondary.vpid", SCENARIO_CODE(vpid_windows), .run = vpid, .roomy = true, NEEDS_VPID},
    {"secondary.vpid.invvpid_individual_address", SCENARIO_CODE(vpid_windows), .roomy = true,
     .run = invvpid_address, NEEDS_VPID, .needs_ept = VPID_CAP_INVVPID | VPID_CAP_ADDRESS},
    {"secondary.vpid.invvpid_single_context", SCENARIO_CODE(vpid_windows), .roomy = true,
     .run = invvpid_single_context, NEEDS_VPID,
     .needs_ept = VPID_CAP_INVVPID | VPID_CAP_SINGLE_CONTEXT},
    {"secondary.vpid.invvpid_all_contexts", SCENARIO_CODE(vpid_windows), .roomy = true,
     .run = invvpid_all_contexts, NEEDS_VPID,
     .needs_ept = VPID_CAP_INVVPID | VPID_CAP_ALL_CONTEXTS},
    {"secondary.vpid.invvpid_retaining_globals", SCENARIO_CODE(vpid_windows), .roomy = true,
     .run = invvpid_retaining_globals, NEEDS_VPID,
     .needs_ept = VPID_CAP_INVVPID | VPID_CAP_KEEP_GLOBALS},
    {"secondary.vpid.errors", SCENARIO_CODE(vpid_none), .run = errors,
     .needs_ept = VPID_CAP_INVVPID},
    {"secondary.vpid.errors.wide_type", SCENARIO_CODE(vpid_none), .run = wide_type,
     .needs_ept = VPID_CAP_INVVPID | VPID_CAP_ALL_CONTEXTS,
     .known_wrong = {"bochs-3.0", "INVVPID takes its type from the low 32 bits of the register"}},
};

SCENARIO_SUITE(selftest_vpid, scenarios);
