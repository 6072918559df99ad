/* SPDX-License-Identifier: BSD-2-Clause */
/* Event injection. SDM vol. 3C, "Event Injection", "VM-Entry Controls for Event Injection". */
#ifndef VMX_INJECT_H
#define VMX_INJECT_H

#include "kernel/cpu.h"
#include "vmx/vm.h"

/*
 * Makes the next VM entry deliver hardware exception `vector`, as a fault of the instruction at the
 * guest's RIP, notes it in the exit's record, and answers ACTION_RESUME for handlers to pass on.
 * After an exit that came while an exception was delivered, #GP and #PF may make a double fault of
 * both, or a triple fault, whose handler's answer it is then.
 */
enum action inject_ud(struct vcpu *vcpu);
enum action inject_gp(struct vcpu *vcpu); /* error code 0 */
enum action inject_pf(struct vcpu *vcpu, uint64_t linear, uint32_t error_code);

/* For the last moment before an entry: delivers the NMI that waits for the guest or, where it
 * blocks NMIs or is given another event, asks for an exit as soon as it does not. */
void offer_nmi(struct vcpu *vcpu);

/* The breakpoint trap of the INT3 that `vcpu`'s newest exit is about. */
enum action inject_bp(struct vcpu *vcpu);

/* Delivers again the event whose delivery `vcpu`'s newest exit interrupted. */
void reinject_vectored_event(const struct vcpu *vcpu);

#endif
