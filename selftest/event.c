/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/event.h"

#include "kernel/image.h"
#include "kernel/local_apic.h"
#include "selftest/needs.h"
#include "vmx/msr_bitmap.h"

#define EVENT_BITS                                                                                 \
    (INTERRUPTION_VECTOR | INTERRUPTION_TYPE | INTERRUPTION_ERROR_CODE | INTERRUPTION_VALID)

#define MSR_X2APIC_ICR 0x830
#define APIC_PAGE      GPA(0xFEE00000)
#define APIC_ICR       0x300

void event_remove_page(struct rig *rig)
{
    uint64_t *directory =
        rig_memory(rig, GPA(RIG_TABLES.value + (2 + EVENT_NOT_PRESENT / GIB) * PAGE_SIZE));

    directory[0] = 0;
}

void event_inject(uint32_t event, uint32_t error_code, uint32_t length)
{
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, event);
    vmwrite(VMCS_ENTRY_EXCEPTION_ERROR_CODE, error_code);
    vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, length);
}

void event_intercept(uint64_t vectors)
{
    vmwrite(VMCS_EXCEPTION_BITMAP, (vectors & UINT32_MAX) | BIT(VECTOR_MC));
}

bool event_expect_given(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip)
{
    const uint64_t flags = RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_VM;
    uint64_t before = vmread(VMCS_GUEST_RFLAGS) & flags;
    uint64_t rsp = vmread(VMCS_GUEST_RSP);
    uint64_t cs = vmread(VMCS_GUEST_CS_SELECTOR);
    uint64_t ss = vmread(VMCS_GUEST_SS_SELECTOR);

    if (!rig_expect_event(rig, (unsigned)FIELD_GET(INTERRUPTION_VECTOR, event))) {
        return false;
    }
    rig_want(rig, "RIP on the stack", rig->event.rip, rip);
    rig_want(rig, "CS on the stack", rig->event.cs, cs);
    rig_want(rig, "RFLAGS on the stack", rig->event.rflags & flags, before);
    if (rig->mode == RIG_LONG) {
        rig_want(rig, "RSP on the stack", rig->event.rsp, rsp);
        rig_want(rig, "SS on the stack", rig->event.ss, ss);
    }
    if (event & INTERRUPTION_ERROR_CODE) {
        rig_want(rig, "error code", rig->event.error_code, error_code);
    }
    rig_want(rig, "RFLAGS of the handler", vmread(VMCS_GUEST_RFLAGS) & (RFLAGS_IF | RFLAGS_TF), 0);
    rig_want(rig, "activity state", vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_ACTIVE);
    rig_want(rig, "valid bit of the VM-entry interruption information",
             vmread(VMCS_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID, 0);
    return !rig->failed;
}

void event_want_exit(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip)
{
    rig_want(rig, "interruption information", rig->exit->interruption & ~NMI_UNBLOCKING, event);
    if (event & INTERRUPTION_ERROR_CODE) {
        rig_want(rig, "error code", vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE), error_code);
    }
    rig_want(rig, "RIP", rig->exit->rip, rip);
}

bool event_expect_exit(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip)
{
    if (rig_expect(rig, EXIT_EXCEPTION_OR_NMI)) {
        event_want_exit(rig, event, error_code, rip);
    }
    return !rig->failed && !rig->skipped;
}

void event_want_vectoring(struct rig *rig, uint32_t event, uint32_t error_code)
{
    rig_want_bits(rig, "IDT-vectoring information", rig->exit->vectoring, EVENT_BITS, event);
    if (event & INTERRUPTION_ERROR_CODE) {
        rig_want(rig, "IDT-vectoring error code", rig->exit->vectoring_error, error_code);
    }
}

void event_want_state(struct rig *rig, uint64_t rip, uint64_t interruptibility,
                      enum activity activity)
{
    rig_want(rig, "RIP", rig->exit->rip, rip);
    rig_want(rig, "interruptibility state", vmread(VMCS_GUEST_INTERRUPTIBILITY), interruptibility);
    rig_want(rig, "activity state", vmread(VMCS_GUEST_ACTIVITY), activity);
}

bool event_switch_on(struct rig *rig, enum control_group group, uint32_t bit)
{
    char what[80];

    if (rig_switch(rig, group, bit, true)) {
        return true;
    }
    needs_text(&rig->operation->capabilities, group, (unsigned)__builtin_ctz(bit), what,
               sizeof(what));
    rig_skip(rig, what);
    return false;
}

bool event_set_activity(struct rig *rig, enum activity activity)
{
    uint64_t misc = rig->operation->capabilities.misc;

    if (!(misc & (activity == ACTIVITY_HLT ? VMX_MISC_HLT : VMX_MISC_SHUTDOWN))) {
        rig_skip(rig, activity == ACTIVITY_HLT ? "IA32_VMX_MISC bit 6 (activity state HLT)"
                                               : "IA32_VMX_MISC bit 7 (activity state shutdown)");
        return false;
    }
    vmwrite(VMCS_GUEST_ACTIVITY, activity);
    return true;
}

void event_hide_page(struct rig *rig, gpa_t gpa)
{
    if (ept_unmap(&rig->vm.ept, gpa, PAGE_SIZE) != STATUS_OK) {
        rig_fail(rig, "no memory to hide 0x%lx", gpa.value);
    }
    ept_settle(&rig->vm.ept);
}

void event_set_gate(struct rig *rig, unsigned vector, uint64_t rip)
{
    uint64_t *gates = rig_memory(rig, GPA(vmread(VMCS_GUEST_IDTR_BASE)));
    uint64_t *gate = &gates[UINT64_C(2) * vector];

    gate[0] = (gate[0] & BITS(47, 16)) | (rip & 0xFFFF) | (rip >> 16 & 0xFFFF) << 48;
    gate[1] = rip >> 32;
}

/* R8 is where the guest finds the interrupt command register, 0 if it is an MSR; R11 what it writes
 * to its upper half. The shorthand "self" is not for NMIs. */
void event_open_local_apic(struct rig *rig)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

    if (!(base & APIC_BASE_ENABLED)) {
        rig_skip(rig, "a local APIC that is on (IA32_APIC_BASE bit 11)");
    } else if (base & APIC_BASE_X2APIC) {
        msr_bitmap_set(rig->vm.msr_bitmap, MSR_X2APIC_ICR, true, false);
        rig_set_gpr(rig, R8, 0);
        rig_set_gpr(rig, R11, local_apic_id());
    } else if (ept_map(&rig->vm.ept, APIC_PAGE, HPA(base & APIC_BASE_ADDRESS), PAGE_SIZE,
                       EPT_READ | EPT_WRITE, EPT_TYPE_UC) == STATUS_OK) {
        rig_set_gpr(rig, R8, APIC_PAGE.value + APIC_ICR);
        rig_set_gpr(rig, R11, (uint64_t)local_apic_id() << 24);
    } else {
        rig_fail(rig, "no memory to map the local APIC");
    }
}
