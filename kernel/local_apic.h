/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of the running processor. SDM vol. 3A, "Advanced Programmable Interrupt
 * Controller (APIC)". */
#ifndef KERNEL_LOCAL_APIC_H
#define KERNEL_LOCAL_APIC_H

#include "kernel/types.h"

/* Ends the interrupt `vector` if this processor's local APIC has it in service. */
void local_apic_eoi(unsigned vector);

#endif
