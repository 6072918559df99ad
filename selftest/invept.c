/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of INVEPT: a translation that EPT changes, with what the processor has cached of it.
 * SDM vol. 3C, "INVEPT—Invalidate Translations Derived from EPT".
 */
#include "kernel/format.h"
#include "kernel/image.h"
#include "selftest/invalidation.h"
#include "selftest/rig.h"

extern const char code_vpid_page[], code_vpid_page_end[];
extern const char code_vpid_none[], code_vpid_none_end[];

#define ERROR_VMREAD_UNSUPPORTED 12
#define ERROR_INVALID_OPERAND    28
#define NO_FIELD                 ((struct vmcs_field){0x7FFE})

void want_invalidation_error(struct rig *rig, const char *name, invalidation *execute,
                             const struct invalidation_error *error)
{
    enum vmx_result result;
    uint64_t number;
    char what[96];

    (void)!vmread_try(NO_FIELD, &number); /* another error stands there before */
    rig_want(rig, "the error of a VMREAD of no field", vmread(VMCS_VM_INSTRUCTION_ERROR),
             ERROR_VMREAD_UNSUPPORTED);
    result = execute(error->type, error->descriptor);
    number = vmread(VMCS_VM_INSTRUCTION_ERROR);
    format_text(what, sizeof(what), "the result of %s %s", name, error->what);
    rig_want(rig, what, result, VMX_FAIL_VALID);
    rig_want(rig, "the VM-instruction error", number, ERROR_INVALID_OPERAND);
}

/* Changes where PAGE_A is, and looks before and after INVEPT. */
static void invalidate(struct rig *rig, enum invept_type type)
{
    uint64_t pointer = type == INVEPT_SINGLE_CONTEXT ? rig->vcpu->ept_pointer : 0;
    uint64_t *leaf;
    bool stale;

    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = 0xAAAA;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_B) = 0xBBBB;
    rig_protect(rig, RIG_PAGE_A, EPT_RWX);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "what is read", rig_gpr(rig, RAX), 0xAAAA);
    leaf = rig_leaf(rig, RIG_PAGE_A);
    *leaf = (*leaf & ~BITS(51, PAGE_SHIFT)) | hpa_of(rig_memory(rig, RIG_PAGE_B)).value;
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    stale = rig_gpr(rig, RAX) == 0xAAAA;
    rig_want(rig, "what is read before INVEPT", rig_gpr(rig, RAX), stale ? 0xAAAA : 0xBBBB);
    rig_want(rig, "the result of INVEPT", invept(type, pointer), VMX_SUCCEED);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read after INVEPT", rig_gpr(rig, RAX), 0xBBBB);
        rig_note(rig, "before INVEPT %s", stale ? "stale" : "not stale");
    }
}

static void single(struct rig *rig)
{
    invalidate(rig, INVEPT_SINGLE_CONTEXT);
}

static void all(struct rig *rig)
{
    invalidate(rig, INVEPT_ALL_CONTEXTS);
}

static void want_bad_pointer(struct rig *rig, const char *what, uint64_t pointer)
{
    const struct invalidation_error error = {what, INVEPT_SINGLE_CONTEXT, {pointer, 0}};

    want_invalidation_error(rig, "INVEPT", invept_with, &error);
}

static void errors(struct rig *rig)
{
    static const struct invalidation_error bad[] = {
        {"of type 0", 0, {0, 0}},
        {"of type 3", 3, {0, 0}},
    };
    const struct vmx_capabilities *capabilities = &rig->operation->capabilities;
    uint64_t pointer = rig->vcpu->ept_pointer;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        want_invalidation_error(rig, "INVEPT", invept_with, &bad[i]);
    }
    if (capabilities->ept_vpid & EPT_CAP_INVEPT_ALL) {
        rig_want(rig, "the result of INVEPT of all contexts, whatever the pointer",
                 invept_with(INVEPT_ALL_CONTEXTS, (struct invalidation_descriptor){0, 0}),
                 VMX_SUCCEED);
    }
    /* Pointers that VM entry would refuse. */
    want_bad_pointer(rig, "with memory type 7", pointer | EPTP_MEMORY);
    want_bad_pointer(rig, "with a walk of 3 levels",
                     (pointer & ~EPTP_WALK) | FIELD_PUT(EPTP_WALK, 2));
    if (!(capabilities->ept_vpid & EPT_CAP_AD)) {
        want_bad_pointer(rig, "with accessed and dirty flags", pointer | EPTP_AD);
    }
    want_bad_pointer(rig, "with the reserved bit 11", pointer | BIT(11));
    if (capabilities->physical_width < 52) {
        want_bad_pointer(rig, "with an address beyond the width",
                         pointer | BIT(capabilities->physical_width));
    }
}

/* In 64-bit mode, the operand that has the type has 64 bits. */
static void wide_type(struct rig *rig)
{
    static const struct invalidation_error bad = {
        "of type 2^32 + 2", BIT(32) + INVEPT_ALL_CONTEXTS, {0, 0}};

    want_invalidation_error(rig, "INVEPT", invept_with, &bad);
}

static const struct scenario scenarios[] = {
    {"ept.invept_single", SCENARIO_CODE(vpid_page), .run = single,
     .needs_ept = EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE},
    {"ept.invept_all", SCENARIO_CODE(vpid_page), .run = all,
     .needs_ept = EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL},
    {"ept.invept_errors", SCENARIO_CODE(vpid_none), .run = errors, .needs_ept = EPT_CAP_INVEPT},
    {"ept.invept_errors.wide_type", SCENARIO_CODE(vpid_none), .run = wide_type,
     .needs_ept = EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL,
     .known_wrong = {"bochs-3.0", "INVEPT takes its type from the low 32 bits of the register"}},
};

SCENARIO_SUITE(selftest_invept, scenarios);
