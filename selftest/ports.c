/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of I/O instructions and MSRs. SDM vol. 3C, "Instructions That Cause VM Exits
 * Conditionally", "I/O-Bitmap Addresses", "MSR-Bitmap Address", the table "Exit Qualification for
 * I/O Instructions". What is really executed does no harm: it reads, from port 80H, which is the
 * firmware's to say how far it has come, and from some that nothing answers.
 */
#include "kernel/string.h"
#include "selftest/instruction.h"
#include "vmx/msr_bitmap.h"

extern const char code_io[], code_io_end[];
extern const char code_io_string[], code_io_string_end[];
extern const char code_io_real[], code_io_real_end[];
extern const char code_io_bitmap[], code_io_bitmap_end[];
extern const char code_msr_bitmap[], code_msr_bitmap_end[];

#define IO_IN        BIT(3)
#define IO_STRING    BIT(4)
#define IO_REP       BIT(5)
#define IO_IMMEDIATE BIT(6)

#define QUALIFICATION(port, size, flags) ((uint64_t)(port) << 16 | (flags) | (-1 + (size)))
#define IO(port, size, flags, bytes)                                                               \
    (struct instruction_exit)                                                                      \
    {                                                                                              \
        EXIT_IO_INSTRUCTION, .length = (bytes), .qualification = QUALIFICATION(port, size, flags)  \
    }

/* Every I/O instruction exits, whatever stands in the bitmaps. */
static void without_bitmaps(struct rig *rig)
{
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_IO_BITMAP, false);
    memset(rig->vm.io_bitmap, 0, 2 * PAGE_SIZE);
}

static void io_unconditional(struct rig *rig)
{
    static const struct instruction_exit want[] = {
        IO(0x80, 1, IO_IN | IO_IMMEDIATE, 2),
        IO(0xEC, 2, IO_IN | IO_IMMEDIATE, 3),
        IO(0xEC, 4, IO_IN | IO_IMMEDIATE, 2),
        IO(0x80, 1, IO_IMMEDIATE, 2),
        IO(0xEC, 2, IO_IMMEDIATE, 3),
        IO(0xEC, 4, IO_IMMEDIATE, 2),
        IO(0x1234, 1, IO_IN, 1),
        IO(0x1234, 2, IO_IN, 2),
        IO(0x1234, 4, IO_IN, 1),
        IO(0x1234, 1, 0, 1),
        IO(0x1234, 2, 0, 2),
        IO(0x1234, 4, 0, 1),
        IO(0xFFFF, 1, 0, 1),
    };

    without_bitmaps(rig);
    rig_set_gpr(rig, RAX, 0x5EED);
    rig_set_gpr(rig, RDX, 0x1234);
    for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
        if (i == ARRAY_SIZE(want) - 1) {
            rig_set_gpr(rig, RDX, 0xFFFF);
        }
        if (want_instruction(rig, want[i])) {
            rig_want(rig, "RAX after the exit", rig_gpr(rig, RAX), 0x5EED);
        }
    }
    if (want_vmcall(rig) && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_IO_UNCONDITIONAL, false)) {
        (void)want_vmcall(rig); /* with IN from port 80H alone */
    }
}

/* INS and OUTS: also where the operand is, and in what segment OUTS finds it. */
static const struct {
    struct instruction_exit exit;
    enum address_size address;
    int segment; /* -1: undefined, as INS has no choice */
    uint64_t linear;
} strings[] = {
    {IO(0x80, 1, IO_IN | IO_STRING, 1), ADDRESS_64, -1, 0x120010},
    {IO(0x80, 2, IO_IN | IO_STRING, 2), ADDRESS_64, -1, 0x120010},
    {IO(0x80, 4, IO_IN | IO_STRING | IO_REP, 2), ADDRESS_64, -1, 0x120010},
    {IO(0x80, 1, IO_IN | IO_STRING | IO_REP, 3), ADDRESS_32, -1, 0x120010},
    {IO(0x80, 1, IO_STRING, 1), ADDRESS_64, SEGMENT_DS, 0x121020},
    {IO(0x80, 2, IO_STRING | IO_REP, 3), ADDRESS_64, SEGMENT_DS, 0x121020},
    {IO(0x80, 4, IO_STRING, 2), ADDRESS_64, SEGMENT_FS, 0x122020},
    {IO(0x80, 4, IO_STRING, 2), ADDRESS_32, SEGMENT_DS, 0x121020},
};

static void want_string(struct rig *rig, unsigned i)
{
    uint64_t information;

    if (!want_instruction(rig, strings[i].exit)) {
        return;
    }
    rig_want(rig, "guest-linear address", rig->exit->linear.value, strings[i].linear);
    rig_want(rig, "RCX after the exit", rig_gpr(rig, RCX), 3);
    rig_want(rig, "the low half of RDI after the exit", (uint32_t)rig_gpr(rig, RDI), 0x120010);
    if (!(rig->operation->capabilities.basic & VMX_BASIC_IO_INFO)) {
        return;
    }
    information = vmread(VMCS_EXIT_INSTRUCTION_INFO);
    rig_want(rig, "address size of the instruction information", FIELD_GET(BITS(9, 7), information),
             strings[i].address);
    if (strings[i].segment >= 0) {
        rig_want(rig, "segment of the instruction information",
                 FIELD_GET(BITS(17, 15), information), (unsigned)strings[i].segment);
    }
}

static void io_string(struct rig *rig)
{
    without_bitmaps(rig);
    vmwrite(VMCS_GUEST_FS_BASE, 0x1000);
    vmwrite(VMCS_GUEST_FS_AR, vmread(VMCS_GUEST_DS_AR));
    rig_set_gpr(rig, RDX, 0x80);
    rig_set_gpr(rig, RCX, 3);
    rig_set_gpr(rig, RSI, 0x121020);
    rig_set_gpr(rig, RDI, 0x120010);
    for (unsigned i = 0; i < ARRAY_SIZE(strings); i++) {
        want_string(rig, i);
    }
    (void)want_vmcall(rig);
}

static void set_port(const struct rig *rig, unsigned port, bool exits)
{
    uint8_t *byte = (uint8_t *)rig->vm.io_bitmap + port / 8;

    *byte = (uint8_t)(exits ? *byte | 1 << port % 8 : *byte & ~(1 << port % 8));
}

/* In the order of the guest's accesses: those that exit, between those that do not. */
static void io_bitmap(struct rig *rig)
{
    static const struct instruction_exit want[] = {
        IO(0xEE, 1, IO_IN | IO_IMMEDIATE, 2), /* after 80H and EDH */
        IO(0xED, 2, IO_IN | IO_IMMEDIATE, 3), /* EEH is its second byte */
        IO(0xEB, 4, IO_IN | IO_IMMEDIATE, 2), /* and here the last */
        IO(0x7FFF, 1, IO_IN, 1),              /* the last bit of bitmap A */
        IO(0x8000, 1, IO_IN, 1),              /* and the first of bitmap B */
        IO(0x7FFE, 2, IO_IN, 2),
        IO(0xFFFF, 2, IO_IN, 2), /* wraps, with no bit set */
        IO(0xFFFD, 4, IO_IN, 1),
        IO(0xEE, 1, IO_IMMEDIATE, 2), /* OUT, after one to 80H */
        IO(0x7FFF, 1, IO_STRING, 1),  /* and OUTS */
    };

    memset(rig->vm.io_bitmap, 0, 2 * PAGE_SIZE);
    set_port(rig, 0xEE, true);
    set_port(rig, 0x7FFF, true);
    set_port(rig, 0x8000, true);
    (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_IO_UNCONDITIONAL, true); /* is ignored */
    want_instructions(rig, want, ARRAY_SIZE(want));
    (void)want_vmcall(rig);
    set_port(rig, 0xEE, false);
    (void)want_instruction(rig, want[3]);
    (void)want_vmcall(rig);
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_IO_BITMAP, false)) {
        (void)want_instruction(rig, IO(0x80, 1, IO_IN | IO_IMMEDIATE, 2)); /* by the other one */
        (void)want_vmcall(rig);
        (void)rig_switch(rig, CONTROL_PRIMARY, PRIMARY_IO_UNCONDITIONAL, false);
        (void)want_vmcall(rig);
    }
}

#define TSS_IO_BASE   102
#define TSS_IO_BITMAP 104
#define TSS_LIMIT     (TSS_IO_BITMAP + 0x20)

/* At CPL 3, what the TSS does not allow is a fault; then comes the exit. */
static void io_user(struct rig *rig)
{
    uint8_t *tss = rig_memory(rig, RIG_TSS);

    *(uint16_t *)(tss + TSS_IO_BASE) = TSS_IO_BITMAP;
    vmwrite(VMCS_GUEST_TR_LIMIT, TSS_LIMIT);
    memset(rig->vm.io_bitmap, 0xFF, 2 * PAGE_SIZE);
    rig_go_user(rig, RIG_CODE.value);
    (void)want_instruction(rig, IO(0x80, 1, IO_IN | IO_IMMEDIATE, 2));
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    tss[TSS_IO_BITMAP + 0x80 / 8] = 1;
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the saved RIP", rig->event.rip, RIG_CODE.value);
    }
}

/* Addresses of 16 bits, in segments that do not begin at 0. */
static void io_real(struct rig *rig)
{
    static const uint64_t linear[] = {0x20020, 0x21020, 0x21010};
    const struct instruction_exit want[] = {
        IO(0x80, 1, IO_IN | IO_STRING, 1),
        IO(0x80, 2, IO_STRING | IO_REP, 2),
        IO(0x80, 1, IO_STRING, 2),
    };

    without_bitmaps(rig);
    rig_go_real(rig, 0);
    vmwrite(VMCS_GUEST_DS_SELECTOR, 0x2000);
    vmwrite(VMCS_GUEST_ES_SELECTOR, 0x1FFF);
    vmwrite(VMCS_GUEST_DS_BASE, 0x20000);
    vmwrite(VMCS_GUEST_ES_BASE, 0x1FFF0);
    rig_set_gpr(rig, RDX, 0x80);
    rig_set_gpr(rig, RCX, 3);
    rig_set_gpr(rig, RSI, 0x11020);
    rig_set_gpr(rig, RDI, 0x10030);
    for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
        if (want_instruction(rig, want[i])) {
            rig_want(rig, "guest-linear address", rig->exit->linear.value, linear[i]);
        }
        if (rig->operation->capabilities.basic & VMX_BASIC_IO_INFO) {
            rig_want(rig, "address size of the instruction information",
                     FIELD_GET(BITS(9, 7), vmread(VMCS_EXIT_INSTRUCTION_INFO)), ADDRESS_16);
        }
    }
}

/* RDMSR or WRMSR of RCX, as RSI says; with `exits` it must exit. */
static void want_msr(struct rig *rig, uint32_t msr, bool write, bool exits)
{
    rig_set_gpr(rig, RCX, msr);
    rig_set_gpr(rig, RSI, write);
    rig_set_gpr(rig, RAX, 0x10);
    rig_set_gpr(rig, RDX, 0);
    if (exits) {
        (void)want_instruction(
            rig, (struct instruction_exit){write ? EXIT_WRMSR : EXIT_RDMSR, .length = 2});
    }
    (void)want_vmcall(rig);
}

/* One bit, in one of the four bitmaps: that MSR passes, when it is accessed so. */
static void msr_bitmap(struct rig *rig)
{
    static const uint32_t msrs[] = {MSR_IA32_SYSENTER_CS, MSR_IA32_KERNEL_GS_BASE};
    /* The ends of both ranges, and what lies outside: few of them exist. */
    static const uint32_t edges[] = {0x1FFF,     0xC0001FFF, 0x2000,
                                     0x40000000, 0xBFFFFFFF, 0xC0002000};
    uint8_t *bitmap = rig->vm.msr_bitmap;

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned which = 0; which < 2; which++) {
            memset(bitmap, 0xFF, PAGE_SIZE);
            rig_pass_msr(rig, msrs[i], true);
            memset(bitmap + (which != 0 ? 0 : MSR_BITMAP_WRITES), 0xFF, PAGE_SIZE / 2);
            want_msr(rig, msrs[i], which == 0, true);
            want_msr(rig, msrs[i], which != 0, false);
            want_msr(rig, msrs[i ^ 1], which != 0, true);
        }
    }
    rig_want(rig, "IA32_SYSENTER_CS, which the guest has written", vmread(VMCS_GUEST_SYSENTER_CS),
             0x10);
    rig_want(rig, "IA32_KERNEL_GS_BASE, likewise", rdmsr(MSR_IA32_KERNEL_GS_BASE), 0x10);
    memset(bitmap, 0, PAGE_SIZE);
    rig_pass_msr(rig, edges[0], false);
    rig_pass_msr(rig, edges[1], false);
    for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
        want_msr(rig, edges[i], false, true);
        want_msr(rig, edges[i], true, true);
    }
    if (rig_switch(rig, CONTROL_PRIMARY, PRIMARY_MSR_BITMAP, false)) {
        want_msr(rig, msrs[0], false, true);
        want_msr(rig, msrs[1], true, true);
    }
}

static const struct scenario scenarios[] = {
    {"primary.io_unconditional", SCENARIO_CODE(io), .run = io_unconditional,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_IO_UNCONDITIONAL}}},
    {"primary.io_unconditional.string", SCENARIO_CODE(io_string), .run = io_string,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_IO_UNCONDITIONAL}}},
    {"primary.io_unconditional.real", SCENARIO_CODE(io_real), .run = io_real,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_IO_UNCONDITIONAL,
                [CONTROL_SECONDARY] = SECONDARY_UNRESTRICTED}}},
    {"primary.io_bitmap.user", SCENARIO_CODE(io), .run = io_user,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_IO_BITMAP}}},
    {"primary.io_bitmap", SCENARIO_CODE(io_bitmap), .run = io_bitmap,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_IO_BITMAP}}},
    {"primary.msr_bitmap", SCENARIO_CODE(msr_bitmap), .run = msr_bitmap,
     .needs = {{[CONTROL_PRIMARY] = PRIMARY_MSR_BITMAP}}},
};

SCENARIO_SUITE(selftest_ports, scenarios);
