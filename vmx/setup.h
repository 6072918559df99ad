/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills the current VMCS, a group of fields at a time. SDM vol. 3C, "Virtual Machine Control
 * Structures". */
#ifndef VMX_SETUP_H
#define VMX_SETUP_H

#include "vmx/vm.h"

/*
 * Chooses the controls of `vcpu`: what every guest needs and what is good to have, plus vm->extra,
 * rounded through the capability MSRs. Each one that this processor refuses is named in the log.
 * STATUS_UNSUPPORTED: one that is needed is among them; its name goes to `why`.
 */
enum status setup_controls(struct vcpu *vcpu, const struct vmx_capabilities *capabilities,
                           char *why, size_t size) NODISCARD;

/* Writes the fields of the controls themselves, as vcpu->controls has them. */
void write_controls(const struct vcpu *vcpu);

/* Control fields, host-state area, guest-state area (64-bit mode, as vm->start says). */
void setup_control_fields(const struct vcpu *vcpu);
void setup_host_state(const struct vcpu *vcpu);
void setup_guest_state(const struct vcpu *vcpu);

#endif
