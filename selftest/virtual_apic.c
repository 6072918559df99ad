/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/virtual_apic.h"

#include "kernel/image.h"

#define X2APIC_MSRS  0x100
#define VECTOR_LAST  255
#define VECTOR_FIRST 16
#define ROUNDS       16 /* of interrupts that wait for each other */
#define ARRIVAL      1000000

void *virtual_apic(struct rig *rig)
{
    const struct vmx_capabilities *capabilities = &rig->operation->capabilities;
    void *page = rig_host_page(rig);

    if (page == NULL) {
        return NULL;
    }
    if (control_offered(capabilities, CONTROL_PRIMARY, PRIMARY_TPR_SHADOW)) {
        vmwrite(VMCS_VIRTUAL_APIC_ADDRESS, hpa_of(page).value);
        vmwrite(VMCS_TPR_THRESHOLD, 0);
    }
    if (control_offered(capabilities, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT)) {
        vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0);
        vmwrite(VMCS_EOI_EXIT_BITMAP_0, 0);
        vmwrite(VMCS_EOI_EXIT_BITMAP_1, 0);
        vmwrite(VMCS_EOI_EXIT_BITMAP_2, 0);
        vmwrite(VMCS_EOI_EXIT_BITMAP_3, 0);
    }
    return page;
}

void apic_set_vector(void *page, uint32_t offset, unsigned vector)
{
    *apic_register(page, offset + vector / 32 * 0x10) |= UINT32_C(1) << vector % 32;
}

bool apic_has_vector(void *page, uint32_t offset, unsigned vector)
{
    return *apic_register(page, offset + vector / 32 * 0x10) & UINT32_C(1) << vector % 32;
}

void apic_access_page(struct rig *rig, gpa_t gpa)
{
    vmwrite(VMCS_APIC_ACCESS_ADDRESS, hpa_of(rig_memory(rig, gpa)).value);
    rig_protect(rig, gpa, EPT_RWX); /* only with a page of 4 KiB is it sure to work */
    rig_invalidate(rig);
}

void allow_x2apic(const struct rig *rig)
{
    for (uint32_t i = 0; i < X2APIC_MSRS; i++) {
        rig_pass_msr(rig, MSR_X2APIC_FIRST + i, true);
    }
}

void request_virtual_interrupt(void *page, unsigned vector)
{
    uint64_t status = vmread(VMCS_GUEST_INTERRUPT_STATUS);

    apic_set_vector(page, APIC_IRR, vector);
    vmwrite(VMCS_GUEST_INTERRUPT_STATUS,
            (status & ~BITS(7, 0)) | MAX(status & BITS(7, 0), (uint64_t)vector));
}

void want_interrupt_status(struct rig *rig, unsigned requesting, unsigned servicing)
{
    rig_want(rig, "the guest interrupt status", vmread(VMCS_GUEST_INTERRUPT_STATUS),
             (uint64_t)servicing << 8 | requesting);
}

bool expect_virtual_interrupt(struct rig *rig, void *page, unsigned vector, unsigned left)
{
    if (!rig_expect_event(rig, vector)) {
        return false;
    }
    want_interrupt_status(rig, left, vector);
    rig_want(rig, "VIRR of the vector", apic_has_vector(page, APIC_IRR, vector), false);
    rig_want(rig, "VISR of the vector", apic_has_vector(page, APIC_ISR, vector), true);
    rig_want(rig, "VPPR", *apic_register(page, APIC_PPR), vector & 0xF0);
    return !rig->failed;
}

bool expect_apic_access(struct rig *rig, uint64_t qualification)
{
    if (!rig_expect(rig, EXIT_APIC_ACCESS)) {
        return false;
    }
    rig_want_bits(rig, "the qualification", rig->exit->qualification, APIC_ACCESS_DEFINED,
                  qualification);
    return !rig->failed;
}

void unmask_guest(uint64_t blocking)
{
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_IF);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocking);
}

/* One in service holds back those of its priority, so in turns. */
static void end_interrupts(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned vector = VECTOR_LAST; vector >= VECTOR_FIRST; vector--) {
            local_apic_eoi(vector);
        }
        if (local_apic_take_interrupts() == 0) {
            break;
        }
    }
}

bool local_interrupts_begin(struct rig *rig, uint32_t *spurious)
{
    if (!(rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_ENABLED)) {
        rig_skip(rig, "IA32_APIC_BASE bit 11 (the local APIC is off)");
        return false;
    }
    *spurious = local_apic_enable();
    write_cr8(LOCAL_PRIORITY);
    end_interrupts();
    return true;
}

void local_interrupt(struct rig *rig, unsigned vector)
{
    local_apic_send(0, APIC_ICR_FIXED | APIC_ICR_ASSERT | APIC_ICR_SELF | vector);
    for (unsigned i = 0; i < ARRIVAL && !local_apic_is_requested(vector); i++) {
        cpu_pause();
    }
    if (!local_apic_is_requested(vector)) {
        rig_fail(rig, "the interrupt 0x%x that is sent does not come", vector);
    }
}

void local_interrupts_end(uint32_t spurious)
{
    write_cr8(LOCAL_PRIORITY); /* the guest may have changed it */
    end_interrupts();
    local_apic_restore(spurious);
}
