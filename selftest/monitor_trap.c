/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the monitor trap flag. SDM vol. 3C, "Monitor Trap Flag". */
#include "selftest/instruction.h"

extern const char code_trap_plain[], code_trap_plain_end[];
extern const char code_trap_fault[], code_trap_fault_end[];
extern const char code_trap_rep[], code_trap_rep_end[];

#define INTERRUPTION_OTHER  7
#define EVENT(type, vector) (INTERRUPTION_VALID | (unsigned)(type) << 8 | (vector))
#define PENDING_BS          BIT(14)

/* The exit is behind one instruction; it tells nothing but where. */
static bool want_trap(struct rig *rig, uint64_t rip)
{
    if (rig_expect(rig, EXIT_MONITOR_TRAP)) {
        rig_want(rig, "RIP after one instruction", rig->exit->rip, rip);
        rig_want(rig, "qualification", vmread(VMCS_EXIT_QUALIFICATION), 0);
        rig_want(rig, "interruption information's valid bit",
                 vmread(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VALID, 0);
        rig_want(rig, "IDT-vectoring information's valid bit",
                 vmread(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID, 0);
    }
    return !rig->failed;
}

/* NOP, MOV, a jump that is taken, then VMCALL, whose own exit comes first. */
static void trap_plain(struct rig *rig)
{
    const uint64_t code = RIG_CODE.value;

    (void)want_trap(rig, code + 1);
    (void)want_trap(rig, code + 6);
    rig_want(rig, "EAX", rig_gpr(rig, RAX), 1);
    (void)want_trap(rig, code + 9);
    if (want_vmcall(rig)) {
        rig_want(rig, "RIP of VMCALL", rig->exit->rip, code + 9);
        (void)want_trap(rig, code);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP, false)) {
        (void)want_vmcall(rig);
    }
}

/* The exit comes when the event has been delivered, before the handler's first instruction. */
static void want_trap_in_handler(struct rig *rig, unsigned vector, uint64_t rip)
{
    uint64_t handler;

    if (!rig_expect(rig, EXIT_MONITOR_TRAP)) {
        return;
    }
    handler = rig->exit->rip;
    rig_want(rig, "IDT-vectoring information's valid bit",
             vmread(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID, 0);
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP, false);
    if (rig_expect_event(rig, vector)) {
        rig_want(rig, "RIP of the exit", handler, rig->exit->rip - RIG_VMCALL_OFFSET);
        rig_want(rig, "the saved RIP", rig->event.rip, rip);
    }
}

static void trap_fault(struct rig *rig)
{
    want_trap_in_handler(rig, VECTOR_UD, RIG_CODE.value);
}

/* A debug exception that is pending at VM entry. */
static void trap_pending(struct rig *rig)
{
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, PENDING_BS);
    want_trap_in_handler(rig, VECTOR_DB, RIG_CODE.value);
}

static void trap_injection(struct rig *rig)
{
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_UD));
    want_trap_in_handler(rig, VECTOR_UD, RIG_CODE.value);
}

/* Each iteration is trapped. */
static void trap_rep(struct rig *rig)
{
    const uint64_t code = RIG_CODE.value;
    const uint8_t *page = rig_memory(rig, RIG_PAGE_A);

    rig_set_gpr(rig, RAX, 0x5E);
    rig_set_gpr(rig, RDI, RIG_PAGE_A.value);
    rig_set_gpr(rig, RCX, 3);
    for (uint64_t left = 3; left-- > 0;) {
        if (want_trap(rig, left != 0 ? code : code + 2)) {
            rig_want(rig, "RCX after an iteration", rig_gpr(rig, RCX), left);
            rig_want(rig, "what the iteration writes", page[2 - left], 0x5E);
            rig_want(rig, "what the next writes", page[3 - left], 0);
        }
    }
}

/* A trap that VM entry injects comes at once, also where the control is 0, and once. */
static void trap_injected(struct rig *rig)
{
    const uint64_t code = RIG_CODE.value;

    if (want_trap(rig, code + 1) && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP, false)) {
        vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, EVENT(INTERRUPTION_OTHER, 0));
        (void)want_trap(rig, code + 1);
        (void)want_vmcall(rig);
    }
}

/* With the control it comes as soon: the entry injects, so the trap is not one instruction later.
 */
static void trap_injected_too(struct rig *rig)
{
    const uint64_t code = RIG_CODE.value;

    if (want_trap(rig, code + 1)) {
        vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, EVENT(INTERRUPTION_OTHER, 0));
        (void)want_trap(rig, code + 1);
    }
}

static const struct scenario scenarios[] = {
    {"primary.monitor_trap", SCENARIO_CODE(trap_plain), .run = trap_plain,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}},
    {"primary.monitor_trap.fault", SCENARIO_CODE(trap_fault), .run = trap_fault,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}, .known_of_many = KNOWN_STALE_RIP},
    {"primary.monitor_trap.pending", SCENARIO_CODE(trap_plain), .run = trap_pending,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}, .known_of_many = KNOWN_STALE_RIP},
    {"primary.monitor_trap.injection", SCENARIO_CODE(trap_plain), .run = trap_injection,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}},
    {"primary.monitor_trap.rep", SCENARIO_CODE(trap_rep), .run = trap_rep,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}},
    {"primary.monitor_trap.injected", SCENARIO_CODE(trap_plain), .run = trap_injected,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}}},
    {"primary.monitor_trap.injected_too", SCENARIO_CODE(trap_plain), .run = trap_injected_too,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MONITOR_TRAP}},
     .known_wrong = {"bochs-3.0", "with the control on, a trap that is injected comes late"}},
};

SCENARIO_SUITE(selftest_monitor_trap, scenarios);
