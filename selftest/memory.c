/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of what stands between the guest's physical addresses and the host's: one guest, with
 * EPT and without. SDM vol. 3C, "The Extended Page-Table Mechanism (EPT)", "Processor-Based
 * VM-Execution Controls".
 */
#include "ept/violation.h"
#include "selftest/rig.h"

extern const char code_memory_ept[], code_memory_ept_end[];
extern const char code_memory_secondary[], code_memory_secondary_end[];

#define OF_PAGE_A UINT64_C(0xAAAA)
#define OF_PAGE_B UINT64_C(0xBBBB)

/* To EPT, PAGE_A is where PAGE_B is: who reads there tells whether EPT was used. */
static void go_direct(struct rig *rig)
{
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = OF_PAGE_A;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_B) = OF_PAGE_B;
    rig_go_direct(rig);
    rig_want(rig, "the status of mapping",
             ept_map(&rig->vm.ept, rig_direct(rig, RIG_PAGE_A),
                     HPA(rig_direct(rig, RIG_PAGE_B).value), PAGE_SIZE, EPT_RWX, EPT_TYPE_WB),
             STATUS_OK);
    ept_settle(&rig->vm.ept);
}

static void want_hole(struct rig *rig)
{
    const uint64_t defined = BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION;

    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value,
                 rig_direct(rig, RIG_PAGE_A).value);
        rig_want(rig, "guest-linear address", rig->exit->linear.value, RIG_PAGE_A.value);
        rig_want_bits(rig, "qualification", rig->exit->qualification, defined,
                      EPT_VIOLATION_READ | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION);
    }
}

static void want_read(struct rig *rig, const char *what, uint64_t want)
{
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, what, rig_gpr(rig, RAX), want);
    }
}

static void ept(struct rig *rig)
{
    go_direct(rig);
    want_read(rig, "what is read through EPT", OF_PAGE_B);
    rig_want(rig, "the status of unmapping",
             ept_unmap(&rig->vm.ept, rig_direct(rig, RIG_PAGE_A), PAGE_SIZE), STATUS_OK);
    ept_settle(&rig->vm.ept);
    want_hole(rig);
    /* Unrestricted guest needs EPT. */
    if (!rig_switch(rig, CONTROL_SECONDARY, SECONDARY_EPT | SECONDARY_UNRESTRICTED, false)) {
        return;
    }
    want_read(rig, "what is read without EPT", OF_PAGE_A);
    /* With EPT in use, nothing counts that was cached without it. */
    (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_EPT, true);
    want_hole(rig);
}

/* 0: descriptor-table exiting, EPT and RDTSCP are off, whatever their bits say. */
static void secondary(struct rig *rig)
{
    bool exits = rig_switch(rig, CONTROL_SECONDARY, SECONDARY_DESCRIPTOR_TABLE, true);
    bool has_rdtscp = rig_switch(rig, CONTROL_SECONDARY, SECONDARY_RDTSCP, true);

    go_direct(rig);
    if (exits && rig_expect_and_skip(rig, EXIT_GDTR_OR_IDTR)) {
        rig_want(rig, "qualification, the displacement", rig->exit->qualification,
                 RIG_PAGE_C.value);
    }
    want_read(rig, "what is read through EPT", OF_PAGE_B);
    if (has_rdtscp) {
        (void)rig_expect_and_skip(rig, EXIT_VMCALL);
    } else if (rig_expect_event(rig, VECTOR_UD)) {
        rig_return(rig, RIG_CODE.value);
    }
    if (!rig_switch(rig, CONTROL_PRIMARY, PRIMARY_SECONDARY, false)) {
        return;
    }
    rig_want_bits(rig, "EPT's bit, though it does not count", vmread(VMCS_SECONDARY_CONTROLS),
                  SECONDARY_EPT, SECONDARY_EPT);
    want_read(rig, "what is read without EPT", OF_PAGE_A);
    rig_want(rig, "the IDT's limit, which SIDT has stored",
             *(uint16_t *)rig_memory(rig, RIG_PAGE_C), vmread(VMCS_GUEST_IDTR_LIMIT));
    (void)rig_expect_event(rig, VECTOR_UD);
}

static const struct scenario scenarios[] = {
    {"primary.secondary", SCENARIO_CODE(memory_secondary), .run = secondary,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_SECONDARY}}},
    {"secondary.ept", SCENARIO_CODE(memory_ept), .run = ept,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_EPT}}},
};

SCENARIO_SUITE(selftest_memory, scenarios);
