/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's mode, read from and written to the current VMCS. */
#ifndef VMX_GUEST_MODE_H
#define VMX_GUEST_MODE_H

#include "vmx/guest_cr.h"
#include "vmx/vm.h"

/* All of it, of the guest whose VMCS is current. */
struct guest_mode guest_mode_read(const struct vcpu *vcpu);

/* The guest's CR0 and CR4 as it sees them. */
uint64_t guest_cr0_read(void);
uint64_t guest_cr4_read(void);

/* With PAE paging: the PDPTEs, which the VMCS keeps. */
void guest_pdptes_read(uint64_t pdptes[4]);

/* Forgets what the TLBs hold of this guest's own translations. */
void guest_tlb_flush(const struct vcpu *vcpu);

#endif
