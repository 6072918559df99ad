/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of the running processor. SDM vol. 3A, "Advanced Programmable Interrupt
 * Controller (APIC)". */
#ifndef KERNEL_LOCAL_APIC_H
#define KERNEL_LOCAL_APIC_H

#include "kernel/types.h"

/* The interrupt command register: what is sent, and to whom. SDM vol. 3A, "Interrupt Command
 * Register (ICR)". */
#define APIC_ICR_FIXED   UINT32_C(0)
#define APIC_ICR_NMI     (UINT32_C(4) << 8)
#define APIC_ICR_INIT    (UINT32_C(5) << 8)
#define APIC_ICR_STARTUP (UINT32_C(6) << 8)
#define APIC_ICR_ASSERT  (UINT32_C(1) << 14)
#define APIC_ICR_SELF    (UINT32_C(1) << 18)

/* The identifier of the running processor's local APIC: 8 bits in xAPIC mode, 32 in x2APIC mode. */
uint32_t local_apic_id(void);

/* Ends the interrupt `vector` if this processor's local APIC has it in service. */
void local_apic_eoi(unsigned vector);

/* Software-enables the local APIC with spurious vector FFH; gives the spurious-interrupt vector
 * register as it was, for local_apic_restore(). */
uint32_t local_apic_enable(void);
void local_apic_restore(uint32_t spurious);

/* Whether a processor of that identifier can be sent to: in xAPIC mode it has 8 bits, and FFH means
 * all. */
bool local_apic_reaches(uint32_t apic_id);

/* Sends what `command` (APIC_ICR_* and a vector) says to the processor with that identifier, which
 * does not matter with APIC_ICR_SELF. Returns when it has been sent, or after a bounded wait. */
void local_apic_send(uint32_t apic_id, uint32_t command);

/* Whether the interrupt `vector` has come and waits for being delivered. */
bool local_apic_is_requested(unsigned vector);

/* Whether it has been delivered, and not been ended. */
bool local_apic_is_in_service(unsigned vector);

/* Lets interrupts that wait reach the hypervisor, which acknowledges them and does nothing else.
 * The newest one's vector; 0: there was none. Interrupts are off before and after. */
unsigned local_apic_take_interrupts(void);

#endif
