/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of posted interrupts and of IPIs that are posted. SDM vol. 3C, "Posted-Interrupt
 * Processing", "IPI Virtualization". */
#include "kernel/image.h"
#include "selftest/virtual_apic.h"
#include "vmx/advance.h"

extern const char code_posted_nop[], code_posted_nop_end[];
extern const char code_posted_cli[], code_posted_cli_end[];
extern const char code_posted_send[], code_posted_send_end[];
extern const char code_posted_ipi[], code_posted_ipi_end[];

#define NOTIFICATION 0xF2
#define POSTED       0x61
#define LOWER        0x45
#define OTHER        LOCAL_VECTOR

/* The descriptor, as the table in "Posted-Interrupt Processing" has it. */
#define POSTED_OUTSTANDING BIT(0)
#define POSTED_SUPPRESSED  BIT(1)
#define POSTED_VECTOR      BITS(23, 16)

struct posted_descriptor {
    uint32_t requests[8];
    uint32_t control; /* POSTED_* */
    uint32_t destination;
    uint32_t unused[6];
};

struct posted {
    void *page;
    struct posted_descriptor *descriptor;
    uint32_t spurious;
};

static bool begin(struct rig *rig, struct posted *posted)
{
    posted->page = virtual_apic(rig);
    posted->descriptor = rig_host_page(rig);
    return posted->page != NULL && posted->descriptor != NULL &&
           local_interrupts_begin(rig, &posted->spurious);
}

static bool begin_posting(struct rig *rig, struct posted *posted)
{
    if (!begin(rig, posted)) {
        return false;
    }
    vmwrite(VMCS_POSTED_INTERRUPT_VECTOR, NOTIFICATION);
    vmwrite(VMCS_POSTED_INTERRUPT_DESCRIPTOR, hpa_of(posted->descriptor).value);
    return true;
}

/* What another processor does: the request, and that a notification is under way. */
static void post(struct posted *posted, unsigned vector)
{
    posted->descriptor->requests[vector / 32] |= UINT32_C(1) << vector % 32;
    posted->descriptor->control |= POSTED_OUTSTANDING;
}

/* Nothing is left in the descriptor, and the notification has been ended. */
static void want_processed(struct rig *rig, const struct posted *posted)
{
    uint32_t any = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(posted->descriptor->requests); i++) {
        any |= posted->descriptor->requests[i];
    }
    rig_want(rig, "requests left in the descriptor", any, 0);
    rig_want(rig, "the outstanding notification", posted->descriptor->control, 0);
    rig_want(rig, "whether the notification still waits", local_apic_is_requested(NOTIFICATION),
             false);
    rig_want(rig, "whether it is in service", local_apic_is_in_service(NOTIFICATION), false);
}

/* Delivered with no exit; the next, of lower priority than the one in service, is only requested.
 */
static void processed(struct rig *rig)
{
    struct posted posted;

    if (!begin_posting(rig, &posted)) {
        return;
    }
    post(&posted, POSTED);
    local_interrupt(rig, NOTIFICATION);
    unmask_guest(0);
    if (expect_virtual_interrupt(rig, posted.page, POSTED, 0)) {
        want_processed(rig, &posted);
        post(&posted, LOWER);
        local_interrupt(rig, NOTIFICATION);
        rig_return(rig, rig->event.rip);
        unmask_guest(0);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        want_interrupt_status(rig, LOWER, POSTED);
        rig_want(rig, "VIRR of the lower one", apic_has_vector(posted.page, APIC_IRR, LOWER), true);
        want_processed(rig, &posted);
    }
    local_interrupts_end(posted.spurious);
}

/* With the guest's interrupts off, the descriptor is processed all the same. */
static void masked(struct rig *rig)
{
    struct posted posted;

    if (!begin_posting(rig, &posted)) {
        return;
    }
    post(&posted, POSTED);
    local_interrupt(rig, NOTIFICATION);
    unmask_guest(INTERRUPTIBILITY_STI); /* lets CLI run */
    if (rig_expect(rig, EXIT_VMCALL)) {
        want_interrupt_status(rig, POSTED, 0);
        rig_want(rig, "VIRR of the vector", apic_has_vector(posted.page, APIC_IRR, POSTED), true);
        want_processed(rig, &posted);
    }
    local_interrupts_end(posted.spurious);
}

static void want_exit(struct rig *rig, const struct posted *posted, unsigned vector)
{
    if (rig_expect(rig, EXIT_EXTERNAL_INTERRUPT)) {
        rig_want_bits(rig, "interruption information", rig->exit->interruption,
                      INTERRUPTION_VALID | INTERRUPTION_ERROR_CODE | INTERRUPTION_TYPE |
                          INTERRUPTION_VECTOR,
                      INTERRUPTION_VALID | vector);
        rig_want(rig, "the request in the descriptor", posted->descriptor->requests[POSTED / 32],
                 UINT32_C(1) << POSTED % 32);
        rig_want_bits(rig, "the outstanding notification", posted->descriptor->control,
                      POSTED_OUTSTANDING, POSTED_OUTSTANDING);
        local_apic_eoi(vector);
    }
}

/* Another vector exits as ever; 0: the notification's own too. */
static void other_vector(struct rig *rig)
{
    struct posted posted;

    if (!begin_posting(rig, &posted)) {
        return;
    }
    post(&posted, POSTED);
    unmask_guest(0);
    local_interrupt(rig, OTHER);
    want_exit(rig, &posted, OTHER);
    if (!rig->failed && rig_switch(rig, CONTROL_PIN, PIN_POSTED_INTERRUPTS, false)) {
        local_interrupt(rig, NOTIFICATION);
        want_exit(rig, &posted, NOTIFICATION);
    }
    local_interrupts_end(posted.spurious);
}

/* The notification comes while the guest runs: it sends it to itself, through the processor's own
 * local APIC. */
static void while_running(struct rig *rig)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);
    struct posted posted;

    if (base & APIC_BASE_X2APIC) {
        rig_skip(rig, "IA32_APIC_BASE bit 10 clear (a local APIC in memory)");
    }
    if (!begin_posting(rig, &posted)) {
        return;
    }
    if (ept_map(&rig->vm.ept, RIG_BEYOND, HPA(base & APIC_BASE_ADDRESS), PAGE_SIZE,
                EPT_READ | EPT_WRITE, EPT_TYPE_UC) != STATUS_OK) {
        rig_fail(rig, "no memory to map the local APIC");
    }
    ept_settle(&rig->vm.ept);
    post(&posted, POSTED);
    unmask_guest(0);
    rig_set_gpr(rig, RAX, APIC_ICR_FIXED | APIC_ICR_ASSERT | APIC_ICR_SELF | NOTIFICATION);
    if (expect_virtual_interrupt(rig, posted.page, POSTED, 0)) {
        want_processed(rig, &posted);
    }
    local_interrupts_end(posted.spurious);
}

/* An IPI to one virtual processor is posted to its descriptor, with a notification unless that is
 * suppressed; to one beyond the table, it exits behind the write. */
static void ipi(struct rig *rig)
{
    uint64_t *table = rig_host_page(rig);
    struct posted posted;
    uint32_t id;

    if (table == NULL || !begin(rig, &posted)) {
        return;
    }
    id = rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_X2APIC ? local_apic_id() : local_apic_id() << 8;
    *posted.descriptor = (struct posted_descriptor){
        .control = (uint32_t)(POSTED_SUPPRESSED | FIELD_PUT(POSTED_VECTOR, NOTIFICATION)),
        .destination = id,
    };
    table[1] = hpa_of(posted.descriptor).value | 1; /* valid */
    vmwrite(VMCS_PID_POINTER_TABLE, hpa_of(table).value);
    vmwrite(VMCS_LAST_PID_POINTER_INDEX, 1);
    apic_access_page(rig, RIG_PAGE_A);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "the request in the descriptor", posted.descriptor->requests[POSTED / 32],
                 UINT32_C(1) << POSTED % 32);
        rig_want_bits(rig, "the outstanding notification", posted.descriptor->control,
                      POSTED_OUTSTANDING, 0);
        posted.descriptor->control &= ~(uint32_t)POSTED_SUPPRESSED;
        unmask_guest(0);
    }
    want_exit(rig, &posted, NOTIFICATION);
    vmwrite(VMCS_GUEST_RIP, rig_gpr(rig, RSI));
    if (rig_expect(rig, EXIT_APIC_WRITE)) {
        rig_want(rig, "the qualification", rig->exit->qualification, APIC_ICR_LOW);
        rig_want(rig, "the address behind the write", rig->exit->rip, rig_gpr(rig, RDI));
    }
    local_interrupts_end(posted.spurious);
}

#define NEEDS_POSTED                                                                               \
    [CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT | PIN_POSTED_INTERRUPTS,                                \
    [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW, [CONTROL_SECONDARY] = SECONDARY_VIRTUAL_INTERRUPT,     \
    [CONTROL_EXIT] = EXIT_ACKNOWLEDGE_INTERRUPT

static const struct scenario scenarios[] = {
    {"pin.posted_interrupts", SCENARIO_CODE(posted_nop), .run = processed,
     .needs = {{NEEDS_POSTED}}},
    {"pin.posted_interrupts.masked", SCENARIO_CODE(posted_cli), .run = masked,
     .needs = {{NEEDS_POSTED}}},
    {"pin.posted_interrupts.other_vector", SCENARIO_CODE(posted_cli), .run = other_vector,
     .needs = {{NEEDS_POSTED}}},
    {"pin.posted_interrupts.while_running", SCENARIO_CODE(posted_send), .run = while_running,
     .needs = {{NEEDS_POSTED}}},
    {"tertiary.ipi_virtualization", SCENARIO_CODE(posted_ipi), .run = ipi,
     .needs = {{[CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT,
                [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW,
                [CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS | SECONDARY_APIC_REGISTER,
                [CONTROL_EXIT] = EXIT_ACKNOWLEDGE_INTERRUPT,
                [CONTROL_TERTIARY] = TERTIARY_IPI_VIRTUALIZATION}}},
};

SCENARIO_SUITE(selftest_posted, scenarios);
