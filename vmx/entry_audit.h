/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The auditor on the way of a launch: it speaks before the processor does, and the processor's word
 * is put beside its own. SDM vol. 3C, "VM Entries".
 */
#ifndef VMX_ENTRY_AUDIT_H
#define VMX_ENTRY_AUDIT_H

#include "vmx/audit_agree.h"
#include "vmx/vm.h"

/* Audits the current VMCS and logs what is broken. False: audit=strict, and so the VM has ended. */
bool audit_before_launch(struct vcpu *vcpu);

/*
 * The processor refused the entry, as `answer` and `detail` of a struct audit_trial say. Audits
 * again, logs what is broken unless it has been logged before the launch, and whether the two
 * agree; then logs the whole VMCS.
 */
void audit_after_refusal(struct vcpu *vcpu, enum entry_answer answer, uint64_t detail);

/* The guest was entered, though rules are broken. */
void audit_after_entry(const struct vcpu *vcpu);

#endif
