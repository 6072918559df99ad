/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/secondaries.h"

#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/processors.h"
#include "vmx/attention.h"
#include "vmx/entry_audit.h"
#include "vmx/operations.h"
#include "vmx/request.h"
#include "vmx/run.h"
#include "vmx/trace.h"
#include "vmx/vmcs.h"
#include "vmx/wait_for_sipi.h"

static void tell(struct secondary *secondary, enum secondary_state state)
{
    __atomic_store_n(&secondary->state, state, __ATOMIC_RELEASE);
}

static bool first_runs(const struct vm *vm)
{
    const struct vcpu *first = vm->vcpus[0];

    return first != NULL && __atomic_load_n(&first->mail.running, __ATOMIC_SEQ_CST);
}

/* In the guest, until the VM has ended: by another, or by this one, which then fetches the first
 * out of its guest too. */
static void run_guest(struct vcpu *vcpu, struct secondary *secondary)
{
    vcpu_begin(vcpu);
    tell(secondary, SECONDARY_WAITS);
    if (!vm_has_ended(vcpu->vm)) {
        vcpu_loop(vcpu);
    }
    vcpu_end(vcpu);
    while (first_runs(vcpu->vm)) {
        request_end(vcpu->vm);
        processor_nap();
    }
    trace_drain(vcpu);
    guest_text_flush(vcpu);
    secondary->exits = vcpu->exits;
    statistics_log(vcpu);
}

/* On its own processor, from its preparation to the end of the VM; the first virtual CPU's takes it
 * away. */
static void run(void *context)
{
    struct secondary *secondary = context;
    struct vm *vm = secondary->vm;
    const struct vmx_operation *operation = vmx_operation_here();
    struct vcpu *vcpu = NULL;

    log_mute(true); /* as the first one's, which the log has */
    if (operation != NULL) {
        vcpu = vm_prepare_vcpu(vm, secondary->id, operation, secondary->request);
    }
    log_mute(false);
    if (vcpu == NULL) {
        tell(secondary, SECONDARY_FAILED);
        return;
    }
    wait_for_sipi(vcpu);
    if (audit_before_launch(vcpu)) {
        log_line("vm", "a further virtual CPU waits for its start-up IPI vm=%u vcpu=%u", vm->id,
                 vcpu->id);
        run_guest(vcpu, secondary);
    } else {
        tell(secondary, SECONDARY_FAILED);
    }
    (void)!vmclear(hpa_of(vcpu->vmcs)); /* on this processor, which may have it cached */
}

/* Until the last log line is out and the guest entered, or the making failed. */
static bool await_start(const struct secondary *secondary)
{
    uint32_t state;

    do {
        cpu_pause();
        state = __atomic_load_n(&secondary->state, __ATOMIC_ACQUIRE);
    } while (state == SECONDARY_BEGUN);
    return state == SECONDARY_WAITS;
}

bool secondaries_start(struct vcpu *first, const struct run_request *request)
{
    struct vm *vm = first->vm;
    const char *what;
    bool all = true;

    if (vm->vcpu_count > 1 && !can_wait_for_sipi(first->capabilities, &what)) {
        (void)vm_stop(first, true, 0, "several virtual CPUs need %s", what);
        vm->vcpu_count = 1;
        return false;
    }
    for (unsigned i = 1; i < vm->vcpu_count; i++) {
        vm->secondaries[i] = (struct secondary){.vm = vm, .id = i, .request = request};
        processor_begin(vm->processors[i], run, &vm->secondaries[i]);
    }
    for (unsigned i = 1; i < vm->vcpu_count; i++) {
        all = await_start(&vm->secondaries[i]) && all;
    }
    if (!all) {
        (void)vm_stop(first, true, 0, "a further virtual CPU could not be made");
    }
    return all;
}

void secondaries_end(struct vm *vm)
{
    if (vm->vcpu_count > 1) {
        request_end(vm);
    }
    for (unsigned i = 1; i < vm->vcpu_count; i++) {
        while (!processor_is_idle(vm->processors[i])) {
            request_end(vm); /* what came between test and entry was lost */
            processor_nap();
        }
        processor_finish(vm->processors[i]);
        if (vm->vcpus[i] != NULL) {
            vm_release(vm->vcpus[i]);
        }
        vm->exits += vm->secondaries[i].exits;
    }
}
