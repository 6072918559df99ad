/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of VMCS shadowing: the guest's own VMREAD and VMWRITE. SDM vol. 3C, "VMCS Shadowing
 * Bitmap Addresses", "VMREAD—Read Field from Virtual-Machine Control Structure", "VMWRITE—Write
 * Field to Virtual-Machine Control Structure".
 */
#include "kernel/image.h"
#include "selftest/rig.h"
#include "vmx/run.h"

extern const char code_vmcs_shadow[], code_vmcs_shadow_end[];
extern const char code_vmcs_shadow_memory[], code_vmcs_shadow_memory_end[];

#define SHADOW_VMCS UINT32_C(0x80000000) /* with the revision identifier */
#define NO_LINK     UINT64_MAX
#define NO_FIELD    0x7FFE /* within the bitmaps, and no field's encoding */
#define NO_BITMAP   BIT(15)

/* VM-exit qualification of a failed entry: "Checks on VMCS link pointer" failed. */
#define FAILURE_LINK_POINTER 4

/* VM-exit instruction information. SDM vol. 3C, "Format of the VM-Exit Instruction-Information
 * Field as Used for VMREAD and VMWRITE". */
#define INFO_REGISTER_1   BITS(6, 3)
#define INFO_ADDRESS_SIZE BITS(9, 7)
#define INFO_IS_REGISTER  BIT(10)
#define INFO_SEGMENT      BITS(17, 15)
#define INFO_NO_INDEX     BIT(22)
#define INFO_NO_BASE      BIT(27)
#define INFO_REGISTER_2   BITS(31, 28)

#define OF_SHADOW   UINT64_C(0x5EED)
#define OF_GUEST    UINT64_C(0xC0DE)
#define FIELD_READ  VMCS_GUEST_SYSENTER_EIP
#define FIELD_WRITE VMCS_GUEST_SYSENTER_ESP

struct shadow {
    void *vmcs;
    uint8_t *read_bitmap, *write_bitmap;
};

/* Back to the guest's own VMCS; the shadow VMCS is in memory alone. */
static void leave_shadow(struct rig *rig, const struct shadow *shadow)
{
    rig_want(rig, "the result of VMCLEAR", vmclear(hpa_of(shadow->vmcs)), VMX_SUCCEED);
    rig_want(rig, "the result of VMPTRLD", vmptrld(hpa_of(rig->vcpu->vmcs)), VMX_SUCCEED);
}

static void set_field(struct rig *rig, const struct shadow *shadow, struct vmcs_field field,
                      uint64_t value)
{
    if (vmptrld(hpa_of(shadow->vmcs)) == VMX_SUCCEED) {
        vmwrite(field, value);
    }
    leave_shadow(rig, shadow);
}

static uint64_t field_of(struct rig *rig, const struct shadow *shadow, struct vmcs_field field)
{
    uint64_t value = 0;

    if (vmptrld(hpa_of(shadow->vmcs)) == VMX_SUCCEED) {
        value = vmread(field);
    }
    leave_shadow(rig, shadow);
    return value;
}

/* A shadow VMCS that the guest's VMCS links to, and bitmaps that let everything through. */
static bool begin(struct rig *rig, struct shadow *shadow)
{
    uint64_t revision = FIELD_GET(VMX_BASIC_REVISION, rig->operation->capabilities.basic);

    *shadow = (struct shadow){rig_host_page(rig), rig_host_page(rig), rig_host_page(rig)};
    if (rig->failed) {
        return false;
    }
    *(uint32_t *)shadow->vmcs = (uint32_t)revision | SHADOW_VMCS;
    if (vmclear(hpa_of(shadow->vmcs)) != VMX_SUCCEED) {
        rig_fail(rig, "VMCLEAR of the shadow VMCS failed");
        return false;
    }
    vmwrite(VMCS_VMREAD_BITMAP, hpa_of(shadow->read_bitmap).value);
    vmwrite(VMCS_VMWRITE_BITMAP, hpa_of(shadow->write_bitmap).value);
    vmwrite(VMCS_VMCS_LINK_POINTER, hpa_of(shadow->vmcs).value);
    rig_set_gpr(rig, RBX, FIELD_READ.encoding);
    rig_set_gpr(rig, RCX, FIELD_WRITE.encoding);
    rig_set_gpr(rig, RDX, OF_GUEST);
    return true;
}

/* The pages are given back after this: the processor must have nothing of the shadow VMCS left. */
static void end(struct rig *rig, const struct shadow *shadow)
{
    vmwrite(VMCS_VMCS_LINK_POINTER, NO_LINK);
    leave_shadow(rig, shadow);
}

static void set_bit(uint8_t *bitmap, struct vmcs_field field)
{
    bitmap[field.encoding / 8] |= (uint8_t)(1U << field.encoding % 8);
}

#define RESULT_FLAGS (RFLAGS_CF | RFLAGS_ZF)

/* The guest has executed both, without an exit; CF and ZF tell how they ended. */
static bool want_no_exit(struct rig *rig, uint64_t read_flags, uint64_t write_flags)
{
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return false;
    }
    rig_want_bits(rig, "CF and ZF after VMREAD", rig_gpr(rig, RSI), RESULT_FLAGS, read_flags);
    rig_want_bits(rig, "CF and ZF after VMWRITE", rig_gpr(rig, RDI), RESULT_FLAGS, write_flags);
    return !rig->failed;
}

/* VMREAD RAX, RBX and VMWRITE RCX, RDX. */
static void want_exit(struct rig *rig, enum exit_reason reason)
{
    uint64_t info = reason == EXIT_VMREAD
                        ? FIELD_PUT(INFO_REGISTER_1, RAX) | FIELD_PUT(INFO_REGISTER_2, RBX)
                        : FIELD_PUT(INFO_REGISTER_1, RDX) | FIELD_PUT(INFO_REGISTER_2, RCX);

    if (rig_expect(rig, reason)) {
        rig_want(rig, "the instruction's length", rig->exit->length, 3);
        rig_want_bits(rig, "the instruction information", vmread(VMCS_EXIT_INSTRUCTION_INFO),
                      INFO_REGISTER_1 | INFO_IS_REGISTER | INFO_REGISTER_2,
                      info | INFO_IS_REGISTER);
        vcpu_advance(rig->vcpu);
    }
}

static void shadowing(struct rig *rig)
{
    struct shadow shadow;

    if (!begin(rig, &shadow)) {
        return;
    }
    set_field(rig, &shadow, FIELD_READ, OF_SHADOW);
    vmwrite(FIELD_READ, 0);
    if (want_no_exit(rig, 0, 0)) {
        rig_want(rig, "what VMREAD gave", rig_gpr(rig, RAX), OF_SHADOW);
        rig_want(rig, "the field of the shadow VMCS", field_of(rig, &shadow, FIELD_WRITE),
                 OF_GUEST);
        rig_want(rig, "the same field of the guest's own VMCS", vmread(FIELD_WRITE), 0);
    }
    /* Without the control, both exit, and a link to a shadow VMCS is an error. */
    if (!rig->failed && rig_switch(rig, CONTROL_SECONDARY, SECONDARY_VMCS_SHADOW, false)) {
        (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_GUEST, FAILURE_LINK_POINTER);
        vmwrite(VMCS_VMCS_LINK_POINTER, NO_LINK);
        want_exit(rig, EXIT_VMREAD);
        want_exit(rig, EXIT_VMWRITE);
        (void)rig_expect(rig, EXIT_VMCALL);
    }
    end(rig, &shadow);
}

/* A field whose bit is set exits, and so does an encoding that no bit stands for. */
static void bitmap(struct rig *rig)
{
    struct shadow shadow;

    if (!begin(rig, &shadow)) {
        return;
    }
    set_bit(shadow.read_bitmap, FIELD_READ);
    want_exit(rig, EXIT_VMREAD);
    (void)want_no_exit(rig, rig_gpr(rig, RSI) & RESULT_FLAGS, 0);
    memset(shadow.read_bitmap, 0, PAGE_SIZE);
    set_bit(shadow.write_bitmap, FIELD_WRITE);
    want_exit(rig, EXIT_VMWRITE);
    (void)rig_expect_and_skip(rig, EXIT_VMCALL);
    memset(shadow.write_bitmap, 0, PAGE_SIZE);
    rig_set_gpr(rig, RBX, FIELD_READ.encoding | NO_BITMAP);
    rig_set_gpr(rig, RCX, FIELD_WRITE.encoding | BIT(63));
    want_exit(rig, EXIT_VMREAD);
    want_exit(rig, EXIT_VMWRITE);
    (void)rig_expect(rig, EXIT_VMCALL);
    end(rig, &shadow);
}

/* VMfailInvalid: there is no VMCS. */
static void no_link(struct rig *rig)
{
    struct shadow shadow;

    if (begin(rig, &shadow)) {
        vmwrite(VMCS_VMCS_LINK_POINTER, NO_LINK);
        (void)want_no_exit(rig, RFLAGS_CF, RFLAGS_CF);
        end(rig, &shadow);
    }
}

/* VMfailValid; the SDM does not say in which of the two VMCSs the error then stands. */
static void no_field(struct rig *rig)
{
    struct shadow shadow;

    if (!begin(rig, &shadow)) {
        return;
    }
    rig_set_gpr(rig, RBX, NO_FIELD);
    rig_set_gpr(rig, RCX, NO_FIELD);
    if (want_no_exit(rig, RFLAGS_ZF, RFLAGS_ZF)) {
        uint64_t own = vmread(VMCS_VM_INSTRUCTION_ERROR);
        uint64_t shadows = field_of(rig, &shadow, VMCS_VM_INSTRUCTION_ERROR);

        rig_note(rig, "the VM-instruction error is %lu in the guest's own VMCS, %lu in the shadow",
                 own, shadows);
    }
    end(rig, &shadow);
}

/* An operand in memory: VMREAD [PAGE_A + 8], RBX, then VMWRITE RCX, [PAGE_A + 8]. */
static void memory(struct rig *rig)
{
    const uint64_t qword_in_ds =
        FIELD_PUT(INFO_ADDRESS_SIZE, 2) | FIELD_PUT(INFO_SEGMENT, 3) | INFO_NO_INDEX | INFO_NO_BASE;
    const uint64_t told = INFO_ADDRESS_SIZE | INFO_IS_REGISTER | INFO_SEGMENT | INFO_NO_INDEX |
                          INFO_NO_BASE | INFO_REGISTER_2;
    uint64_t *page = rig_memory(rig, RIG_PAGE_A);
    struct shadow shadow;

    if (!begin(rig, &shadow)) {
        return;
    }
    set_field(rig, &shadow, FIELD_READ, OF_SHADOW);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what VMREAD stored", page[1], OF_SHADOW);
        rig_want(rig, "the field that VMWRITE wrote", field_of(rig, &shadow, FIELD_WRITE),
                 OF_SHADOW);
    }
    set_bit(shadow.read_bitmap, FIELD_READ);
    set_bit(shadow.write_bitmap, FIELD_WRITE);
    for (unsigned i = 0; i < 2; i++) {
        if (rig_expect_and_skip(rig, i == 0 ? EXIT_VMREAD : EXIT_VMWRITE)) {
            rig_want(rig, "the qualification, the displacement", rig->exit->qualification,
                     RIG_PAGE_A.value + 8);
            rig_want_bits(rig, "the instruction information", vmread(VMCS_EXIT_INSTRUCTION_INFO),
                          told, qword_in_ds | FIELD_PUT(INFO_REGISTER_2, i == 0 ? RBX : RCX));
        }
    }
    end(rig, &shadow);
}

#define NEEDS_SHADOW .needs = {{[CONTROL_SECONDARY] = SECONDARY_VMCS_SHADOW}}

static const struct scenario scenarios[] = {
    {"secondary.vmcs_shadow", SCENARIO_CODE(vmcs_shadow), .run = shadowing, NEEDS_SHADOW},
    {"secondary.vmcs_shadow.bitmap", SCENARIO_CODE(vmcs_shadow), .run = bitmap, NEEDS_SHADOW},
    {"secondary.vmcs_shadow.memory", SCENARIO_CODE(vmcs_shadow_memory), .run = memory,
     NEEDS_SHADOW},
    {"secondary.vmcs_shadow.no_link", SCENARIO_CODE(vmcs_shadow), .run = no_link, NEEDS_SHADOW},
    {"secondary.vmcs_shadow.no_field", SCENARIO_CODE(vmcs_shadow), .run = no_field, NEEDS_SHADOW},
};

SCENARIO_SUITE(selftest_vmcs_shadow, scenarios);
