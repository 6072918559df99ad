/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of exits while an event is being delivered, and of delivering it again. SDM vol. 3C,
 * "Information for VM Exits During Event Delivery". */
#include "ept/violation.h"
#include "selftest/event.h"
#include "vmx/inject.h"

extern const char code_event_vmcall[], code_event_vmcall_end[];
extern const char code_vectoring_gp[], code_vectoring_gp_end[];
extern const char code_vectoring_pf[], code_vectoring_pf_end[];
extern const char code_vectoring_int[], code_vectoring_int_end[];
extern const char code_vectoring_int3[], code_vectoring_int3_end[];
extern const char code_vectoring_int1[], code_vectoring_int1_end[];
extern const char code_vectoring_ud2[], code_vectoring_ud2_end[];

#define FAULT_AT (RIG_CODE.value + 5) /* of vectoring_gp and vectoring_pf */
#define GATE     UINT64_C(16)         /* bytes */

struct delivery {
    uint32_t event, error_code;
    uint32_t length; /* of the instruction of a software event */
    uint64_t rip;    /* where the guest was */
    bool fault;      /* it pushes RFLAGS with RF = 1 */
};

/* What an exit during the delivery of the event tells, whatever it is that failed. */
static void want_delivery(struct rig *rig, const struct delivery *delivery)
{
    event_want_vectoring(rig, delivery->event, delivery->error_code);
    if (delivery->length != 0) {
        rig_want(rig, "instruction length", vmread(VMCS_EXIT_INSTRUCTION_LENGTH), delivery->length);
    }
    rig_want(rig, "RIP", rig->exit->rip, delivery->rip);
    if (delivery->fault) {
        rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_RF, RFLAGS_RF);
    }
    rig_want(rig, "valid bit of the interruption information",
             vmread(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VALID, 0);
}

/* The event again: it comes as it would have come the first time. */
static void deliver_again(struct rig *rig, const struct delivery *delivery)
{
    if (rig->failed) {
        return;
    }
    reinject_vectored_event(rig->vcpu);
    if (event_expect_given(rig, delivery->event, delivery->error_code,
                           delivery->rip + delivery->length) &&
        delivery->fault) {
        rig_want_bits(rig, "RFLAGS on the stack", rig->event.rflags, RFLAGS_RF, RFLAGS_RF);
    }
}

/* The delivery finds no IDT: an EPT violation. */
static bool expect_no_gate(struct rig *rig, const struct delivery *delivery)
{
    gpa_t idt = GPA(vmread(VMCS_GUEST_IDTR_BASE));
    uint64_t gate = idt.value + FIELD_GET(INTERRUPTION_VECTOR, delivery->event) * GATE;
    uint64_t rsp = vmread(VMCS_GUEST_RSP);

    event_hide_page(rig, idt);
    if (!rig_expect(rig, EXIT_EPT_VIOLATION)) {
        return false;
    }
    rig_want(rig, "guest-physical address", rig->exit->physical.value & ~(GATE - 1), gate);
    rig_want(rig, "guest-linear address", rig->exit->linear.value & ~(GATE - 1), gate);
    rig_want(rig, "qualification",
             rig->exit->qualification &
                 (BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION),
             EPT_VIOLATION_READ | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION);
    rig_want(rig, "RSP", vmread(VMCS_GUEST_RSP), rsp);
    want_delivery(rig, delivery);
    rig_protect(rig, idt, EPT_RWX);
    return !rig->failed;
}

static void interrupt_delivery(struct rig *rig, const struct delivery *delivery)
{
    if (expect_no_gate(rig, delivery)) {
        deliver_again(rig, delivery);
    }
}

static void external(struct rig *rig)
{
    const struct delivery delivery = {.event = event_of(INTERRUPTION_EXTERNAL, 0xE5),
                                      .rip = RIG_CODE.value};

    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_IF);
    event_inject(delivery.event, 0, 0);
    interrupt_delivery(rig, &delivery);
}

/* What would have been pushed is saved: RF = 1 of faults, and of nothing else. SDM vol. 3C, "Saving
 * RIP, RSP, RFLAGS, and SSP". */
static void resume_flag(struct rig *rig)
{
    event_hide_page(rig, GPA(vmread(VMCS_GUEST_IDTR_BASE)));
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want_bits(rig, "RFLAGS", vmread(VMCS_GUEST_RFLAGS), RFLAGS_RF, 0);
    }
}

/* There is a gate, but no stack. */
static void stack(struct rig *rig)
{
    const struct delivery delivery = {.event = event_of(INTERRUPTION_EXTERNAL, 0xE5),
                                      .rip = RIG_CODE.value};

    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_IF);
    rig_set_gpr(rig, RSP, RIG_PAGE_C.value + 0x800);
    event_hide_page(rig, RIG_PAGE_C);
    event_inject(delivery.event, 0, 0);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value & ~(PAGE_SIZE - 1),
                 RIG_PAGE_C.value);
        rig_want_bits(rig, "qualification", rig->exit->qualification, EPT_VIOLATION_WRITE,
                      EPT_VIOLATION_WRITE);
        rig_want(rig, "RSP", vmread(VMCS_GUEST_RSP), RIG_PAGE_C.value + 0x800);
        want_delivery(rig, &delivery);
    }
    rig_protect(rig, RIG_PAGE_C, EPT_RWX);
    deliver_again(rig, &delivery);
}

/* The virtual NMI that is on its way blocks others already: to deliver it again, that must be
 * undone. SDM vol. 3C, "Resuming Guest Software After Handling an Exception". */
static void nmi(struct rig *rig)
{
    const struct delivery delivery = {.event = event_of(INTERRUPTION_NMI, VECTOR_NMI),
                                      .rip = RIG_CODE.value};

    if (!event_switch_on(rig, CONTROL_PIN, PIN_VIRTUAL_NMI)) {
        return;
    }
    event_inject(delivery.event, 0, 0);
    if (expect_no_gate(rig, &delivery)) {
        rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY),
                 INTERRUPTIBILITY_NMI);
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
        deliver_again(rig, &delivery);
    }
}

static void hardware_exception(struct rig *rig)
{
    interrupt_delivery(
        rig,
        &(struct delivery){.event = event_fault(VECTOR_UD), .rip = RIG_CODE.value, .fault = true});
}

static void error_code(struct rig *rig)
{
    interrupt_delivery(rig, &(struct delivery){.event = event_fault_code(VECTOR_GP),
                                               .error_code = EVENT_BAD_SELECTOR,
                                               .rip = FAULT_AT,
                                               .fault = true});
}

/* CR2 has been written by then. */
static void page_fault(struct rig *rig)
{
    event_remove_page(rig);
    write_cr2(0);
    interrupt_delivery(rig, &(struct delivery){.event = event_fault_code(VECTOR_PF),
                                               .error_code = 2, /* a write */
                                               .rip = FAULT_AT,
                                               .fault = true});
    rig_want(rig, "CR2", read_cr2(), EVENT_NOT_PRESENT);
}

static void software_interrupt(struct rig *rig)
{
    interrupt_delivery(rig,
                       &(struct delivery){.event = event_of(INTERRUPTION_SOFTWARE_INTERRUPT, 0x81),
                                          .length = 2,
                                          .rip = RIG_CODE.value});
}

static void software_exception(struct rig *rig)
{
    interrupt_delivery(
        rig, &(struct delivery){.event = event_of(INTERRUPTION_SOFTWARE_EXCEPTION, VECTOR_BP),
                                .length = 1,
                                .rip = RIG_CODE.value});
}

static void privileged_software_exception(struct rig *rig)
{
    interrupt_delivery(
        rig, &(struct delivery){.event = event_of(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB),
                                .length = 1,
                                .rip = RIG_CODE.value});
}

/* #PF, which exits, while #GP is being delivered by an IDT that is not present. */
static void nested(struct rig *rig)
{
    const struct delivery delivery = {.event = event_fault_code(VECTOR_GP),
                                      .error_code = EVENT_BAD_SELECTOR,
                                      .rip = FAULT_AT,
                                      .fault = true};
    uint64_t idt = vmread(VMCS_GUEST_IDTR_BASE);

    event_remove_page(rig);
    event_intercept(BIT(VECTOR_PF));
    vmwrite(VMCS_GUEST_IDTR_BASE, EVENT_NOT_PRESENT);
    if (!event_expect_exit(rig, event_fault_code(VECTOR_PF), 0, FAULT_AT)) {
        return;
    }
    rig_want(rig, "qualification", rig->exit->qualification & ~(GATE - 1),
             EVENT_NOT_PRESENT + VECTOR_GP * GATE);
    event_want_vectoring(rig, delivery.event, delivery.error_code);
    vmwrite(VMCS_GUEST_IDTR_BASE, idt);
    deliver_again(rig, &delivery);
}

static const struct scenario scenarios[] = {
    {"vectoring.external", SCENARIO_CODE(event_vmcall), .run = external},
    {"vectoring.stack", SCENARIO_CODE(event_vmcall), .run = stack},
    {"vectoring.nmi", SCENARIO_CODE(event_vmcall), .run = nmi},
    {"vectoring.hardware_exception", SCENARIO_CODE(vectoring_ud2), .run = hardware_exception},
    {"vectoring.hardware_exception.error_code", SCENARIO_CODE(vectoring_gp), .run = error_code},
    {"vectoring.hardware_exception.page_fault", SCENARIO_CODE(vectoring_pf), .run = page_fault},
    {"vectoring.software_interrupt", SCENARIO_CODE(vectoring_int), .run = software_interrupt},
    {"vectoring.software_exception", SCENARIO_CODE(vectoring_int3), .run = software_exception},
    {"vectoring.privileged_software_exception", SCENARIO_CODE(vectoring_int1),
     .run = privileged_software_exception},
    {"vectoring.resume_flag", SCENARIO_CODE(vectoring_int), .run = resume_flag,
     .known_wrong = {"bochs-3.0", "RFLAGS.RF is 1 whatever was being delivered"}},
    {"vectoring.nested_exception", SCENARIO_CODE(vectoring_gp), .run = nested},
};

SCENARIO_SUITE(selftest_vectoring, scenarios);
