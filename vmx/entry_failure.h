/* SPDX-License-Identifier: BSD-2-Clause */
/* VM entries that did not reach the guest. SDM vol. 3C, "VM-Entry Failures During or After Loading
 * Guest State". */
#ifndef VMX_ENTRY_FAILURE_H
#define VMX_ENTRY_FAILURE_H

#include "vmx/run.h"

/* VMLAUNCH or VMRESUME answered VMfail: reports it by name and ends the VM as failed. */
void entry_refused(struct vcpu *vcpu, enum vmx_result result);

/* The entry failed on guest state, MSR loading or a machine check: the same. */
void entry_failed(struct vcpu *vcpu);

#endif
