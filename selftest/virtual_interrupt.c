/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of virtual interrupts. SDM vol. 3C, "Evaluation and Delivery of Virtual Interrupts",
 * "EOI Virtualization", "PPR Virtualization", "Self-IPI Virtualization". */
#include "selftest/virtual_apic.h"
#include "vmx/advance.h"

extern const char code_virtual_step[], code_virtual_step_end[];
extern const char code_virtual_sti[], code_virtual_sti_end[];
extern const char code_virtual_halt[], code_virtual_halt_end[];
extern const char code_virtual_cr8[], code_virtual_cr8_end[];
extern const char code_virtual_eoi[], code_virtual_eoi_end[];
extern const char code_virtual_self[], code_virtual_self_end[];

#define LOW  0x61
#define HIGH 0x83

/* Pending at the entry: before the first instruction, with no exit. With interrupts off: not. */
static void delivered(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    request_virtual_interrupt(page, LOW);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "instructions run with interrupts off", rig_gpr(rig, RBX), 1);
        want_interrupt_status(rig, LOW, 0);
    }
    unmask_guest(0);
    if (expect_virtual_interrupt(rig, page, LOW, 0)) {
        rig_want(rig, "instructions run before the interrupt", rig_gpr(rig, RBX), 1);
        rig_return(rig, rig->event.rip);
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* Without the control, what is requested in the virtual-APIC page is nobody's business: no
 * delivery, and an EOI is no more than an access to the APIC-access page. */
static void not_delivered(struct rig *rig)
{
    uint32_t *page;

    if (!rig_can_switch(rig, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT, true)) {
        rig_skip(rig, "secondary.virtual_interrupt (IA32_VMX_PROCBASED_CTLS2 bit 9)");
        return;
    }
    page = virtual_apic(rig);
    if (page == NULL || !rig_switch(rig, CONTROL_PRIMARY, PRIMARY_TPR_SHADOW, true) ||
        !rig_switch(rig, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT, false)) {
        return;
    }
    request_virtual_interrupt(page, LOW);
    unmask_guest(0);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "instructions run with interrupts on", rig_gpr(rig, RBX), 1);
        rig_want(rig, "the request, which stays", apic_has_vector(page, APIC_IRR, LOW), true);
    }
}

/* STI lets one more instruction run; an entry may block as STI and MOV SS do. */
static void shadow(struct rig *rig)
{
    static const uint64_t blocking[] = {INTERRUPTIBILITY_STI, INTERRUPTIBILITY_MOV_SS};
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    request_virtual_interrupt(page, LOW);
    if (expect_virtual_interrupt(rig, page, LOW, 0)) {
        rig_want(rig, "instructions run behind STI", rig_gpr(rig, RBX), 1);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(blocking) && !rig->failed; i++) {
        *apic_register(page, APIC_ISR + LOW / 32 * 0x10) = 0;
        vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0);
        request_virtual_interrupt(page, LOW);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value + 1); /* behind STI */
        unmask_guest(blocking[i]);
        rig_set_gpr(rig, RBX, 0);
        if (expect_virtual_interrupt(rig, page, LOW, 0)) {
            rig_want(rig, "instructions run while an entry blocks", rig_gpr(rig, RBX), 1);
        }
    }
}

/* HLT ends when a virtual interrupt can be delivered. */
static void halt(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    if (!rig_switch(rig, CONTROL_PRIMARY, PRIMARY_HLT, false)) {
        rig_skip(rig, "primary.hlt that may be 0");
    }
    request_virtual_interrupt(page, LOW);
    if (expect_virtual_interrupt(rig, page, LOW, 0)) {
        rig_want(rig, "the address behind HLT", rig->event.rip, rig_gpr(rig, RSI));
        rig_want(rig, "the activity state", vmread(VMCS_GUEST_ACTIVITY), 0);
    }
}

/* VTPR's class holds it back, and lowering CR8 lets it come behind that instruction. */
static void by_tpr(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    *apic_register(page, APIC_TPR) = 0x61; /* the class counts, not the vector */
    request_virtual_interrupt(page, LOW | 0x0E);
    unmask_guest(0);
    rig_set_gpr(rig, RDX, 5);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "VPPR", *apic_register(page, APIC_PPR), 0x61);
        want_interrupt_status(rig, LOW | 0x0E, 0);
    }
    if (expect_virtual_interrupt(rig, page, LOW | 0x0E, 0)) {
        rig_want(rig, "the address behind MOV to CR8", rig->event.rip, rig_gpr(rig, RSI));
    }
}

/* Of two, the higher one comes; the other after its EOI, which the EOI-exit bitmap lets pass. */
static void eoi(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    apic_access_page(rig, RIG_PAGE_A);
    vmwrite(VMCS_EOI_EXIT_BITMAP_1, BIT(LOW % 64));
    request_virtual_interrupt(page, LOW);
    request_virtual_interrupt(page, HIGH);
    unmask_guest(0);
    if (!expect_virtual_interrupt(rig, page, HIGH, LOW)) {
        return;
    }
    rig_return(rig, rig->event.rip);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) { /* held back by the one in service */
        want_interrupt_status(rig, LOW, HIGH);
    }
    if (expect_virtual_interrupt(rig, page, LOW, 0)) {
        rig_want(rig, "the address behind the first EOI", rig->event.rip, rig_gpr(rig, RSI));
        rig_want(rig, "VISR of the first", apic_has_vector(page, APIC_ISR, HIGH), false);
        rig_return(rig, rig->event.rip);
    }
    if (rig_expect(rig, EXIT_VIRTUALIZED_EOI)) {
        rig_want(rig, "the qualification", rig->exit->qualification, LOW);
        rig_want(rig, "the address behind the second EOI", rig->exit->rip, rig_gpr(rig, RDI));
        want_interrupt_status(rig, 0, 0);
        rig_want(rig, "VISR of the second", apic_has_vector(page, APIC_ISR, LOW), false);
        rig_want(rig, "VPPR", *apic_register(page, APIC_PPR), 0);
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

/* ICR, written as an interrupt to itself: requested, and delivered behind the write. */
static void self_ipi(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    apic_access_page(rig, RIG_PAGE_A);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) { /* with interrupts off */
        want_interrupt_status(rig, LOW, 0);
        rig_want(rig, "VIRR of the vector", apic_has_vector(page, APIC_IRR, LOW), true);
        rig_want(rig, "VICR", *apic_register(page, APIC_ICR_LOW), APIC_ICR_SELF | LOW);
        vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0);
        *apic_register(page, APIC_IRR + LOW / 32 * 0x10) = 0;
    }
    unmask_guest(0);
    if (expect_virtual_interrupt(rig, page, HIGH, 0)) {
        rig_want(rig, "the address behind the write", rig->event.rip, rig_gpr(rig, RSI));
        rig_return(rig, rig->event.rip);
    }
    if (rig_expect(rig, EXIT_APIC_WRITE)) { /* vector 0FH: not to be virtualized */
        rig_want(rig, "the qualification", rig->exit->qualification, APIC_ICR_LOW);
        rig_want(rig, "the address of the exit", rig->exit->rip, rig_gpr(rig, RDI));
    }
}

/* Interrupt-window exiting comes first, and nothing is recognized while it is on. */
static void window(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    request_virtual_interrupt(page, LOW);
    if (rig_expect(rig, EXIT_INTERRUPT_WINDOW)) {
        rig_want(rig, "instructions run behind STI", rig_gpr(rig, RBX), 1);
        want_interrupt_status(rig, LOW, 0);
        rig_want(rig, "VIRR of the vector", apic_has_vector(page, APIC_IRR, LOW), true);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, false) &&
        expect_virtual_interrupt(rig, page, LOW, 0)) {
        rig_want(rig, "instructions run before the interrupt", rig_gpr(rig, RBX), 1);
    }
}

static const struct scenario scenarios[] = {
    {"secondary.virtual_interrupt", SCENARIO_CODE(virtual_step), .run = delivered,
     .needs = {{NEEDS_DELIVERY(0)}}},
    {"secondary.virtual_interrupt.off", SCENARIO_CODE(virtual_step), .run = not_delivered},
    {"secondary.virtual_interrupt.shadow", SCENARIO_CODE(virtual_sti), .run = shadow,
     .needs = {{NEEDS_DELIVERY(0)}}},
    {"secondary.virtual_interrupt.halt", SCENARIO_CODE(virtual_halt), .run = halt,
     .needs = {{NEEDS_DELIVERY(0)}},
     .known_wrong = {"bochs-3.0", "a virtual interrupt does not end HLT"}},
    {"secondary.virtual_interrupt.tpr", SCENARIO_CODE(virtual_cr8), .run = by_tpr,
     .needs = {{NEEDS_DELIVERY(0)}}},
    {"secondary.virtual_interrupt.eoi", SCENARIO_CODE(virtual_eoi), .run = eoi,
     .needs = {{NEEDS_DELIVERY(SECONDARY_APIC_ACCESS)}}},
    {"secondary.virtual_interrupt.self_ipi", SCENARIO_CODE(virtual_self), .run = self_ipi,
     .needs = {{NEEDS_DELIVERY(SECONDARY_APIC_ACCESS)}}},
    {"secondary.virtual_interrupt.window", SCENARIO_CODE(virtual_sti), .run = window,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT,
                [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW | PRIMARY_INTERRUPT_WINDOW,
                [CONTROL_SECONDARY] = SECONDARY_VIRTUAL_INTERRUPT}}},
};

SCENARIO_SUITE(selftest_virtual_interrupt, scenarios);
