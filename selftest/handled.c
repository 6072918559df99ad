/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of instructions that exit and are done for the guest, by Lintel's own handlers: what
 * they leave is what the instruction would have left. SDM vol. 3C, "Saving Non-Register State";
 * vol. 3A, "Debug Exceptions".
 */
#include "selftest/event.h"
#include "vmx/run.h"

extern const char code_handled_blocking[], code_handled_blocking_end[];
extern const char code_handled_single_step[], code_handled_single_step_end[];
extern const char code_handled_resume_flag[], code_handled_resume_flag_end[];
extern const char code_handled_tsc[], code_handled_tsc_end[];
extern const char code_handled_registers[], code_handled_registers_end[];

#define BLOCKING (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

/* An instruction that is skipped ends the blocking by STI and by MOV SS. */
static void blocking(struct rig *rig)
{
    static const uint64_t by[] = {INTERRUPTIBILITY_STI, INTERRUPTIBILITY_MOV_SS};

    for (unsigned i = 0; i < ARRAY_SIZE(by); i++) {
        if (!rig_expect(rig, EXIT_CPUID)) {
            return;
        }
        rig_want_bits(rig, "the blocking at the exit", vmread(VMCS_GUEST_INTERRUPTIBILITY),
                      BLOCKING, by[i]);
        vcpu_advance(rig->vcpu);
        rig_want_bits(rig, "the blocking behind it", vmread(VMCS_GUEST_INTERRUPTIBILITY), BLOCKING,
                      0);
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* With RFLAGS.TF, there is a debug exception behind it. */
static void single_step(struct rig *rig)
{
    uint64_t next;

    if (!rig_expect(rig, EXIT_CPUID)) {
        return;
    }
    next = rig->exit->rip + rig->exit->length;
    vcpu_advance(rig->vcpu);
    if (rig_expect_event(rig, VECTOR_DB)) {
        rig_want(rig, "the saved RIP", rig->event.rip, next);
        rig_want_bits(rig, "DR6", read_dr6(), DEBUG_CAUSES, DEBUG_BS);
    }
    write_dr6(DR6_RESET);
}

/* RFLAGS.RF is clear behind it. */
static void resume_flag(struct rig *rig)
{
    if (!rig_expect(rig, EXIT_CPUID)) {
        return;
    }
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_RF);
    vcpu_advance(rig->vcpu);
    rig_want_bits(rig, "RFLAGS.RF behind it", vmread(VMCS_GUEST_RFLAGS), RFLAGS_RF, 0);
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* The guest's counter goes on from what it writes, and the processor's stays what it is. */
static void tsc(struct rig *rig)
{
    uint64_t start = UINT64_C(1) << 50;
    uint64_t before = rdtsc();
    uint64_t after;

    rig->handled = true;
    rig_set_gpr(rig, RSI, start);
    if (rig_expect(rig, EXIT_VMCALL)) {
        after = rdtsc();
        rig_want_between(rig, "the guest's counter", rig_gpr(rig, RAX), start,
                         start + (after - before));
        rig_want(rig, "the processor's counter goes on", after - before < start, true);
    }
}

/* Bits of CR0, CR4 and EFER that the guest may choose; beneath, they are what VMX needs. */
static void registers(struct rig *rig)
{
    rig->handled = true;
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "CR0.NE as the guest reads it", rig_gpr(rig, RBX), CR0_NE, 0);
        rig_want_bits(rig, "CR0.NE itself", vmread(VMCS_GUEST_CR0), CR0_NE, CR0_NE);
        rig_want_bits(rig, "CR4.PGE", rig_gpr(rig, RSI), CR4_PGE, CR4_PGE);
        rig_want_bits(rig, "EFER", rig_gpr(rig, RDI), EFER_SCE | EFER_LMA, EFER_SCE | EFER_LMA);
    }
}

static const struct scenario scenarios[] = {
    {"handled.blocking", SCENARIO_CODE(handled_blocking), .run = blocking},
    {"handled.single_step", SCENARIO_CODE(handled_single_step), .run = single_step},
    {"handled.resume_flag", SCENARIO_CODE(handled_resume_flag), .run = resume_flag},
    {"handled.tsc", SCENARIO_CODE(handled_tsc), .run = tsc,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_TSC_OFFSET}}},
    {"handled.registers", SCENARIO_CODE(handled_registers), .run = registers},
};

SCENARIO_SUITE(selftest_handled, scenarios);
