/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scenarios of events have in common: an event as VM entry injects it, as the guest's IDT
 * is given it, and as an exit tells of it. SDM vol. 3C, "Event Injection", "Information for VM
 * Exits Due to Vectored Events", "Information for VM Exits During Event Delivery".
 */
#ifndef SELFTEST_EVENT_H
#define SELFTEST_EVENT_H

#include "selftest/rig.h"
#include "vmx/advance.h"

#define NMI_UNBLOCKING BIT(12) /* of the VM-exit interruption information: due to IRET */

/* Of the pending debug exceptions, and of the exit qualification of #DB and DR6 alike. */
#define DEBUG_B0      BIT(0)
#define DEBUG_B1      BIT(1)
#define DEBUG_BD      BIT(13)
#define DEBUG_BS      BIT(14)
#define DEBUG_ENABLED BIT(12) /* pending debug exceptions only */
#define DEBUG_CAUSES  (BITS(3, 0) | DEBUG_BD | DEBUG_BS)

enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN };

#define DR6_RESET    UINT64_C(0xFFFF0FF0)
#define SELECTOR_IDT BIT(1) /* of an error code: the selector is that of a gate in the IDT */

/* An address that the guest's paging does not translate, after event_remove_page(). */
#define EVENT_NOT_PRESENT UINT64_C(0x80000000)
void event_remove_page(struct rig *rig);

/* A selector beyond the guest's GDT: loading it is #GP, with it as the error code. */
#define EVENT_BAD_SELECTOR 0x100

/* An event in the layout that VM-entry, VM-exit and IDT-vectoring information share. */
static inline uint32_t event_of(enum interruption_type type, unsigned vector)
{
    return (uint32_t)(INTERRUPTION_VALID | FIELD_PUT(INTERRUPTION_TYPE, type) | vector);
}

/* A hardware exception, without and with an error code. */
static inline uint32_t event_fault(unsigned vector)
{
    return event_of(INTERRUPTION_HARDWARE_EXCEPTION, vector);
}

static inline uint32_t event_fault_code(unsigned vector)
{
    return event_fault(vector) | (uint32_t)INTERRUPTION_ERROR_CODE;
}

/* The next VM entry injects it; `length` is the instruction's, of an event of software. */
void event_inject(uint32_t event, uint32_t error_code, uint32_t length);

/* The exceptions that exit from now on; machine checks do besides. */
void event_intercept(uint64_t vectors);

/* Enters and wants the guest's IDT to be given the event, with `rip` and the registers of before on
 * its stack. */
bool event_expect_given(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip);

/* Wants the last exit to be by that event, at `rip`. */
void event_want_exit(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip);

/* Enters and wants such an exit. */
bool event_expect_exit(struct rig *rig, uint32_t event, uint32_t error_code, uint64_t rip);

/* Wants the last exit to have come while the event was being delivered. */
void event_want_vectoring(struct rig *rig, uint32_t event, uint32_t error_code);

/* What is saved of the guest's state at an exit. */
void event_want_state(struct rig *rig, uint64_t rip, uint64_t interruptibility,
                      enum activity activity);

/* Switches a control on that is not in the scenario's `needs`; false: it is skipped. */
bool event_switch_on(struct rig *rig, enum control_group group, uint32_t bit);

/* Skips the scenario where VM entry cannot bring the guest into that activity state. */
bool event_set_activity(struct rig *rig, enum activity activity);

/* Takes a page of the guest's memory out of its EPT; rig_protect() brings it back. */
void event_hide_page(struct rig *rig, gpa_t gpa);

/* Where the guest's IDT of 64-bit mode leads the vector to; in place of the rig's handler. */
void event_set_gate(struct rig *rig, unsigned vector, uint64_t rip);

/* Lets the guest send NMIs to itself: SELF_NMI of event.inc. */
void event_open_local_apic(struct rig *rig);

/* After an NMI that has exited, or was given to a guest that has not returned from it: IRET ends
 * the blocking, here as everywhere. */
static inline void event_unblock_nmis(void)
{
    uint64_t rsp;

    __asm__ volatile("mov %%rsp, %0\n\t"
                     "push %1\n\t"
                     "push %0\n\t"
                     "pushfq\n\t"
                     "push %2\n\t"
                     "push $1f\n\t"
                     "iretq\n"
                     "1:"
                     : "=&r"(rsp)
                     : "r"((uint64_t)read_ss()), "r"((uint64_t)read_cs())
                     : "memory");
}

#endif
