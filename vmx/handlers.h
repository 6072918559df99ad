/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Lintel does about each VM exit. A handler looks at vcpu->exit, changes the guest's state and
 * answers how the guest goes on; the loop alone moves RIP.
 */
#ifndef VMX_HANDLERS_H
#define VMX_HANDLERS_H

#include "vmx/vm.h"

/* By basic exit reason, the last for all beyond the table; NULL: none. */
extern enum action (*const exit_handlers[EXIT_REASONS + 1])(struct vcpu *vcpu);

/* An exit without a handler: if the guest's hook does not take it, reports it whole and stops the
 * VM.
 */
enum action handle_unexpected(struct vcpu *vcpu);

/* handle_cpuid.c, handle_cr.c, handle_msr.c, handle_io.c */
enum action handle_cpuid(struct vcpu *vcpu);
enum action handle_control_register(struct vcpu *vcpu);
enum action handle_rdmsr(struct vcpu *vcpu);
enum action handle_wrmsr(struct vcpu *vcpu);
enum action handle_io(struct vcpu *vcpu);

/* Fills the MSR bitmap: which MSRs the guest reaches without an exit. */
void msr_bitmap_fill(const struct vcpu *vcpu, void *bitmap);

/* The guest's value of a general register: RSP's is in the VMCS. */
uint64_t vcpu_gpr(const struct vcpu *vcpu, unsigned gpr);
void vcpu_set_gpr(struct vcpu *vcpu, unsigned gpr, uint64_t value);

#endif
