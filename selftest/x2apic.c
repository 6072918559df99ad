/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the registers of the virtual APIC as MSRs. SDM vol. 3C, "Virtualizing MSR-Based APIC
 * Accesses". All of it holds whatever mode the processor's own local APIC is in. */
#include "selftest/virtual_apic.h"

extern const char code_x2apic[], code_x2apic_end[];

/* In the guest's code, by its bytes. */
#define CODE_WRITE  5
#define CODE_BEHIND 7

#define MSR_OF(offset) (0x800 + ((offset) >> 4))

/* Both halves of a register of the page: RDMSR reads 8 bytes. */
static uint64_t wide_register(uint32_t *page, uint32_t offset)
{
    return (uint64_t)apic_register(page, offset)[1] << 32 | *apic_register(page, offset);
}

static uint32_t *prepare(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    allow_x2apic(rig);
    rig_set_gpr(rig, RDX, 0);
    return page;
}

/* RDMSR, which must end without an exit and without an exception. */
static void want_read(struct rig *rig, uint32_t offset, uint64_t want)
{
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    rig_set_gpr(rig, RCX, MSR_OF(offset));
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what RDMSR gives",
                 rig_gpr(rig, RDX) << 32 | (rig_gpr(rig, RAX) & UINT32_MAX), want);
    }
}

static void start_write(struct rig *rig, uint32_t offset, uint64_t value)
{
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value + CODE_WRITE);
    rig_set_gpr(rig, RCX, MSR_OF(offset));
    rig_set_gpr(rig, RAX, value & UINT32_MAX);
    rig_set_gpr(rig, RDX, value >> 32);
}

static void want_written(struct rig *rig, uint32_t offset, uint64_t value)
{
    start_write(rig, offset, value);
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* #GP(0), and the register stays. */
static void want_refused(struct rig *rig, uint32_t *page, uint32_t offset, uint64_t value)
{
    uint64_t before = wide_register(page, offset);

    start_write(rig, offset, value);
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the error code", rig->event.error_code, 0);
        rig_want(rig, "the refused register", wide_register(page, offset), before);
    }
}

/* A register that is not virtualized: the processor's own, or none of it in xAPIC mode. Where there
 * is no x2APIC mode, the MSR is one that does not exist, which emulators may be told to let pass.
 */
static void want_real(struct rig *rig, uint32_t offset, uint64_t value)
{
    if (rig->failed || !(cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC)) {
        return;
    }
    if (rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_X2APIC) {
        want_read(rig, offset, value);
        return;
    }
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    rig_set_gpr(rig, RCX, MSR_OF(offset));
    (void)rig_expect_event(rig, VECTOR_GP);
}

static void tpr(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_ID) = 0x1DBAD;
    *apic_register(page, APIC_TPR) = 0x73;
    want_read(rig, APIC_TPR, 0x73);
    want_written(rig, APIC_TPR, 0x41);
    rig_want(rig, "VTPR", wide_register(page, APIC_TPR), 0x41);
    want_real(rig, APIC_ID, local_apic_id());
    if (!rig->failed && rig_switch(rig, CONTROL_SECONDARY, SECONDARY_X2APIC, false)) {
        want_real(rig, APIC_TPR, read_cr8() << 4);
    }
}

/* Every MSR of the range is read from the page, those too that are no register. */
static void registers(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    for (uint32_t i = 0; page != NULL && i < PAGE_SIZE / 0x10; i++) {
        *apic_register(page, i * 0x10) = 0x5EED0000 | i;
    }
    for (uint32_t i = 0; page != NULL && i < PAGE_SIZE / 0x10; i++) {
        want_read(rig, i * 0x10, 0x5EED0000 | i);
    }
}

/* RDMSR reads 8 bytes of the page, not 4. */
static void wide(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page != NULL) {
        apic_register(page, APIC_ICR_LOW)[1] = 0x11223344;
        want_read(rig, APIC_ICR_LOW, UINT64_C(0x1122334400000000));
    }
}

/* EOI and self-IPI; what a self-IPI's vector is too low for, the hypervisor does. */
static void delivery(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page == NULL) {
        return;
    }
    apic_set_vector(page, APIC_ISR, 0x61);
    apic_set_vector(page, APIC_ISR, 0x42);
    vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0x6100);
    want_written(rig, APIC_EOI, 0);
    want_interrupt_status(rig, 0, 0x42);
    rig_want(rig, "VISR of 61H", apic_has_vector(page, APIC_ISR, 0x61), false);
    want_written(rig, APIC_SELF_IPI, 0x75);
    want_interrupt_status(rig, 0x75, 0x42);
    rig_want(rig, "VIRR of 75H", apic_has_vector(page, APIC_IRR, 0x75), true);
    start_write(rig, APIC_SELF_IPI, 0x0F);
    if (rig_expect(rig, EXIT_APIC_WRITE)) {
        rig_want(rig, "the qualification", rig->exit->qualification, APIC_SELF_IPI);
        rig_want(rig, "the address behind WRMSR", rig->exit->rip, RIG_CODE.value + CODE_BEHIND);
        rig_want(rig, "the register of self-IPIs", *apic_register(page, APIC_SELF_IPI), 0x0F);
    }
}

static void reserved(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0x20;
    want_read(rig, APIC_TPR, 0x20);
    want_refused(rig, page, APIC_TPR, 0x100);
    want_refused(rig, page, APIC_TPR, BIT(32));
}

static void reserved_delivery(struct rig *rig)
{
    uint32_t *page = prepare(rig);

    if (page == NULL) {
        return;
    }
    want_read(rig, APIC_TPR, 0);
    want_refused(rig, page, APIC_EOI, 1);
    want_refused(rig, page, APIC_EOI, BIT(63));
    want_refused(rig, page, APIC_SELF_IPI, 0x175);
    want_refused(rig, page, APIC_SELF_IPI, BIT(32) | 0x75);
    want_interrupt_status(rig, 0, 0);
}

#define NEEDS_X2APIC(secondary)                                                                    \
    [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW, [CONTROL_SECONDARY] = SECONDARY_X2APIC | (secondary)

static const struct scenario scenarios[] = {
    {"secondary.x2apic", SCENARIO_CODE(x2apic), .run = tpr, .needs = {{NEEDS_X2APIC(0)}}},
    {"secondary.x2apic.reserved", SCENARIO_CODE(x2apic), .run = reserved,
     .needs = {{NEEDS_X2APIC(0)}}},
    {"secondary.x2apic.apic_register", SCENARIO_CODE(x2apic), .run = registers,
     .needs = {{NEEDS_X2APIC(SECONDARY_APIC_REGISTER)}}},
    {"secondary.x2apic.apic_register.wide", SCENARIO_CODE(x2apic), .run = wide,
     .needs = {{NEEDS_X2APIC(SECONDARY_APIC_REGISTER)}}},
    {"secondary.x2apic.virtual_interrupt", SCENARIO_CODE(x2apic), .run = delivery,
     .needs = {{NEEDS_DELIVERY(SECONDARY_X2APIC)}}},
    {"secondary.x2apic.virtual_interrupt.reserved", SCENARIO_CODE(x2apic), .run = reserved_delivery,
     .needs = {{NEEDS_DELIVERY(SECONDARY_X2APIC)}}},
};

SCENARIO_SUITE(selftest_x2apic, scenarios);
