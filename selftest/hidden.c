/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of what a guest must not see or reach, with Lintel's own handlers at work. SDM vol. 3C,
 * "Discovering Support for VMX", "MSR-Bitmap Address"; vol. 2A, "CPUID—CPU Identification".
 */
#include "kernel/image.h"
#include "selftest/rig.h"
#include "vmx/handlers.h"
#include "vmx/host_state.h"
#include "vmx/msr_bitmap.h"

extern const char code_hidden_cpuid[], code_hidden_cpuid_end[];
extern const char code_hidden_cr4[], code_hidden_cr4_end[];
extern const char code_hidden_msr[], code_hidden_msr_end[];
extern const char code_hidden_instructions[], code_hidden_instructions_end[];
extern const char code_hidden_port[], code_hidden_port_end[];
extern const char code_hidden_memory[], code_hidden_memory_end[];
extern const char code_hidden_given_msr[], code_hidden_given_msr_end[];

/* VMX and SMX are not told of, and no hypervisor. */
static void no_cpuid(struct rig *rig)
{
    rig->handled = true;
    rig_set_gpr(rig, RSI, 1);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "CPUID.01H:ECX of the host", cpuid(1, 0).ecx, CPUID_1_ECX_VMX,
                      CPUID_1_ECX_VMX);
        rig_want_bits(rig, "CPUID.01H:ECX of the guest", rig_gpr(rig, RCX),
                      CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_HYPERVISOR, 0);
    }
    rig_set_gpr(rig, RSI, 0x40000000);
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CPUID.40000000H of the guest",
                 rig_gpr(rig, RAX) | rig_gpr(rig, RBX) | rig_gpr(rig, RCX) | rig_gpr(rig, RDX), 0);
    }
}

/* VMXE is 1, is read as 0, and cannot be set: a reserved bit, as on a processor without VMX. */
static void no_cr4(struct rig *rig)
{
    rig->handled = true;
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want_bits(rig, "CR4.VMXE itself", vmread(VMCS_GUEST_CR4), CR4_VMXE, CR4_VMXE);
        rig_want_bits(rig, "CR4.VMXE as the guest reads it", rig_gpr(rig, RBX), CR4_VMXE, 0);
    }
    if (rig_expect_event(rig, VECTOR_GP)) {
        rig_want(rig, "the error code", rig->event.error_code, 0);
        rig_want(rig, "the instruction", rig->event.rip, rig_gpr(rig, RDI));
        rig_return(rig, rig->event.rip + 3);
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "CR4 afterwards", rig_gpr(rig, RSI), rig_gpr(rig, RBX));
    }
}

static void want_no_msr(struct rig *rig, uint32_t msr)
{
    rig_set_gpr(rig, RSI, msr);
    for (uint64_t write = 0; write < 2; write++) { /* RDMSR, then WRMSR, both of 2 bytes */
        if (rig_expect_event(rig, VECTOR_GP)) {
            rig_want(rig, "the MSR", rig_gpr(rig, RCX), msr);
            rig_want(rig, "the error code", rig->event.error_code, 0);
            rig_want(rig, "the instruction", rig->event.rip, RIG_CODE.value + 2 + 2 * write);
            rig_return(rig, rig->event.rip + 2);
        }
    }
}

/* The MSRs of VMX, and some others of the machine. */
static void no_msr(struct rig *rig)
{
    static const uint32_t others[] = {
        MSR_IA32_FEATURE_CONTROL,
        MSR_IA32_APIC_BASE,
        MSR_IA32_MTRRCAP,
        MSR_IA32_MTRR_DEF_TYPE,
        MSR_IA32_PERF_GLOBAL_CTRL,
        MSR_X2APIC_FIRST + 2,
        0x2000, /* the first beyond the low range of the bitmaps */
        0x40000000,
        0xC0002000,
        UINT32_MAX,
    };

    rig->handled = true;
    for (uint32_t msr = MSR_IA32_VMX_BASIC; msr <= MSR_IA32_VMX_EXIT_CTLS2; msr++) {
        want_no_msr(rig, msr);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        want_no_msr(rig, others[i]);
    }
}

/* Each stands in 16 bytes of its own, and is #UD. VMCALL too, which the rig uses: its handler is
 * called here. */
static void want_no_instructions(struct rig *rig, uint16_t selector)
{
    uint64_t length = (uint64_t)code_hidden_instructions_end - (uint64_t)code_hidden_instructions;
    uint64_t count = length / 16 - 1;

    rig->handled = true;
    for (uint64_t i = 0; i < count; i++) {
        if (rig_expect_event(rig, VECTOR_UD)) {
            rig_want(rig, "the instruction", rig->event.rip, RIG_CODE.value + i * 16);
            rig_want(rig, "its code segment", rig->event.cs, selector);
            rig_return(rig, rig->event.rip + 16);
        }
    }
    if (rig_expect(rig, EXIT_VMCALL)) {
        rig_want(rig, "the action of a VMCALL", exit_handlers[EXIT_VMCALL](rig->vcpu),
                 ACTION_RESUME);
    }
    if (rig_expect_event(rig, VECTOR_UD)) {
        rig_want(rig, "the instruction", rig->event.rip, RIG_CODE.value + count * 16);
    }
}

static void no_instructions(struct rig *rig)
{
    want_no_instructions(rig, RIG_CODE_64);
}

static void no_instructions_user(struct rig *rig)
{
    rig_go_user(rig, RIG_CODE.value);
    want_no_instructions(rig, RIG_USER_CODE_64);
}

#define PORT_PCI_ADDRESS 0xCF8

/* It reads as all ones and swallows writes. */
static void no_port(struct rig *rig)
{
    static const uint16_t ports[] = {0x60, 0x64, 0x70, 0x80, PORT_PCI_ADDRESS, 0xCFC, 0xFFFC};
    uint32_t address = in32(PORT_PCI_ADDRESS);

    rig->handled = true;
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        rig_set_gpr(rig, RSI, ports[i]);
        if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
            rig_want(rig, "what a byte reads as", rig_gpr(rig, RBX), UINT8_MAX);
            rig_want(rig, "what a word reads as", rig_gpr(rig, RDI), UINT16_MAX);
            rig_want(rig, "what a doubleword reads as", rig_gpr(rig, RBP), UINT32_MAX);
        }
    }
    rig_want(rig, "PCI's address register", in32(PORT_PCI_ADDRESS), address);
}

/* The guest reads at what is the hypervisor's address: nothing is there, or memory of its own. */
static void want_not_there(struct rig *rig, uint64_t hpa)
{
    const uint64_t *own = guest_access(&rig->vm, GPA(hpa), sizeof(*own));

    if (hpa >= 4 * GIB) {
        return; /* what no linear address of this guest leads to */
    }
    rig_set_gpr(rig, RSI, hpa);
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    if (own != NULL) {
        if (rig_expect(rig, EXIT_VMCALL)) {
            rig_want(rig, "what the guest reads", rig_gpr(rig, RAX), *own);
        }
    } else if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value, hpa);
    }
}

/* No guest-physical address leads to the hypervisor's own memory. */
static void no_memory(struct rig *rig)
{
    const uint64_t hosts[] = {
        hpa_of(image_start).value,        hpa_of(rig).value,
        hpa_of(rig->vcpu).value,          hpa_of(rig->vcpu->vmcs).value,
        hpa_of(rig->vm.msr_bitmap).value, rig->vm.ept.table.root.value,
        hpa_of(this_cpu()).value,         hpa_of(rig->operation->vmxon_region).value,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(hosts); i++) {
        want_not_there(rig, hosts[i]);
    }
    for (uint64_t gpa = 0; gpa < RIG_MEMORY && !rig->failed; gpa += PAGE_SIZE) {
        uint64_t hpa = ept_walk(&rig->vm.ept, GPA(gpa)).target.value;

        if (hpa - image_physical().value < image_length()) {
            rig_fail(rig, "guest-physical 0x%lx is in the hypervisor's image", gpa);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(hosts); i++) {
            if (ALIGN_DOWN(hosts[i], PAGE_SIZE) == hpa) {
                rig_fail(rig, "guest-physical 0x%lx is the hypervisor's page 0x%lx", gpa, hpa);
            }
        }
    }
}

/* What the guest writes to an MSR that it has without an exit is gone when its VM is left. */
static void want_given_alone(struct rig *rig, uint32_t msr, bool writes)
{
    uint64_t now = rdmsr(msr);

    rig_set_gpr(rig, RCX, msr);
    rig_set_gpr(rig, RSI, now ^ BIT(12)); /* good for each of them */
    rig_set_gpr(rig, RDI, writes);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    if (writes) {
        rig_want(rig, "what the guest reads of what it wrote", rig_gpr(rig, RBX), now ^ BIT(12));
        host_state_restore(&rig->vcpu->host);
        rig_want(rig, "the host's MSR", rdmsr(msr), now);
    } else {
        rig_want(rig, "an MSR that can only be read", msr, MSR_IA32_TIME_STAMP_COUNTER);
    }
}

static void msr_bitmap(struct rig *rig)
{
    unsigned given = 0;

    for (uint32_t i = 0; i < 2 * MSR_BITMAP_RANGE; i++) {
        uint32_t msr = i < MSR_BITMAP_RANGE ? i : MSR_BITMAP_HIGH + i - MSR_BITMAP_RANGE;
        bool writes = !msr_bitmap_exits(rig->vm.msr_bitmap, msr, true);

        if (writes || !msr_bitmap_exits(rig->vm.msr_bitmap, msr, false)) {
            given++;
            want_given_alone(rig, msr, writes);
        }
    }
    rig_want(rig, "whether MSRs are given", given != 0, true);
}

static const struct scenario scenarios[] = {
    {"hidden.cpuid", SCENARIO_CODE(hidden_cpuid), .run = no_cpuid},
    {"hidden.cr4", SCENARIO_CODE(hidden_cr4), .run = no_cr4},
    {"hidden.msr", SCENARIO_CODE(hidden_msr), .run = no_msr},
    {"hidden.vmx_instructions", SCENARIO_CODE(hidden_instructions), .run = no_instructions},
    {"hidden.vmx_instructions.user", SCENARIO_CODE(hidden_instructions),
     .run = no_instructions_user},
    {"hidden.port", SCENARIO_CODE(hidden_port), .run = no_port},
    {"hidden.memory", SCENARIO_CODE(hidden_memory), .run = no_memory},
    {"hidden.msr_bitmap", SCENARIO_CODE(hidden_given_msr), .run = msr_bitmap},
};

SCENARIO_SUITE(selftest_hidden, scenarios);
