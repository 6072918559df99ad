/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of EPT: violations that the guest handles itself, and EPTs that it switches itself. */
#include "ept/violation.h"
#include "kernel/image.h"
#include "selftest/rig.h"
#include "vmx/eptp_list.h"
#include "vmx/virtualization_exception.h"

extern const char code_ept_ve[], code_ept_ve_end[];
extern const char code_ept_vmfunc[], code_ept_vmfunc_end[];
extern const char code_ept_vmfunc_loop[], code_ept_vmfunc_loop_end[];
extern const char code_ept_pages[], code_ept_pages_end[];

static void ve(struct rig *rig)
{
    uint64_t *page = rig_memory(rig, RIG_PAGE_A);
    uint64_t *leaf;

    page[1] = 0x1234;
    page[2] = 0x5678;
    rig_protect(rig, RIG_PAGE_A, EPT_RWX);
    leaf = rig_leaf(rig, RIG_PAGE_A);
    *leaf &= ~EPT_RWX;
    rig_invalidate(rig);
    rig_want(rig, "the start of #VE", ve_start(rig->vcpu, RIG_PAGE_B), STATUS_OK);

    /* In the handler: no VM exit came, and the area tells of the access. */
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "exceptions so far", rig_gpr(rig, R8), 1);
    rig_want(rig, "the reason", rig_gpr(rig, RBX), EXIT_EPT_VIOLATION);
    rig_want(rig, "busy", rig_gpr(rig, RDX), VE_BUSY);
    rig_want(rig, "the qualification's access", rig_gpr(rig, RSI) & BITS(2, 0), EPT_VIOLATION_READ);
    rig_want(rig, "the guest-physical address", rig_gpr(rig, RDI), RIG_PAGE_A.value + 8);
    *leaf |= EPT_RWX;
    rig_invalidate(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what was read then", rig_gpr(rig, RAX), 0x1234);
    }
    *leaf = (*leaf & ~EPT_RWX) | EPT_SUPPRESS_VE;
    rig_invalidate(rig);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "the guest-physical address", rig->exit->physical.value,
                 RIG_PAGE_A.value + 16);
    }
    rig_want(rig, "exceptions in all", rig_gpr(rig, R8), 1);
}

static void want_ve(struct rig *rig, const struct ve_information *area)
{
    const uint64_t told = BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION;

    if (rig_expect_event(rig, VECTOR_VE)) {
        rig_want(rig, "the instruction", rig->event.rip, RIG_CODE.value);
        rig_want(rig, "the reason", area->reason, EXIT_EPT_VIOLATION);
        rig_want(rig, "busy", area->busy, VE_BUSY);
        rig_want_bits(rig, "the qualification", area->qualification, told,
                      EPT_VIOLATION_READ | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION);
        rig_want(rig, "the guest-linear address", area->linear, RIG_PAGE_A.value);
        rig_want(rig, "the guest-physical address", area->physical, RIG_PAGE_A.value);
        rig_return(rig, RIG_CODE.value);
    }
}

static struct ve_information *prepare_ve(struct rig *rig)
{
    rig_protect(rig, RIG_PAGE_A, EPT_RWX);
    *rig_leaf(rig, RIG_PAGE_A) &= ~EPT_RWX;
    rig_invalidate(rig);
    rig_want(rig, "the start of #VE", ve_start(rig->vcpu, RIG_PAGE_B), STATUS_OK);
    return rig_memory(rig, RIG_PAGE_B);
}

/* The same access: an exception, an exit as the area is in use, an exception, an exit for good. */
static void ve_control(struct rig *rig)
{
    struct ve_information *area = prepare_ve(rig);

    want_ve(rig, area);
    (void)rig_expect(rig, EXIT_EPT_VIOLATION);
    memset(area, 0, sizeof(*area));
    want_ve(rig, area);
    memset(area, 0, sizeof(*area));
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_VE, false) &&
        rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "the guest-physical address", rig->exit->physical.value, RIG_PAGE_A.value);
        rig_want(rig, "the area's reason, without the control", area->reason, 0);
    }
}

/* The area tells the VMCS's EPTP index. */
static void ve_index(struct rig *rig)
{
    const struct ve_information *area = prepare_ve(rig);

    vmwrite(VMCS_EPTP_INDEX, 0x1A);
    want_ve(rig, area);
    rig_want(rig, "the EPTP index", area->eptp_index, 0x1A);
}

/* A second EPT over the same memory, in which PAGE_A is where PAGE_B is. */
static bool build_other(struct rig *rig, struct ept *other)
{
    enum status status = ept_init(other, &rig->vm.ept_abilities);

    for (unsigned i = 0; i < rig->vm.range_count && status == STATUS_OK; i++) {
        const struct guest_range *range = &rig->vm.ranges[i];
        status = ept_map(other, range->gpa, range->hpa, range->length, EPT_RWX, EPT_TYPE_WB);
    }
    if (status == STATUS_OK) {
        status = ept_map(other, RIG_PAGE_A, hpa_of(rig_memory(rig, RIG_PAGE_B)), PAGE_SIZE, EPT_RWX,
                         EPT_TYPE_WB);
    }
    rig_want(rig, "the second EPT", status, STATUS_OK);
    return status == STATUS_OK;
}

static void switch_ept(struct rig *rig, const struct ept *other)
{
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = 0xAAAA;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_B) = 0xBBBB;
    rig_want(rig, "the start of the list", eptp_list_start(rig->vcpu), STATUS_OK);
    if (rig->failed) {
        return;
    }
    eptp_list_set(rig->vcpu, 0, rig->vcpu->ept_pointer);
    eptp_list_set(rig->vcpu, 1, ept_pointer(other, &rig->vm.ept_abilities));
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "by EPT 0", rig_gpr(rig, RBX), 0xAAAA);
        rig_want(rig, "by EPT 1", rig_gpr(rig, RDX), 0xBBBB);
        rig_want(rig, "by EPT 0 again", rig_gpr(rig, RSI), 0xAAAA);
        rig_want(rig, "the EPT pointer", vmread(VMCS_EPT_POINTER), rig->vcpu->ept_pointer);
    }
    if (rig_expect_and_skip(rig, EXIT_VMFUNC)) { /* an invalid entry */
        rig_want(rig, "the index", rig_gpr(rig, RCX), 2);
        rig_want(rig, "the instruction's length", rig->exit->length, 3);
        rig_want(rig, "the EPT pointer", vmread(VMCS_EPT_POINTER), rig->vcpu->ept_pointer);
    }
    if (rig_expect_and_skip(rig, EXIT_VMFUNC)) { /* an index beyond the list */
        rig_want(rig, "the index", rig_gpr(rig, RCX), EPTP_LIST_ENTRIES);
    }
    if (rig_expect_and_skip(rig, EXIT_VMFUNC)) { /* a function that is not enabled */
        rig_want(rig, "the function", rig_gpr(rig, RAX), 1);
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

static bool has_switching(struct rig *rig)
{
    bool has = rig->operation->capabilities.vmfunc & VMFUNC_EPTP_SWITCHING;

    if (!has) {
        rig_skip(rig, "IA32_VMX_VMFUNC bit 0");
    }
    return has;
}

static void vmfunc(struct rig *rig)
{
    struct ept other = {0};

    if (!has_switching(rig)) {
        return;
    }
    if (build_other(rig, &other)) {
        switch_ept(rig, &other);
    }
    if (other.table.root.value != 0) {
        ept_destroy(&other);
    }
}

/* A list of one pointer, the guest's own, and VMFUNC to it to come. */
static bool start_list(struct rig *rig)
{
    if (!has_switching(rig)) {
        return false;
    }
    rig_want(rig, "the start of the list", eptp_list_start(rig->vcpu), STATUS_OK);
    if (!rig->failed) {
        eptp_list_set(rig->vcpu, 5, rig->vcpu->ept_pointer);
        rig_set_gpr(rig, RAX, 0);
        rig_set_gpr(rig, RCX, 5);
    }
    return !rig->failed;
}

/* Which functions there are, the VM-function controls say; without the control there are none. */
static void vmfunc_control(struct rig *rig)
{
    if (!start_list(rig)) {
        return;
    }
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "RIP after VMFUNC and VMCALL", vmread(VMCS_GUEST_RIP), RIG_CODE.value + 6);
    }
    rig_set_gpr(rig, RAX, 64); /* there are 64 at most */
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_return(rig, RIG_CODE.value);
    }
    rig_set_gpr(rig, RAX, 0);
    vmwrite(VMCS_VM_FUNCTION_CONTROLS, 0);
    if (rig_expect(rig, EXIT_VMFUNC)) {
        rig_want(rig, "the instruction's length", rig->exit->length, 3);
    }
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_VMFUNC, false) &&
        rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the instruction", rig->event.rip, RIG_CODE.value);
    }
}

/* Where #VE could tell of it, VMFUNC puts the index into the VMCS. */
static void vmfunc_index(struct rig *rig)
{
    if (!start_list(rig)) {
        return;
    }
    rig_want(rig, "the start of #VE", ve_start(rig->vcpu, RIG_PAGE_B), STATUS_OK);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the EPTP index", vmread(VMCS_EPTP_INDEX), 5);
    }
}

static const struct scenario scenarios[] = {
    {"ept.ve", SCENARIO_CODE(ept_ve), .run = ve, .needs = {{[CONTROL_SECONDARY] = SECONDARY_VE}}},
    {"ept.vmfunc", SCENARIO_CODE(ept_vmfunc), .run = vmfunc,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VMFUNC}}},
    {"secondary.ve", SCENARIO_CODE(ept_pages), .run = ve_control,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VE}}},
    {"secondary.ve.eptp_index", SCENARIO_CODE(ept_pages), .run = ve_index,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VE}},
     .known_wrong = {"bochs-3.0", "#VE does not tell the EPTP index that VMWRITE has set"}},
    {"secondary.vmfunc.eptp_index", SCENARIO_CODE(ept_vmfunc_loop), .run = vmfunc_index,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VMFUNC | SECONDARY_VE}}},
    {"secondary.vmfunc", SCENARIO_CODE(ept_vmfunc), .run = vmfunc,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VMFUNC}}},
    {"secondary.vmfunc.control", SCENARIO_CODE(ept_vmfunc_loop), .run = vmfunc_control,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_VMFUNC}}},
};

SCENARIO_SUITE(selftest_ept_features, scenarios);
