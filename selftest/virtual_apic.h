/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scenarios of interrupts share: the virtual-APIC page of their guest, the APIC-access
 * page, and the local APIC of the processor, which is given back as it was found.
 */
#ifndef SELFTEST_VIRTUAL_APIC_H
#define SELFTEST_VIRTUAL_APIC_H

#include "kernel/local_apic.h"
#include "selftest/rig.h"

/* Offsets of registers: in the page of the local APIC, in the virtual-APIC page, and by their MSR
 * (apic_msr()) alike. */
enum apic_offset {
    APIC_ID = 0x020,
    APIC_TPR = 0x080,
    APIC_PPR = 0x0A0,
    APIC_EOI = 0x0B0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_SELF_IPI = 0x3F0,
};

/* The exit qualification of an APIC access: who accessed, above the offset. */
#define APIC_ACCESS_DEFINED  BITS(16, 0)
#define APIC_ACCESS_OFFSET   BITS(11, 0)
#define APIC_ACCESS_READ     UINT64_C(0x0000)
#define APIC_ACCESS_WRITE    UINT64_C(0x1000)
#define APIC_ACCESS_FETCH    UINT64_C(0x2000)
#define APIC_ACCESS_EVENT    UINT64_C(0x3000)
#define APIC_ACCESS_PHYSICAL UINT64_C(0xF000)
#define APIC_ACCESS_WHO      BITS(15, 12)

/* All that virtual-interrupt delivery stands on. */
#define NEEDS_DELIVERY(secondary)                                                                  \
    [CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT, [CONTROL_PRIMARY] = PRIMARY_TPR_SHADOW,                \
    [CONTROL_SECONDARY] = SECONDARY_VIRTUAL_INTERRUPT | (secondary)

/* Gives the guest a virtual-APIC page, cleared, and clears the fields that go with it. NULL: the
 * scenario has failed. */
void *virtual_apic(struct rig *rig);

/* A register of such a page. */
static inline uint32_t *apic_register(void *page, uint32_t offset)
{
    return (uint32_t *)page + offset / 4;
}

/* In the registers that have one bit a vector: APIC_ISR, APIC_IRR. */
void apic_set_vector(void *page, uint32_t offset, unsigned vector);
bool apic_has_vector(void *page, uint32_t offset, unsigned vector);

/* Makes the page of the guest's memory at `gpa` the APIC-access page. */
void apic_access_page(struct rig *rig, gpa_t gpa);

/* Lets the guest reach the MSRs 800H to 8FFH without an exit. */
void allow_x2apic(const struct rig *rig);

/* Makes `vector` pending in the virtual APIC, as software does before an entry. */
void request_virtual_interrupt(void *page, unsigned vector);

/* Wants the guest interrupt status to be that: the highest requested vector, the one in service. */
void want_interrupt_status(struct rig *rig, unsigned requesting, unsigned servicing);

/* Wants the guest's IDT to be given a virtual interrupt, which is in service from then on; `left`
 * is the highest one that is still requested. */
bool expect_virtual_interrupt(struct rig *rig, void *page, unsigned vector, unsigned left);

/* Wants an exit by an access to the APIC-access page, of that qualification. */
bool expect_apic_access(struct rig *rig, uint64_t qualification);

/* Lets the guest take interrupts, with events blocked for one instruction or not: 0, or
 * INTERRUPTIBILITY_* of vmx/advance.h. */
void unmask_guest(uint64_t blocking);

/* While they run, CR8 holds back what is not of the two highest classes: a device that the firmware
 * left running does not disturb. The hypervisor's own CR8 comes back with the end of the virtual
 * CPU. */
#define LOCAL_PRIORITY 0xD
#define LOCAL_VECTOR   0xE1

/* Makes the local APIC ready to interrupt; false: there is none that can, and the scenario is
 * skipped. Between the two, local_interrupt() sends this processor a vector from LOCAL_VECTOR on,
 * which stays pending. */
bool local_interrupts_begin(struct rig *rig, uint32_t *spurious);
void local_interrupt(struct rig *rig, unsigned vector);

/* Ends all that has come, and gives the local APIC back. */
void local_interrupts_end(uint32_t spurious);

#endif
