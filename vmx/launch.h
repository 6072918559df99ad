/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM from empty to gone: create, fill (the guest room's work), run, destroy. */
#ifndef VMX_LAUNCH_H
#define VMX_LAUNCH_H

#include "vmx/vm.h"
#include "vmx/walk_log.h"

/* What a run of a VM is asked for. */
struct run_request {
    enum trace_mode trace;
    uint64_t limit;      /* exits; 0: none */
    const char *provoke; /* what to break, to see it reported: "exit", "unhandled" or "" */
    enum audit_mode audit;
    const char *breaks;       /* break=: VMCS fields to change before launch, or "" */
    struct walk_request walk; /* what to walk when the VM ends */
};

/*
 * Makes an empty VM on the running processor, which is in VMX operation: EPT and bitmaps.
 * STATUS_UNSUPPORTED: no EPT here, said in `why`; STATUS_NO_MEMORY.
 */
enum status vm_create(struct vm *vm, unsigned id, const char *guest,
                      const struct vmx_operation *operation, char *why, size_t size) NODISCARD;

/* Logs what guest-physical memory the VM has, range by range, and the EPT pointer. */
void vm_log_map(const struct vm *vm);

/*
 * Makes the VM's virtual CPU, its VMCS current and filled as `request` says. NULL: it could not be
 * done, which vm->end tells. vm_release() takes it away again, the VMCS cleared.
 */
struct vcpu *vm_prepare(struct vm *vm, const struct vmx_operation *operation,
                        const struct run_request *request);
void vm_release(struct vcpu *vcpu);

/* The same for virtual CPU `id`, on the processor that is to run it. */
struct vcpu *vm_prepare_vcpu(struct vm *vm, unsigned id, const struct vmx_operation *operation,
                             const struct run_request *request);

/* Takes the running processor for a prepared vcpu, and gives it back as it was: around all entries.
 */
void vcpu_begin(struct vcpu *vcpu);
void vcpu_end(struct vcpu *vcpu);

/*
 * Prepares the VM, audits its VMCS, launches it and runs it until it ends; vm->end tells how, and
 * is logged, with the statistics. A failure before the first entry is an ending too. The
 * processor's state is as before.
 */
void vm_run(struct vm *vm, const struct vmx_operation *operation,
            const struct run_request *request);

/* One VM less is awaited: for one that will not be entered, in place of vm_run(). */
void vm_start_ready(struct vm_start *together);

/* Gives back all memory of the VM, the guest's included. */
void vm_destroy(struct vm *vm);

#endif
