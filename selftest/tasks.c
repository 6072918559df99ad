/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of task switches, which exit on every processor. SDM vol. 3C, "Treatment of Task
 * Switches"; "Exit Qualification for Task Switches". */
#include "selftest/event.h"
#include "vmx/run.h"

extern const char code_task_call[], code_task_call_end[];
extern const char code_task_jump[], code_task_jump_end[];
extern const char code_task_iret[], code_task_iret_end[];
extern const char code_task_int[], code_task_int_end[];
extern const char code_task_gp[], code_task_gp_end[];

#define TSS_LIMIT  UINT64_C(0x67)
#define TSS_32     UINT64_C(0x89) /* present, available */
#define TSS_BUSY   BIT(1)
#define TSS_P      BIT(7)
#define GATE_TYPE  UINT64_C(0x85)
#define RFLAGS_NT  BIT(14)
#define GATE_ENTRY ((uint64_t)RIG_SPARE << 16 | GATE_TYPE << 40)

static uint64_t *descriptors(struct rig *rig)
{
    return (uint64_t *)rig_memory(rig, RIG_GDT) + RIG_SPARE / 8;
}

/* A second task, a task gate that leads to it, and the same in the IDT. */
static void make_task(struct rig *rig, uint64_t type)
{
    static const uint8_t vectors[] = {VECTOR_GP, 0x21};
    uint64_t base = RIG_PAGE_B.value;
    uint64_t *gates;

    rig_go_protected(rig, true, RIG_CODE.value);
    descriptors(rig)[0] = TSS_LIMIT | (base & 0xFFFFFF) << 16 | type << 40 | base >> 24 << 56;
    descriptors(rig)[1] = GATE_ENTRY;
    gates = rig_memory(rig, GPA(vmread(VMCS_GUEST_IDTR_BASE)));
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        gates[vectors[i]] = GATE_ENTRY;
    }
}

/* Nothing has been switched; `length` 0: there is none. */
static bool expect_switch(struct rig *rig, enum task_switch_source source, uint64_t rip,
                          uint32_t length)
{
    uint64_t descriptor = descriptors(rig)[0];

    if (!rig_expect(rig, EXIT_TASK_SWITCH)) {
        return false;
    }
    rig_want(rig, "qualification", rig->exit->qualification,
             RIG_SPARE | FIELD_PUT(BITS(31, 30), source));
    rig_want(rig, "RIP", rig->exit->rip, rip);
    if (length != 0) {
        rig_want(rig, "instruction length", rig->exit->length, length);
    }
    rig_want(rig, "TR", vmread(VMCS_GUEST_TR_SELECTOR), RIG_TSS_SELECTOR);
    rig_want(rig, "descriptor of the other task", descriptors(rig)[0], descriptor);
    if (source != TASK_GATE) {
        rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, INTERRUPTION_VALID,
                      0);
    }
    return !rig->failed;
}

/* To the TSS itself, and by a task gate. */
static void call(struct rig *rig)
{
    make_task(rig, TSS_32);
    if (expect_switch(rig, TASK_CALL, RIG_CODE.value, 7)) {
        vcpu_advance(rig->vcpu);
        (void)expect_switch(rig, TASK_CALL, RIG_CODE.value + 7, 7);
    }
}

static void jump(struct rig *rig)
{
    make_task(rig, TSS_32);
    (void)expect_switch(rig, TASK_JMP, RIG_CODE.value, 7);
}

/* With NT set, IRET leads back to the task that the TSS names. */
static void iret(struct rig *rig)
{
    make_task(rig, TSS_32 | TSS_BUSY);
    *(uint16_t *)rig_memory(rig, RIG_TSS) = RIG_SPARE;
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_NT);
    if (expect_switch(rig, TASK_IRET, RIG_CODE.value, 1)) {
        rig_want_bits(rig, "RFLAGS.NT", vmread(VMCS_GUEST_RFLAGS), RFLAGS_NT, RFLAGS_NT);
    }
}

/* By a task gate in the IDT: the exit comes while the event is being delivered. */
static void software_interrupt(struct rig *rig)
{
    make_task(rig, TSS_32);
    if (expect_switch(rig, TASK_GATE, RIG_CODE.value, 2)) {
        event_want_vectoring(rig, event_of(INTERRUPTION_SOFTWARE_INTERRUPT, 0x21), 0);
    }
}

static void exception(struct rig *rig)
{
    make_task(rig, TSS_32);
    if (expect_switch(rig, TASK_GATE, RIG_CODE.value + 5, 0)) {
        event_want_vectoring(rig, event_fault_code(VECTOR_GP), EVENT_BAD_SELECTOR);
    }
}

static void external(struct rig *rig)
{
    const uint32_t event = event_of(INTERRUPTION_EXTERNAL, 0x21);

    make_task(rig, TSS_32);
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_IF);
    event_inject(event, 0, 0);
    if (expect_switch(rig, TASK_GATE, RIG_CODE.value, 0)) {
        event_want_vectoring(rig, event, 0);
    }
}

/* What is wrong with the descriptor is told to the guest before: a task that is busy, or not there.
 */
static void checks(struct rig *rig)
{
    make_task(rig, TSS_32 & ~TSS_P);
    if (rig_expect_event(rig, VECTOR_NP)) {
        rig_want(rig, "error code", rig->event.error_code, RIG_SPARE);
        rig_want(rig, "RIP on the stack", rig->event.rip, RIG_CODE.value);
    }
    make_task(rig, TSS_32 | TSS_BUSY);
    event_intercept(BIT(VECTOR_GP));
    (void)event_expect_exit(rig, event_fault_code(VECTOR_GP), RIG_SPARE, RIG_CODE.value);
}

static const struct scenario scenarios[] = {
    {"event.task_switch.call", SCENARIO_CODE(task_call), .run = call},
    {"event.task_switch.jump", SCENARIO_CODE(task_jump), .run = jump},
    {"event.task_switch.iret", SCENARIO_CODE(task_iret), .run = iret},
    {"event.task_switch.software_interrupt", SCENARIO_CODE(task_int), .run = software_interrupt},
    {"event.task_switch.exception", SCENARIO_CODE(task_gp), .run = exception},
    {"event.task_switch.external", SCENARIO_CODE(task_jump), .run = external},
    {"event.task_switch.checks", SCENARIO_CODE(task_jump), .run = checks},
};

SCENARIO_SUITE(selftest_tasks, scenarios);
