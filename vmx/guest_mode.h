/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's mode, read from and written to the current VMCS. */
#ifndef VMX_GUEST_MODE_H
#define VMX_GUEST_MODE_H

#include "vmx/guest_cr.h"
#include "vmx/vm.h"

struct guest_mode guest_mode_read(const struct vcpu *vcpu);

/* The guest's CR0, CR4 and EFER as it sees them. */
uint64_t guest_cr0_read(void);
uint64_t guest_cr4_read(void);
uint64_t guest_efer_read(const struct vcpu *vcpu);
void guest_efer_write(const struct vcpu *vcpu, uint64_t value);

/* Forgets what the TLBs hold of this guest's own translations. */
void guest_tlb_flush(const struct vcpu *vcpu);

#endif
