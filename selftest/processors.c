/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios in which another processor sends something to the one that runs the guest. SDM vol. 3C,
 * "Other Causes of VM Exits"; vol. 3A, "Interrupt Command Register (ICR)". */
#include "kernel/processors.h"
#include "kernel/image.h"
#include "kernel/local_apic.h"
#include "kernel/log.h"
#include "kernel/percpu.h"
#include "kernel/time.h"
#include "selftest/rig.h"
#include "vmx/advance.h"
#include "vmx/operations.h"
#include "vmx/request.h"
#include "vmx/run.h"
#include "vmx/wait_for_sipi.h"

extern const char code_processors_loop[], code_processors_loop_end[];
extern const char code_processors_read[], code_processors_read_end[];

#define DELAY_LOOPS  20000 /* of PAUSE, until the guest has been entered */
#define VECTOR       0x9A
#define READ_WAIT_MS 200

/* What the other processor sends to this one, some time after. */
struct sending {
    uint32_t apic_id, command;
};

static void send_later(void *context)
{
    const struct sending *sending = context;

    for (unsigned i = 0; i < DELAY_LOOPS; i++) {
        cpu_pause();
    }
    local_apic_send(sending->apic_id, sending->command);
}

/* Another processor; false: there is none, and the scenario is skipped. */
static bool find_other(struct rig *rig, unsigned *other)
{
    if (processors_there() < 2) {
        rig_skip(rig, "a second processor");
        return false;
    }
    *other = processor_number(this_cpu()->number == 0 ? 1 : 0);
    return !rig->failed;
}

/* Enters the guest, which meets what the other processor sends, and wants that exit. */
static bool expect_sent(struct rig *rig, uint32_t command, enum exit_reason reason)
{
    struct sending sending = {local_apic_id(), command | APIC_ICR_ASSERT};
    unsigned other;
    bool came;

    if (!find_other(rig, &other)) {
        return false;
    }
    processor_begin(other, send_later, &sending);
    came = rig_expect(rig, reason);
    processor_finish(other);
    return came;
}

/* It comes between two instructions; no state of the guest changes. */
static void init_signal(struct rig *rig)
{
    rig_set_gpr(rig, RBX, 0x1234);
    if (expect_sent(rig, APIC_ICR_INIT, EXIT_INIT)) {
        rig_want_bits(rig, "the place in the loop", rig->exit->rip, ~UINT64_C(0xF), RIG_CODE.value);
        rig_want(rig, "RBX", rig_gpr(rig, RBX), 0x1234);
        rig_want_field(rig, VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    }
}

/* The vector is told; to start the guest is left to the hypervisor. */
static void startup_ipi(struct rig *rig)
{
    if (!(rig->operation->capabilities.misc & VMX_MISC_WAIT_FOR_SIPI)) {
        rig_skip(rig, "activity state wait-for-SIPI (IA32_VMX_MISC bit 8)");
        return;
    }
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
    if (expect_sent(rig, APIC_ICR_STARTUP | VECTOR, EXIT_SIPI)) {
        rig_want(rig, "the vector", rig->exit->qualification, VECTOR);
        rig_want(rig, "RIP", rig->exit->rip, RIG_CODE.value);
    }
}

/* What is saved is what the guest was in before the exit. */
static void startup_ipi_activity(struct rig *rig)
{
    startup_ipi(rig);
    rig_want_field(rig, VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
}

/* One that does not wait for it does not see it: the NMI behind it is what comes. */
static void startup_ipi_unseen(struct rig *rig)
{
    struct sending sending = {local_apic_id(), APIC_ICR_STARTUP | APIC_ICR_ASSERT | VECTOR};
    uint32_t before = this_cpu()->nmi_count;
    unsigned other;

    if (find_other(rig, &other)) {
        processor_do(other, send_later, &sending);
        if (expect_sent(rig, APIC_ICR_NMI, EXIT_EXCEPTION_OR_NMI)) {
            __asm__ volatile("int $2" : : : "memory");
        }
    }
    this_cpu()->nmi_count = before;
}

static void nmi(struct rig *rig)
{
    uint32_t before = this_cpu()->nmi_count;

    if (expect_sent(rig, APIC_ICR_NMI, EXIT_EXCEPTION_OR_NMI)) {
        rig_want(rig, "the interruption information", rig->exit->interruption,
                 INTERRUPTION_VALID | FIELD_PUT(INTERRUPTION_TYPE, INTERRUPTION_NMI) | VECTOR_NMI);
        __asm__ volatile("int $2" : : : "memory"); /* its IRET ends the blocking of NMIs */
    }
    this_cpu()->nmi_count = before;
}

/* A second virtual CPU of the VM, on another processor, until the VM ends. */
static void run_reader(void *context)
{
    static const struct run_request request = {
        .trace = TRACE_OFF, .provoke = "", .breaks = "", .audit = AUDIT_OFF};
    struct vm *vm = context;
    struct vcpu *vcpu;

    log_mute(true);
    vcpu = vm_prepare_vcpu(vm, 1, vmx_operation_here(), &request);
    if (vcpu != NULL) {
        vcpu_begin(vcpu);
        vcpu_loop(vcpu);
        vcpu_end(vcpu);
        (void)!vmclear(hpa_of(vcpu->vmcs));
    }
    log_mute(false);
}

/* What it has read last, once that is not 0. */
static uint64_t await_read(struct rig *rig)
{
    const volatile uint64_t *read = rig_memory(rig, RIG_PAGE_C);
    uint64_t until = rdtsc() + time_khz() * READ_WAIT_MS;

    while (*read == 0 && rdtsc() < until) {
        cpu_pause();
    }
    return *read;
}

static void end_reader(struct rig *rig, unsigned other)
{
    (void)vm_stop(rig->vcpu, false, 0, "the scenario ends");
    while (!processor_is_idle(other)) {
        request_end(&rig->vm);
        processor_nap();
    }
    processor_finish(other);
    if (rig->vm.vcpus[1] != NULL) {
        vm_release(rig->vm.vcpus[1]);
    }
}

/* Who changes an entry of EPT is told when every processor that runs the VM has forgotten it: that
 * one exits for it, and reads through the new entry from then on. */
static void invept_everywhere(struct rig *rig)
{
    uint64_t address = rig->vm.ept.format.address;
    uint64_t *leaf;
    unsigned other;

    if (!find_other(rig, &other)) {
        return;
    }
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = 0xA;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_B) = 0xB;
    rig_protect(rig, RIG_PAGE_A, EPT_RWX);
    leaf = rig_leaf(rig, RIG_PAGE_A);
    rig->vm.vcpu_count = 2;
    processor_begin(other, run_reader, &rig->vm);
    rig_want(rig, "what the other processor reads", await_read(rig), 0xA);
    if (!rig->failed) {
        uint64_t exits = rig->vm.vcpus[1]->exits;

        *leaf = (*leaf & ~address) | hpa_of(rig_memory(rig, RIG_PAGE_B)).value;
        rig_invalidate(rig);
        rig_want(rig, "what it has not done", rig->vm.vcpus[1]->mail.asked & REQUEST_INVEPT, 0);
        rig_want(rig, "whether it has exited", rig->vm.vcpus[1]->exits > exits, true);
        *(volatile uint64_t *)rig_memory(rig, RIG_PAGE_C) = 0;
        rig_want(rig, "what it reads then", await_read(rig), 0xB);
    }
    end_reader(rig, other);
}

static const struct scenario scenarios[] = {
    {"event.init", SCENARIO_CODE(processors_loop), .run = init_signal},
    {"event.sipi", SCENARIO_CODE(processors_loop), .run = startup_ipi},
    {"event.sipi.activity", SCENARIO_CODE(processors_loop), .run = startup_ipi_activity,
     .known_wrong = {"bochs-3.0", "the exit of a start-up IPI saves the activity state active"}},
    {"event.sipi.unseen", SCENARIO_CODE(processors_loop), .run = startup_ipi_unseen,
     .needs = {{[CONTROL_PIN] = PIN_NMI}}},
    {"ept.invept_everywhere", SCENARIO_CODE(processors_read), .run = invept_everywhere},
    {"event.nmi_of_another", SCENARIO_CODE(processors_loop), .run = nmi,
     .needs = {{[CONTROL_PIN] = PIN_NMI}}},
};

SCENARIO_SUITE(selftest_processors, scenarios);
