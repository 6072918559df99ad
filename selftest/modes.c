/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the modes that a guest may be in. SDM vol. 3C, "Unrestricted Guests". */
#include "selftest/rig.h"

extern const char code_real[], code_real_end[];
extern const char code_protected[], code_protected_end[];

/* Without unrestricted guest, CR0.PE and CR0.PG are fixed to 1. */
static void want_entry_failure_without(struct rig *rig)
{
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED, false)) {
        (void)rig_expect_failed(rig, EXIT_ENTRY_FAILURE_GUEST, 0);
        (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED, true);
    }
}

/* Real-address mode, and an interrupt by its interrupt vector table. */
static void real(struct rig *rig)
{
    rig_go_real(rig, 0);
    want_entry_failure_without(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the physical address of the code", rig_gpr(rig, RBX) & 0xFFFF, 0x2000);
        rig_want(rig, "CR0.PE and CR0.PG as the guest reads them",
                 rig_gpr(rig, RAX) & (CR0_PE | CR0_PG), 0);
    }
    if (rig_expect_event(rig, 0x21)) {
        rig_want(rig, "the selector on the stack", rig->event.cs, 0x2000);
        rig_return(rig, rig->event.rip);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "SP after IRET", vmread(VMCS_GUEST_RSP) & 0xFFFF, rig_gpr(rig, RCX) & 0xFFFF);
    }
}

/* Protected mode without paging: no page fault can come. */
static void no_paging(struct rig *rig)
{
    *(uint32_t *)rig_memory(rig, RIG_PAGE_A) = 0x1234;
    rig_go_protected(rig, false, RIG_CODE.value);
    want_entry_failure_without(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read at the physical address", rig_gpr(rig, RAX), 0x1234);
        rig_want(rig, "CR0.PE and CR0.PG as the guest reads them",
                 rig_gpr(rig, RBX) & (CR0_PE | CR0_PG), CR0_PE);
    }
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the selector on the stack", rig->event.cs, RIG_CODE_32);
    }
}

static const struct scenario scenarios[] = {
    {"secondary.unrestricted", SCENARIO_CODE(real), .run = real,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_UNRESTRICTED}}},
    {"secondary.unrestricted.no_paging", SCENARIO_CODE(protected), .run = no_paging,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_UNRESTRICTED}}},
};

SCENARIO_SUITE(selftest_modes, scenarios);
