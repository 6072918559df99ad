/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit reason to handler, and the handlers that are a few lines. */
#include "kernel/fault.h"
#include "kernel/local_apic.h"
#include "kernel/log.h"
#include "vmx/attention.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/local_apic_absent.h"
#include "vmx/qualification.h"
#include "vmx/report.h"
#include "vmx/vmcs.h"
#include "vmx/wait_for_sipi.h"
#include "vmx/watch.h"

uint64_t vcpu_gpr(const struct vcpu *vcpu, unsigned gpr)
{
    return gpr == RSP ? vmread(VMCS_GUEST_RSP) : vcpu->frame.gpr[gpr];
}

void vcpu_set_gpr(struct vcpu *vcpu, unsigned gpr, uint64_t value)
{
    if (gpr == RSP) {
        vmwrite(VMCS_GUEST_RSP, value);
    } else {
        vcpu->frame.gpr[gpr] = value;
    }
}

/* Whether the guest's builder knows what to do with an exit that would end the VM. */
static bool is_hooks(struct vcpu *vcpu, enum action *action)
{
    return vcpu->vm->hooks->exit != NULL && vcpu->vm->hooks->exit(vcpu, action);
}

enum action handle_unexpected(struct vcpu *vcpu)
{
    enum action action;

    if (is_hooks(vcpu, &action)) {
        return action;
    }
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "unhandled exit %s", exit_reason_name(vcpu->exit->reason));
}

/* One that nobody here sent is the guest's, if the local APICs are: its own processors send it. */
static void take_nmi(struct vcpu *vcpu)
{
    uint32_t strays = this_cpu()->nmi_count;

    __asm__ volatile("int $2" : : : "memory");
    if (this_cpu()->nmi_count != strays && vcpu->vm->alone && vcpu->vm->vcpu_count > 1) {
        this_cpu()->nmi_count = strays;
        vcpu->nmi_pending = true;
        vcpu->attention |= ATTENTION_ASKED;
    }
    keep_waiting(vcpu);
}

/* An NMI or a machine check while the guest ran is the host's: it is handed to the host's own
 * handler, whose IRET also ends the blocking of NMIs. No other exception is intercepted. */
static enum action handle_exception_or_nmi(struct vcpu *vcpu)
{
    enum action action;

    if (watch_exit(vcpu, &action)) {
        return action;
    }
    switch (FIELD_GET(INTERRUPTION_VECTOR, vcpu->exit->interruption)) {
    case VECTOR_NMI:
        take_nmi(vcpu);
        return ACTION_RESUME;
    case VECTOR_MC:
        __asm__ volatile("int $18");
        return ACTION_RESUME;
    case VECTOR_BP: /* the guest's own, seen because a breakpoint of ours is set too */
        return inject_bp(vcpu);
    default:
        return handle_unexpected(vcpu);
    }
}

/* The PICs are masked, so this is something that the firmware left running: it is acknowledged, and
 * nothing more. */
static enum action handle_external_interrupt(struct vcpu *vcpu)
{
    local_apic_eoi((unsigned)FIELD_GET(INTERRUPTION_VECTOR, vcpu->exit->interruption));
    keep_waiting(vcpu);
    return ACTION_RESUME;
}

static enum action handle_triple_fault(struct vcpu *vcpu)
{
    if (vcpu->vm->hooks->triple_fault != NULL) {
        return vcpu->vm->hooks->triple_fault(vcpu);
    }
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "triple fault");
}

static enum action handle_task_switch(struct vcpu *vcpu)
{
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "task switch to TSS selector 0x%x",
                   task_switch_decode(vcpu->exit->qualification).selector);
}

static enum action handle_hlt(struct vcpu *vcpu)
{
    if (vcpu->vm->hooks->hlt != NULL) {
        return vcpu->vm->hooks->hlt(vcpu);
    }
    return vm_stop(vcpu, false, 0, "HLT");
}

/* INVD would throw away what the hypervisor has in the caches, so it becomes WBINVD. */
static enum action handle_invd(struct vcpu *vcpu)
{
    (void)vcpu;
    __asm__ volatile("wbinvd" : : : "memory");
    return ACTION_ADVANCE;
}

/* VMX, SMX, TDX and MONITOR are hidden: their instructions do what they do on a processor without
 * them. */
static enum action handle_hidden(struct vcpu *vcpu)
{
    return inject_ud(vcpu);
}

/* The processor checks the value: what it refuses, it refuses the guest too. SDM vol. 2D, "XSETBV".
 */
static enum action handle_xsetbv(struct vcpu *vcpu)
{
    uint64_t value = (vcpu->frame.gpr[RAX] & UINT32_MAX) | vcpu->frame.gpr[RDX] << 32;

    if (xsetbv_safe((uint32_t)vcpu->frame.gpr[RCX], value) != STATUS_OK) {
        return inject_gp(vcpu);
    }
    return ACTION_ADVANCE;
}

static enum action handle_ept_violation(struct vcpu *vcpu)
{
    gpa_t gpa = vcpu->exit->physical;
    enum action action;

    if (watch_exit(vcpu, &action)) {
        return action;
    }
    if (is_lazy(vcpu->vm, gpa)) {
        return vcpu_populate(vcpu, gpa);
    }
    if (local_apic_absent(vcpu, &action)) {
        return action;
    }
    if (is_hooks(vcpu, &action)) {
        return action;
    }
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "EPT violation at guest-physical 0x%lx", gpa.value);
}

static enum action handle_ept_misconfiguration(struct vcpu *vcpu)
{
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "EPT misconfiguration at guest-physical 0x%lx",
                   vcpu->exit->physical.value);
}

/* Only watches set the flag. */
static enum action handle_monitor_trap(struct vcpu *vcpu)
{
    enum action action;

    return watch_exit(vcpu, &action) ? action : handle_unexpected(vcpu);
}

/* An NMI waits for the guest: it is offered again. */
static enum action handle_nmi_window(struct vcpu *vcpu)
{
    vcpu->attention |= ATTENTION_ASKED;
    return ACTION_RESUME;
}

/* It only makes a busy guest exit: limit= counts. */
static enum action handle_preemption_timer(struct vcpu *vcpu)
{
    (void)vcpu;
    return ACTION_RESUME;
}

enum action (*const exit_handlers[EXIT_REASONS + 1])(struct vcpu *vcpu) = {
    [EXIT_EXCEPTION_OR_NMI] = handle_exception_or_nmi,
    [EXIT_EXTERNAL_INTERRUPT] = handle_external_interrupt,
    [EXIT_TRIPLE_FAULT] = handle_triple_fault,
    [EXIT_INIT] = handle_init,
    [EXIT_SIPI] = handle_sipi,
    [EXIT_NMI_WINDOW] = handle_nmi_window,
    [EXIT_TASK_SWITCH] = handle_task_switch,
    [EXIT_CPUID] = handle_cpuid,
    [EXIT_GETSEC] = handle_hidden,
    [EXIT_HLT] = handle_hlt,
    [EXIT_INVD] = handle_invd,
    [EXIT_VMCALL] = handle_hidden,
    [EXIT_VMCLEAR] = handle_hidden,
    [EXIT_VMLAUNCH] = handle_hidden,
    [EXIT_VMPTRLD] = handle_hidden,
    [EXIT_VMPTRST] = handle_hidden,
    [EXIT_VMREAD] = handle_hidden,
    [EXIT_VMRESUME] = handle_hidden,
    [EXIT_VMWRITE] = handle_hidden,
    [EXIT_VMXOFF] = handle_hidden,
    [EXIT_VMXON] = handle_hidden,
    [EXIT_CONTROL_REGISTER] = handle_control_register,
    [EXIT_IO_INSTRUCTION] = handle_io,
    [EXIT_RDMSR] = handle_rdmsr,
    [EXIT_WRMSR] = handle_wrmsr,
    [EXIT_MWAIT] = handle_hidden,
    [EXIT_MONITOR_TRAP] = handle_monitor_trap,
    [EXIT_MONITOR] = handle_hidden,
    [EXIT_EPT_VIOLATION] = handle_ept_violation,
    [EXIT_EPT_MISCONFIGURATION] = handle_ept_misconfiguration,
    [EXIT_INVEPT] = handle_hidden,
    [EXIT_PREEMPTION_TIMER] = handle_preemption_timer,
    [EXIT_INVVPID] = handle_hidden,
    [EXIT_XSETBV] = handle_xsetbv,
    [EXIT_SEAMCALL] = handle_hidden,
    [EXIT_TDCALL] = handle_hidden,
};
