/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of VMX instructions that fail. SDM vol. 3C, "VMX Instruction Reference": "Conventions"
 * (VMfail), "VM Instruction Error Numbers".
 */
#include "kernel/image.h"
#include "selftest/rig.h"
#include "vmx/run.h"

extern const char code_vmx_errors[], code_vmx_errors_end[];

#define UNKNOWN_FIELD 0x6FFE /* the last index of natural-width host-state fields */

static enum vmx_result result_of(bool carry, bool zero)
{
    return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;
}

/* VMREAD and VMWRITE that may fail. */
static enum vmx_result read_field(uint32_t encoding, uint64_t *value)
{
    bool carry, zero;

    __asm__ volatile("vmread %3, %0"
                     : "+r"(*value), "=@ccc"(carry), "=@ccz"(zero)
                     : "r"((uint64_t)encoding));
    return result_of(carry, zero);
}

static enum vmx_result write_field(uint32_t encoding, uint64_t value)
{
    bool carry, zero;

    __asm__ volatile("vmwrite %2, %3"
                     : "=@ccc"(carry), "=@ccz"(zero)
                     : "r"(value), "r"((uint64_t)encoding)
                     : "memory");
    return result_of(carry, zero);
}

static enum vmx_result vmxon_again(hpa_t region)
{
    bool carry, zero;

    __asm__ volatile("vmxon %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(region.value) : "memory");
    return result_of(carry, zero);
}

/* In vmx_errors_code.asm: as vmx_enter(), right behind MOV SS. */
static enum vmx_result launch_behind_mov_ss(struct vcpu_frame *frame)
{
    enum vmx_result result;

    __asm__ volatile("call vmx_launch_behind_mov_ss"
                     : "=a"(result), "+D"(frame)
                     :
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "cc",
                       "memory");
    return result;
}

static void want_error(struct rig *rig, enum vmx_result result, uint64_t error)
{
    rig_want(rig, "CF or ZF", result, VMX_FAIL_VALID);
    rig_want_field(rig, VMCS_VM_INSTRUCTION_ERROR, error);
}

/* The current VMCS is as it was: the guest runs. */
static void want_good(struct rig *rig)
{
    (void)rig_expect_and_skip(rig, EXIT_VMCALL);
}

/* An address that is not a page's, or is beyond what addresses may be; the VMXON region. */
static hpa_t beyond(const struct rig *rig)
{
    return HPA(BIT(rig->operation->capabilities.physical_width));
}

static void error_vmclear(struct rig *rig)
{
    hpa_t own = hpa_of(rig->vcpu->vmcs);

    want_error(rig, vmclear(HPA(own.value + 8)), 2);
    want_error(rig, vmclear(beyond(rig)), 2);
    want_error(rig, vmclear(hpa_of(rig->operation->vmxon_region)), 3);
    want_good(rig);
}

static void error_vmptrld(struct rig *rig)
{
    hpa_t own = hpa_of(rig->vcpu->vmcs);
    uint32_t *other = rig_host_page(rig);

    if (other == NULL) {
        return;
    }
    want_error(rig, vmptrld(HPA(own.value + 8)), 9);
    want_error(rig, vmptrld(beyond(rig)), 9);
    want_error(rig, vmptrld(hpa_of(rig->operation->vmxon_region)), 10);
    *other = (uint32_t)FIELD_GET(VMX_BASIC_REVISION, rig->operation->capabilities.basic) ^ 1;
    want_error(rig, vmptrld(hpa_of(other)), 11);
    if (!rig_can_switch(rig, CONTROL_SECONDARY, SECONDARY_VMCS_SHADOW, true)) {
        *other ^= 1 | UINT32_C(1) << 31; /* a shadow VMCS, where there is no such thing */
        want_error(rig, vmptrld(hpa_of(other)), 11);
    }
    want_good(rig);
}

/* VMRESUME of a VMCS that is clear, VMLAUNCH of one that is launched; VMCLEAR makes it clear. */
static void error_launch_state(struct rig *rig)
{
    hpa_t region = hpa_of(rig->vcpu->vmcs);

    want_error(rig, vmx_enter(&rig->vcpu->frame, true), 5);
    want_good(rig);
    want_error(rig, vmx_enter(&rig->vcpu->frame, false), 4);
    want_good(rig);
    rig_want(rig, "VMCLEAR", vmclear(region), VMX_SUCCEED);
    rig_want(rig, "VMPTRLD", vmptrld(region), VMX_SUCCEED);
    want_error(rig, vmx_enter(&rig->vcpu->frame, true), 5);
    rig->vcpu->launched = false;
    want_good(rig);
}

static void error_controls(struct rig *rig)
{
    uint64_t most = FIELD_GET(VMX_MISC_CR3_TARGETS, rig->operation->capabilities.misc);

    vmwrite(VMCS_CR3_TARGET_COUNT, most + 1);
    (void)rig_expect_refused(rig, VM_ERROR_CONTROLS);
    vmwrite(VMCS_CR3_TARGET_COUNT, 0);
    want_good(rig);
}

static void error_host(struct rig *rig)
{
    uint64_t selector = vmread(VMCS_HOST_CS_SELECTOR);

    vmwrite(VMCS_HOST_CS_SELECTOR, 0);
    (void)rig_expect_refused(rig, VM_ERROR_HOST);
    vmwrite(VMCS_HOST_CS_SELECTOR, selector);
    want_good(rig);
}

static void error_field(struct rig *rig)
{
    uint64_t value = 0x5EED;

    want_error(rig, read_field(UNKNOWN_FIELD, &value), 12);
    rig_want(rig, "VMREAD's destination", value, 0x5EED);
    vmwrite(VMCS_CR3_TARGET_0, 0);
    rig_want(rig, "VMREAD of a field", read_field(VMCS_CR3_TARGET_0.encoding, &value), VMX_SUCCEED);
    rig_want(rig, "VMREAD's destination", value, 0);
    want_error(rig, write_field(UNKNOWN_FIELD, 0), 12);
    want_good(rig);
}

/* Where a processor writes any field that it reads, it does. */
static void error_read_only(struct rig *rig)
{
    uint64_t before = vmread(VMCS_EXIT_QUALIFICATION);
    enum vmx_result result = write_field(VMCS_EXIT_QUALIFICATION.encoding, before ^ 0x5EED);

    if (rig->operation->capabilities.misc & VMX_MISC_VMWRITE_ANY) {
        rig_want(rig, "CF or ZF", result, VMX_SUCCEED);
        rig_want_field(rig, VMCS_EXIT_QUALIFICATION, before ^ 0x5EED);
    } else {
        want_error(rig, result, 13);
        rig_want_field(rig, VMCS_EXIT_QUALIFICATION, before);
    }
    want_good(rig);
}

static void error_vmxon(struct rig *rig)
{
    want_error(rig, vmxon_again(hpa_of(rig->operation->vmxon_region)), 15);
    want_good(rig);
}

/* It is looked at before all that is in the VMCS: whether that is clear, does not matter. */
static void error_mov_ss(struct rig *rig)
{
    want_error(rig, launch_behind_mov_ss(&rig->vcpu->frame), 26);
    want_good(rig);
    want_error(rig, launch_behind_mov_ss(&rig->vcpu->frame), 26);
    want_good(rig);
}

/* Without a current VMCS there is no field that could tell the error: CF. */
static void fail_invalid(struct rig *rig)
{
    hpa_t region = hpa_of(rig->vcpu->vmcs);
    uint64_t value = 0;

    rig_want(rig, "VMCLEAR of the current VMCS", vmclear(region), VMX_SUCCEED);
    rig_want(rig, "VMREAD", read_field(VMCS_GUEST_RIP.encoding, &value), VMX_FAIL_INVALID);
    rig_want(rig, "VMWRITE", write_field(VMCS_GUEST_RIP.encoding, 0), VMX_FAIL_INVALID);
    rig_want(rig, "VMLAUNCH", vmx_enter(&rig->vcpu->frame, false), VMX_FAIL_INVALID);
    rig_want(rig, "VMRESUME", vmx_enter(&rig->vcpu->frame, true), VMX_FAIL_INVALID);
    rig_want(rig, "VMCLEAR", vmclear(beyond(rig)), VMX_FAIL_INVALID);
    rig_want(rig, "VMPTRLD", vmptrld(beyond(rig)), VMX_FAIL_INVALID);
    rig_want(rig, "VMPTRLD of the VMCS", vmptrld(region), VMX_SUCCEED);
    want_good(rig);
}

static const struct scenario scenarios[] = {
    {"vmx.error_vmclear", SCENARIO_CODE(vmx_errors), .run = error_vmclear},
    {"vmx.error_vmptrld", SCENARIO_CODE(vmx_errors), .run = error_vmptrld},
    {"vmx.error_launch_state", SCENARIO_CODE(vmx_errors), .run = error_launch_state},
    {"vmx.error_controls", SCENARIO_CODE(vmx_errors), .run = error_controls},
    {"vmx.error_host", SCENARIO_CODE(vmx_errors), .run = error_host},
    {"vmx.error_field", SCENARIO_CODE(vmx_errors), .run = error_field},
    {"vmx.error_read_only", SCENARIO_CODE(vmx_errors), .run = error_read_only},
    {"vmx.error_vmxon", SCENARIO_CODE(vmx_errors), .run = error_vmxon},
    {"vmx.error_mov_ss", SCENARIO_CODE(vmx_errors), .run = error_mov_ss},
    {"vmx.fail_invalid", SCENARIO_CODE(vmx_errors), .run = fail_invalid},
};

SCENARIO_SUITE(selftest_vmx_errors, scenarios);
