/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of moves to and from control and debug registers. SDM vol. 3C, "Instructions That Cause
 * VM Exits Conditionally", the tables "Exit Qualification for Control-Register Accesses" and "Exit
 * Qualification for MOV DR".
 */
#include "selftest/instruction.h"

extern const char code_cr3_load[], code_cr3_load_end[];
extern const char code_cr3_store[], code_cr3_store_end[];
extern const char code_cr8_load[], code_cr8_load_end[];
extern const char code_cr8_store[], code_cr8_store_end[];
extern const char code_mov_dr[], code_mov_dr_end[];
extern const char code_mov_dr_45[], code_mov_dr_45_end[];

/* Bits of CR3 that do not change where the paging structures are: without CR4.PCIDE, PWT and PCD
 * say how they are cached, and bits 2:0 are ignored. */
#define CR3_PWT BIT(3)
#define CR3_PCD BIT(4)

#define CR_QUALIFICATION(cr, type, gpr) ((uint64_t)((cr) | (unsigned)(type) << 4 | (gpr) << 8))
#define DR_QUALIFICATION(dr, from, gpr) ((uint64_t)((dr) | (from) << 4 | (gpr) << 8))

#define DR7_FIXED UINT64_C(0x400)

static struct instruction_exit cr_exit(unsigned cr, enum cr_access_type type, enum gpr gpr,
                                       unsigned length)
{
    return (struct instruction_exit){EXIT_CONTROL_REGISTER, .length = length,
                                     .qualification = CR_QUALIFICATION(cr, type, (unsigned)gpr)};
}

static void cr3_load(struct rig *rig)
{
    uint64_t cr3 = vmread(VMCS_GUEST_CR3);

    rig_set_gpr(rig, R9, cr3 | CR3_PWT);
    vmwrite(VMCS_CR3_TARGET_COUNT, 0);
    if (want_instruction(rig, cr_exit(3, CR_WRITE, R9, 4))) {
        rig_want(rig, "CR3 after the exit", vmread(VMCS_GUEST_CR3), cr3);
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_CR3_LOAD, false) && want_vmcall(rig)) {
        rig_want(rig, "CR3 after the load", vmread(VMCS_GUEST_CR3), cr3 | CR3_PWT);
    }
}

/* The first `count` values are targets, the others that stand in the VMCS are none. */
static void want_targets(struct rig *rig, const uint64_t *values, unsigned targets, unsigned count)
{
    vmwrite(VMCS_CR3_TARGET_COUNT, count);
    for (unsigned i = 0; i < targets && !rig->failed; i++) {
        uint64_t before = vmread(VMCS_GUEST_CR3);

        rig_set_gpr(rig, R9, values[i]);
        if (i >= count && want_instruction(rig, cr_exit(3, CR_WRITE, R9, 4))) {
            rig_want(rig, "CR3 after the exit", vmread(VMCS_GUEST_CR3), before);
        }
        if (want_vmcall(rig) && i < count) {
            rig_want(rig, "CR3 after the load of a target", vmread(VMCS_GUEST_CR3), values[i]);
        }
    }
}

static void cr3_load_target(struct rig *rig)
{
    static const struct vmcs_field *const fields[] = {&VMCS_CR3_TARGET_0, &VMCS_CR3_TARGET_1,
                                                      &VMCS_CR3_TARGET_2, &VMCS_CR3_TARGET_3};
    unsigned targets =
        MIN(FIELD_GET(VMX_MISC_CR3_TARGETS, rig->operation->capabilities.misc), ARRAY_SIZE(fields));
    uint64_t cr3 = vmread(VMCS_GUEST_CR3);
    const uint64_t values[] = {cr3 | CR3_PWT, cr3 | CR3_PCD, cr3, cr3 | CR3_PWT | CR3_PCD, cr3 | 1};

    for (unsigned i = 0; i < targets; i++) {
        vmwrite(*fields[i], values[i]);
    }
    for (unsigned count = 0; count <= targets; count++) {
        want_targets(rig, values, targets + 1, count);
    }
}

static void cr3_store(struct rig *rig)
{
    rig_set_gpr(rig, RDX, 0);
    if (want_instruction(rig, cr_exit(3, CR_READ, RDX, 3))) {
        rig_want(rig, "RDX after the exit", rig_gpr(rig, RDX), 0);
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_CR3_STORE, false) && want_vmcall(rig)) {
        rig_want(rig, "RDX after the store", rig_gpr(rig, RDX), vmread(VMCS_GUEST_CR3));
    }
}

/* Without the control, and without a TPR shadow, the guest's CR8 is the processor's. */
static void cr8_load(struct rig *rig)
{
    uint64_t cr8 = read_cr8();

    rig_set_gpr(rig, R12, cr8 ^ 5);
    if (want_instruction(rig, cr_exit(8, CR_WRITE, R12, 4))) {
        rig_want(rig, "CR8 after the exit", read_cr8(), cr8);
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_CR8_LOAD | PRIMARY_TPR_SHADOW, false) &&
        want_vmcall(rig)) {
        rig_want(rig, "CR8 after the load", read_cr8(), cr8 ^ 5);
        write_cr8(cr8);
    }
}

static void cr8_store(struct rig *rig)
{
    uint64_t cr8 = read_cr8();

    rig_set_gpr(rig, RDI, 0x5EED);
    if (want_instruction(rig, cr_exit(8, CR_READ, RDI, 4))) {
        rig_want(rig, "RDI after the exit", rig_gpr(rig, RDI), 0x5EED);
        (void)want_vmcall(rig);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_CR8_STORE | PRIMARY_TPR_SHADOW, false)) {
        write_cr8(cr8 ^ 5);
        if (want_vmcall(rig)) {
            rig_want(rig, "RDI after the store", rig_gpr(rig, RDI), cr8 ^ 5);
        }
        write_cr8(cr8);
    }
}

/* What the guest moves to each debug register, and into which register it comes back from it. */
static const struct {
    unsigned dr;
    enum gpr to, from;
    unsigned to_length, from_length;
    uint64_t value;
} moves[] = {
    {0, RAX, RSI, 3, 3, 0x1000}, {1, RCX, RDI, 3, 3, 0x2000},    {2, RDX, R8, 3, 4, 0x3000},
    {3, RBX, R13, 3, 4, 0x4000}, {6, R9, R14, 4, 4, 0xFFFF0FF0}, {7, R10, R15, 4, 4, DR7_FIXED},
};

static void set_up_moves(struct rig *rig)
{
    for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
        rig_set_gpr(rig, moves[i].to, moves[i].value);
        rig_set_gpr(rig, moves[i].from, 0x5EED);
    }
}

static void mov_dr(struct rig *rig)
{
    struct instruction_exit want = {.reason = EXIT_MOV_DR};

    set_up_moves(rig);
    for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
        want.length = moves[i].to_length;
        want.qualification = DR_QUALIFICATION(moves[i].dr, 0U, moves[i].to);
        (void)want_instruction(rig, want);
        want.length = moves[i].from_length;
        want.qualification = DR_QUALIFICATION(moves[i].dr, 1U, moves[i].from);
        (void)want_instruction(rig, want);
        rig_want(rig, "the register after the exit", rig_gpr(rig, moves[i].from), 0x5EED);
    }
    (void)want_vmcall(rig);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MOV_DR, false) && want_vmcall(rig)) {
        for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
            rig_want(rig, "what is moved to a debug register and back", rig_gpr(rig, moves[i].from),
                     moves[i].value);
        }
    }
}

/* This exit comes before #GP for the privilege level and before #UD for DR4 and DR5. SDM vol. 3C,
 * "Instructions That Cause VM Exits Conditionally". */
static void mov_dr_first(struct rig *rig)
{
    static const struct instruction_exit want[] = {
        {EXIT_MOV_DR, .length = 3, .qualification = DR_QUALIFICATION(4, 0U, (unsigned)RBX)},
        {EXIT_MOV_DR, .length = 3, .qualification = DR_QUALIFICATION(5, 1U, (unsigned)RBX)},
    };

    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | CR4_DE);
    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
    rig_go_user(rig, RIG_CODE.value);
    want_instructions(rig, want, ARRAY_SIZE(want));
    if (want_vmcall(rig) && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MOV_DR, false)) {
        (void)rig_expect_event(rig, VECTOR_UD);
    }
}

static const struct scenario scenarios[] = {
    {"primary.cr3_load", SCENARIO_CODE(cr3_load), .run = cr3_load,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_CR3_LOAD}}},
    {"primary.cr3_load.target", SCENARIO_CODE(cr3_load), .run = cr3_load_target,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_CR3_LOAD}}},
    {"primary.cr3_store", SCENARIO_CODE(cr3_store), .run = cr3_store,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_CR3_STORE}}},
    {"primary.cr8_load", SCENARIO_CODE(cr8_load), .run = cr8_load,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_CR8_LOAD}}},
    {"primary.cr8_store", SCENARIO_CODE(cr8_store), .run = cr8_store,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_CR8_STORE}}},
    {"primary.mov_dr", SCENARIO_CODE(mov_dr), .run = mov_dr,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MOV_DR}}},
    {"primary.mov_dr.first", SCENARIO_CODE(mov_dr_45), .run = mov_dr_first,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MOV_DR}}},
};

SCENARIO_SUITE(selftest_registers, scenarios);
