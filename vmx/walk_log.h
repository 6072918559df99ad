/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks of a guest's addresses, in the log as a rule, with the paging that the current VMCS gives
 * it. Only where the vCPU's VMCS is current: while the VM runs, and until vm_release().
 */
#ifndef VMX_WALK_LOG_H
#define VMX_WALK_LOG_H

#include "kernel/options.h"
#include "vmx/guest_walk.h"
#include "vmx/vm.h"

/* What is walked when a VM ends: the addresses that walk= names, else where RIP stands. */
struct walk_request {
    enum { WALK_RIP_NEVER, WALK_RIP_IF_FAILED, WALK_RIP_ALWAYS } rip;
    struct walk_option gpa, gva;
};

/* One address, as the processor would walk it for such an access. */
void walk_log_gpa(const struct vcpu *vcpu, gpa_t gpa, struct ept_access access);

/* The same in both dimensions; with `whole`, EPT's walk of each of the guest's tables too. */
void walk_log_gva(const struct vcpu *vcpu, gva_t gva, struct guest_access access, bool whole);

/* One linear address in both dimensions, with nothing logged. */
void walk_linear(const struct vcpu *vcpu, gva_t gva, struct guest_access access,
                 struct guest_path *path);

/* After an EPT violation or misconfiguration: the same walk, with nothing logged. Whose linear
 * address it was is known where the processor gives advanced exit information. */
struct ept_path walk_exit(const struct vcpu *vcpu);

/* After an EPT violation or misconfiguration: what was tried, and where the walk ended. */
void walk_log_exit(const struct vcpu *vcpu);

/* After the last exit. */
void walk_log_end(const struct vcpu *vcpu, const struct walk_request *request);

#endif
