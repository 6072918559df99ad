/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of CR8 and the TPR shadow. SDM vol. 3C, "Virtualizing CR8-Based TPR Accesses", "TPR
 * Virtualization", "VM Exits Induced by the TPR Threshold". */
#include "selftest/virtual_apic.h"

extern const char code_tpr_cr8[], code_tpr_cr8_end[];
extern const char code_tpr_threshold[], code_tpr_threshold_end[];

/* The guest's CR8 is the virtual-APIC page's; 0: the processor's own, which is put back with the
 * rest of the hypervisor's state. */
static void shadow(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0x123456A7;
    rig_set_gpr(rig, RDX, 6);
    write_cr8(2);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what MOV from CR8 gives", rig_gpr(rig, RBX), 0xA);
        rig_want(rig, "VTPR after MOV to CR8", *apic_register(page, APIC_TPR), 0x60);
        rig_want(rig, "the processor's CR8", read_cr8(), 2);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TPR_SHADOW, false) &&
        rig_switch(rig, CONTROL_PRIMARY, PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE, false)) {
        rig_set_gpr(rig, RDX, 5);
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "what MOV from CR8 gives without the shadow", rig_gpr(rig, RBX), 2);
            rig_want(rig, "the processor's CR8 without the shadow", read_cr8(), 5);
            rig_want(rig, "VTPR without the shadow", *apic_register(page, APIC_TPR), 0x60);
        }
    }
}

/* The exit comes behind the instruction that goes below, not at the threshold. */
static void threshold(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0x70;
    vmwrite(VMCS_TPR_THRESHOLD, 4);
    rig_set_gpr(rig, RDX, 4);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "VTPR at the threshold", *apic_register(page, APIC_TPR), 0x40);
    rig_set_gpr(rig, RDX, 3);
    if (rig_expect(rig, EXIT_TPR_BELOW_THRESHOLD)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, rig_gpr(rig, RSI));
        rig_want(rig, "VTPR below the threshold", *apic_register(page, APIC_TPR), 0x30);
    }
    vmwrite(VMCS_TPR_THRESHOLD, 3);
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* Where APIC accesses are virtualized too, an entry below the threshold exits at once. */
static void at_entry(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    apic_access_page(rig, RIG_PAGE_A);
    *apic_register(page, APIC_TPR) = 0x2F;
    vmwrite(VMCS_TPR_THRESHOLD, 3);
    if (rig_expect(rig, EXIT_TPR_BELOW_THRESHOLD)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, RIG_CODE.value);
    }
    vmwrite(VMCS_TPR_THRESHOLD, 2);
    rig_set_gpr(rig, RDX, 2);
    (void)rig_expect(rig, EXIT_VMCALL);
}

static void want_cr8_access(struct rig *rig, enum cr_access_type type, unsigned gpr)
{
    struct cr_access access;

    if (rig_expect_and_skip(rig, EXIT_CONTROL_REGISTER)) {
        access = cr_access_decode(rig->exit->qualification);
        rig_want(rig, "the control register", access.cr, 8);
        rig_want(rig, "the type of access", access.type, type);
        rig_want(rig, "the general-purpose register", access.gpr, gpr);
        rig_want(rig, "the instruction's length", rig->exit->length, 4);
    }
}

/* The exits of CR8 come before the shadow, which then stays untouched. */
static void exiting(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0x90;
    vmwrite(VMCS_TPR_THRESHOLD, 9);
    rig_set_gpr(rig, RDX, 1);
    want_cr8_access(rig, CR_READ, RBX);
    want_cr8_access(rig, CR_WRITE, RDX);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "VTPR", *apic_register(page, APIC_TPR), 0x90);
        rig_want(rig, "the register that CR8 was to be read to", rig_gpr(rig, RBX), 0);
    }
}

static const struct scenario scenarios[] = {
    {"primary.tpr_shadow", SCENARIO_CODE(tpr_cr8), .run = shadow,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW}}},
    {"primary.tpr_shadow.threshold", SCENARIO_CODE(tpr_threshold), .run = threshold,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW}}},
    {"primary.tpr_shadow.entry", SCENARIO_CODE(tpr_threshold), .run = at_entry,
     .needs =
         {{[CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW, [CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"primary.tpr_shadow.cr8_exiting", SCENARIO_CODE(tpr_cr8), .run = exiting,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW | PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE}}},
};

SCENARIO_SUITE(selftest_tpr_shadow, scenarios);
