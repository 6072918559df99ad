/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of the APIC-access page. SDM vol. 3C, "Virtualizing Memory-Mapped APIC Accesses", "Exit
 * Qualification for APIC-Access VM Exits from Linear Accesses and Guest-Physical Accesses". */
#include "selftest/virtual_apic.h"

extern const char code_apic_access[], code_apic_access_end[];
extern const char code_apic_tpr[], code_apic_tpr_end[];
extern const char code_apic_fetch[], code_apic_fetch_end[];
extern const char code_apic_event[], code_apic_event_end[];
extern const char code_apic_interrupt[], code_apic_interrupt_end[];

#define APIC_READ_BYTES 7     /* of the read that the write follows */
#define STACK_OFFSET    0x500 /* of the stack that lies in the APIC-access page */
#define FRAME_BYTES     40    /* an event pushes SS, RSP, RFLAGS, CS, RIP */

/* Every access exits, and touches nothing; 0: the page is memory like any other. */
static void access(struct rig *rig)
{
    uint32_t *page = rig_memory(rig, RIG_PAGE_A);

    *apic_register(page, 0x20) = 0x11;
    *apic_register(page, 0x30) = 0x22;
    rig_set_gpr(rig, RBX, 0x33);
    apic_access_page(rig, RIG_PAGE_A);
    if (expect_apic_access(rig, APIC_ACCESS_READ | 0x20)) {
        rig_want(rig, "the address of the read", rig->exit->rip, RIG_CODE.value);
        rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, INTERRUPTION_VALID,
                      0);
        rig_want(rig, "the register that was to be read to", rig_gpr(rig, RAX), 0);
    }
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value + APIC_READ_BYTES);
    if (expect_apic_access(rig, APIC_ACCESS_WRITE | 0x31)) {
        rig_want(rig, "the page", *apic_register(page, 0x30), 0x22);
    }
    if (!rig->failed && rig_switch(rig, CONTROL_SECONDARY, SECONDARY_APIC_ACCESS, false)) {
        rig_invalidate(rig);
        vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "what is read of the page", rig_gpr(rig, RAX), 0x11);
            rig_want(rig, "what is written to the page", *apic_register(page, 0x30), 0x3322);
        }
    }
}

/* With the TPR shadow, the task-priority register is the virtual-APIC page's, and it alone. */
static void tpr(struct rig *rig)
{
    uint32_t *page = virtual_apic(rig);

    if (page == NULL) {
        return;
    }
    apic_access_page(rig, RIG_PAGE_A);
    *apic_register(page, APIC_TPR) = 0x12345680;
    vmwrite(VMCS_TPR_THRESHOLD, 5);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read at 80H", rig_gpr(rig, RAX), 0x12345680);
        rig_want(rig, "VTPR, written and cut to a byte", *apic_register(page, APIC_TPR), 0x54);
    }
    if (rig_expect(rig, EXIT_TPR_BELOW_THRESHOLD)) {
        rig_want(rig, "the address of the exit", rig->exit->rip, rig_gpr(rig, RSI));
        rig_want(rig, "VTPR below the threshold", *apic_register(page, APIC_TPR), 0x4F);
        vmwrite(VMCS_TPR_THRESHOLD, 0);
    }
    if (expect_apic_access(rig, APIC_ACCESS_READ | APIC_TPR)) { /* of 64 bits */
        rig_want(rig, "the address of the wide read", rig->exit->rip, rig_gpr(rig, RSI));
        vmwrite(VMCS_GUEST_RIP, rig_gpr(rig, RDI));
    }
    if (expect_apic_access(rig, APIC_ACCESS_WRITE | APIC_EOI)) {
        rig_want(rig, "VEOI", *apic_register(page, APIC_EOI), 0);
    }
    rig_want(rig, "the APIC-access page itself",
             *apic_register(rig_memory(rig, RIG_PAGE_A), APIC_TPR), 0);
}

static void fetch(struct rig *rig)
{
    apic_access_page(rig, RIG_PAGE_A);
    if (expect_apic_access(rig, APIC_ACCESS_FETCH | 0x40)) {
        rig_want(rig, "the address of the fetch", rig->exit->rip, RIG_PAGE_A.value + 0x40);
    }
}

/* Delivers an event to a stack in the page, wherever in its frame the processor begins. */
static void want_event_access(struct rig *rig, enum interruption_type type, unsigned vector)
{
    uint64_t offset;

    vmwrite(VMCS_GUEST_RSP, RIG_PAGE_A.value + STACK_OFFSET);
    if (!rig_expect(rig, EXIT_APIC_ACCESS)) {
        return;
    }
    offset = rig->exit->qualification & APIC_ACCESS_OFFSET;
    rig_want_bits(rig, "who accesses", rig->exit->qualification, APIC_ACCESS_WHO,
                  APIC_ACCESS_EVENT);
    rig_want(rig, "whether the offset is in the frame",
             offset >= STACK_OFFSET - FRAME_BYTES && offset < STACK_OFFSET, true);
    rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring,
                  INTERRUPTION_VALID | INTERRUPTION_ERROR_CODE | INTERRUPTION_TYPE |
                      INTERRUPTION_VECTOR,
                  INTERRUPTION_VALID | FIELD_PUT(INTERRUPTION_TYPE, type) | vector);
    rig_want(rig, "RSP", vmread(VMCS_GUEST_RSP), RIG_PAGE_A.value + STACK_OFFSET);
}

static void event(struct rig *rig)
{
    apic_access_page(rig, RIG_PAGE_A);
    want_event_access(rig, INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_UD);
    if (!rig->failed) {
        rig_want(rig, "the address of UD2", rig->exit->rip, RIG_CODE.value);
    }
}

/* Of an event that an instruction causes, its length is told too. */
static void software_interrupt(struct rig *rig)
{
    apic_access_page(rig, RIG_PAGE_A);
    want_event_access(rig, INTERRUPTION_SOFTWARE_INTERRUPT, 0x44);
    if (!rig->failed) {
        rig_want(rig, "the address of INT", rig->exit->rip, RIG_CODE.value);
        rig_want(rig, "the length of INT", rig->exit->length, 2);
    }
}

/* The guest's own page tables in the page: an access that comes from no linear address. */
static void guest_physical(struct rig *rig)
{
    apic_access_page(rig, RIG_TABLES);
    if (rig_expect(rig, EXIT_APIC_ACCESS)) {
        rig_want(rig, "the address of the instruction", rig->exit->rip, RIG_CODE.value);
        rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, INTERRUPTION_VALID,
                      0);
    }
}

static void guest_physical_type(struct rig *rig)
{
    guest_physical(rig);
    if (!rig->failed) {
        rig_want_bits(rig, "who accesses", rig->exit->qualification, APIC_ACCESS_WHO,
                      APIC_ACCESS_PHYSICAL);
    }
}

static const struct scenario scenarios[] = {
    {"secondary.apic_access", SCENARIO_CODE(apic_access), .run = access,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"secondary.apic_access.tpr", SCENARIO_CODE(apic_tpr), .run = tpr,
     .needs =
         {{[CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW, [CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"secondary.apic_access.fetch", SCENARIO_CODE(apic_fetch), .run = fetch,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}},
     .known_wrong = {"bochs-3.0", "a fetch from the APIC-access page ends the emulator"},
     .deadly = true},
    {"secondary.apic_access.event", SCENARIO_CODE(apic_event), .run = event,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"secondary.apic_access.software_interrupt", SCENARIO_CODE(apic_interrupt),
     .run = software_interrupt, .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"secondary.apic_access.guest_physical", SCENARIO_CODE(apic_access), .run = guest_physical,
     .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}}},
    {"secondary.apic_access.guest_physical.type", SCENARIO_CODE(apic_access),
     .run = guest_physical_type, .needs = {{[CONTROL_SECONDARY] = SECONDARY_APIC_ACCESS}},
     .known_wrong = {"bochs-3.0", "tells it as a linear read, access type 0 instead of 15"}},
};

SCENARIO_SUITE(selftest_apic_access, scenarios);
