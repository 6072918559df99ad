/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the registers of the virtual APIC in memory. SDM vol. 3C, "Virtualizing Reads from
 * the APIC-Access Page", "Determining Whether a Write Access is Virtualized", "APIC-Write
 * Emulation". */
#include "selftest/virtual_apic.h"

extern const char code_apic_reads[], code_apic_reads_end[];
extern const char code_apic_writes[], code_apic_writes_end[];
extern const char code_apic_delivery_reads[], code_apic_delivery_reads_end[];
extern const char code_apic_delivery_writes[], code_apic_delivery_writes_end[];

#define APIC_STRIDE UINT32_C(0x10) /* bytes from one register to the next */
#define APIC_END    UINT32_C(0x400)

/* A bit for each register, by its offset over 10H. */
static const uint64_t readable = BIT(0x02) | BIT(0x03) | BIT(0x08) | BIT(0x0B) | BITS(0x0F, 0x0D) |
                                 BITS(0x27, 0x10) | BIT(0x28) | BIT(0x30) | BIT(0x31) |
                                 BITS(0x37, 0x32) | BIT(0x38) | BIT(0x3E);
static const uint64_t writable = BIT(0x02) | BIT(0x08) | BIT(0x0B) | BITS(0x0F, 0x0D) | BIT(0x28) |
                                 BIT(0x30) | BIT(0x31) | BITS(0x37, 0x32) | BIT(0x38) | BIT(0x3E);

static bool is_in(uint64_t registers, uint32_t offset)
{
    return registers & BIT(offset / APIC_STRIDE);
}

static uint32_t content(uint32_t offset)
{
    return 0x5EED0000 | offset;
}

static uint32_t *prepare(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page != NULL) {
        apic_access_page(rig, RIG_PAGE_A);
        for (uint32_t at = 0; at < APIC_END; at += APIC_STRIDE) {
            *apic_register(page, at) = content(at);
        }
    }
    return page;
}

/* The guest reads register for register, and one more at each turn. */
static void reads(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    for (uint32_t at = 0; page != NULL && at < APIC_END; at += APIC_STRIDE) {
        rig_set_gpr(rig, RBX, at);
        rig_set_gpr(rig, RAX, 0);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        if (is_in(readable, at) ? !rig_expect(rig, EXIT_VMCALL)
                                : !expect_apic_access(rig, APIC_ACCESS_READ | at)) {
            break;
        }
        rig_want(rig, "what is read", rig_gpr(rig, RAX),
                 is_in(readable, at) ? content(at) : UINT64_C(0));
    }
    if (page != NULL && !rig->failed &&
        rig_switch(rig, CONTROL_SECONDARY, SECONDARY_APIC_REGISTER, false)) {
        rig_set_gpr(rig, RBX, APIC_ID);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        (void)expect_apic_access(rig, APIC_ACCESS_READ | APIC_ID);
    }
}

/* Behind the write, the rest is left to the hypervisor; TPR and the upper half of ICR need none. */
static bool expect_written(struct rig *rig, uint32_t offset)
{
    if (offset == APIC_TPR || offset == APIC_ICR_HIGH) {
        return rig_expect(rig, EXIT_VMCALL);
    }
    if (!rig_expect(rig, EXIT_APIC_WRITE)) {
        return false;
    }
    rig_want(rig, "the qualification", rig->exit->qualification, offset);
    rig_want(rig, "the address behind the write", rig->exit->rip, rig_gpr(rig, RSI));
    return !rig->failed;
}

static uint32_t as_written(uint32_t offset)
{
    return offset == APIC_TPR ? 0xB1 : offset == APIC_ICR_HIGH ? 0xF0000000 : 0xF00000B1;
}

static void writes(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    rig_set_gpr(rig, RAX, 0xF00000B1);
    for (uint32_t at = 0; page != NULL && at < APIC_END; at += APIC_STRIDE) {
        bool is = is_in(writable, at);

        rig_set_gpr(rig, RBX, at);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        if (is ? !expect_written(rig, at) : !expect_apic_access(rig, APIC_ACCESS_WRITE | at)) {
            break;
        }
        rig_want(rig, "what is written", *apic_register(page, at),
                 is ? as_written(at) : content(at));
    }
}

/* Virtual-interrupt delivery alone lets these be read, as it lets them be written. */
static void delivery_reads(struct rig *rig)
{
    if (prepare(rig) != NULL && rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read at B0H", rig_gpr(rig, RAX), content(APIC_EOI));
        rig_want(rig, "what is read at 300H", rig_gpr(rig, RBX), content(APIC_ICR_LOW));
    }
}

/* Without APIC-register virtualization: EOI is virtualized without an exit, an ICR that sends to
 * others exits behind the write, and all else but TPR exits before it. */
static void delivery_writes(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page == NULL || !rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "VEOI", *apic_register(page, APIC_EOI), 0);
    if (rig_expect(rig, EXIT_APIC_WRITE)) {
        rig_want(rig, "the qualification", rig->exit->qualification, APIC_ICR_LOW);
        rig_want(rig, "the address behind the write", rig->exit->rip, rig_gpr(rig, RSI));
        rig_want(rig, "VICR", *apic_register(page, APIC_ICR_LOW), 0x000C0061);
    }
    if (expect_apic_access(rig, APIC_ACCESS_WRITE | APIC_ICR_HIGH)) {
        rig_want(rig, "VICR, its upper half", *apic_register(page, APIC_ICR_HIGH),
                 content(APIC_ICR_HIGH));
    }
}

#define NEEDS_REGISTER                                                                             \
    [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW, [CONTROL_SECONDARY] =                                  \
                                                SECONDARY_APIC_ACCESS | SECONDARY_APIC_REGISTER

static const struct scenario scenarios[] = {
    {"secondary.apic_register", SCENARIO_CODE(apic_reads), .run = reads,
     .needs = {{NEEDS_REGISTER}}},
    {"secondary.apic_register.write", SCENARIO_CODE(apic_writes), .run = writes,
     .needs = {{NEEDS_REGISTER}}},
    {"secondary.virtual_interrupt.read", SCENARIO_CODE(apic_delivery_reads), .run = delivery_reads,
     .needs = {{NEEDS_DELIVERY(SECONDARY_APIC_ACCESS)}},
     .known_wrong = {"bochs-3.0",
                     "reads of 0B0H and 300H exit without APIC-register virtualization"}},
    {"secondary.virtual_interrupt.write", SCENARIO_CODE(apic_delivery_writes),
     .run = delivery_writes, .needs = {{NEEDS_DELIVERY(SECONDARY_APIC_ACCESS)}}},
};

SCENARIO_SUITE(selftest_apic_register, scenarios);
