/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM function 0: the guest itself switches to another EPT of a list. SDM vol. 3C, "VM Functions",
 * "EPTP Switching".
 */
#ifndef VMX_EPTP_LIST_H
#define VMX_EPTP_LIST_H

#include "vmx/vm.h"

#define EPTP_LIST_ENTRIES 512

/* Gives the current VMCS, whose "enable VM functions" control is on, an empty list, in which every
 * index is an invalid one. STATUS_NO_MEMORY; STATUS_UNSUPPORTED: no EPTP switching here. */
enum status eptp_list_start(struct vcpu *vcpu) NODISCARD;

/* The EPT pointer that the guest gets by VMFUNC with EAX = 0 and ECX = `index`; 0: none. */
void eptp_list_set(const struct vcpu *vcpu, unsigned index, uint64_t ept_pointer);

void eptp_list_stop(struct vcpu *vcpu);

#endif
