/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual CPU as INIT leaves it, waiting for a start-up IPI. SDM vol. 3A, "Processor State After
 * Reset", "MP Initialization Protocol Algorithm"; vol. 3C, "Guest Non-Register State" (activity
 * states).
 */
#ifndef VMX_WAIT_FOR_SIPI_H
#define VMX_WAIT_FOR_SIPI_H

#include "vmx/vm.h"

#define ACTIVITY_ACTIVE        0
#define ACTIVITY_HLT           1
#define ACTIVITY_SHUTDOWN      2
#define ACTIVITY_WAIT_FOR_SIPI 3

/* Whether this processor can enter a guest so, and run it in real-address mode afterwards; else
 * `what` names what it lacks. */
bool can_wait_for_sipi(const struct vmx_capabilities *capabilities, const char **what);

/* Gives the guest, whose VMCS is current, the state after INIT, and makes it wait: where the VM has
 * the local APICs, for a start-up IPI of theirs; else halted, until another virtual CPU asks one.
 */
void wait_for_sipi(struct vcpu *vcpu);

/* Starts it at the address that `vector` means. */
void start_by_sipi(struct vcpu *vcpu, uint8_t vector);

/* After an exit that nobody asked for: one that waits halted waits on. */
void keep_waiting(const struct vcpu *vcpu);

/* Handlers of INIT signals and start-up IPIs. */
enum action handle_init(struct vcpu *vcpu);
enum action handle_sipi(struct vcpu *vcpu);

#endif
