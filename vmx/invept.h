/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this processor has cached of a VM's EPT, made to go. SDM vol. 3C, "INVEPT—Invalidate
 * Translations Derived from EPT".
 */
#ifndef VMX_INVEPT_H
#define VMX_INVEPT_H

#include "vmx/vm.h"

/* From now on ept_settle() of the VM's space executes INVEPT, where a change of its tables needs
 * it. Once, before the VM is first entered. */
void invept_prepare(struct vm *vm, const struct vcpu *vcpu);

/* For who has changed an entry by hand: all that is cached of the space goes, on every processor
 * that runs the VM; and on the running one alone. */
void invept_now(const struct vcpu *vcpu);
void invept_here(const struct vcpu *vcpu);

/* Nothing is left of any space, such as an earlier VM's whose tables stood at the same place. */
void invept_everything(const struct vcpu *vcpu);

#endif
