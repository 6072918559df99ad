/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps 4 to 8 of the flow: the VMCS, the first entry, and the way out. */
#include "vmx/launch.h"

#include "kernel/console.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "vmx/attention.h"
#include "vmx/audit_read.h"
#include "vmx/bit_names.h"
#include "vmx/break.h"
#include "vmx/entry_audit.h"
#include "vmx/eptp_list.h"
#include "vmx/handlers.h"
#include "vmx/host_state.h"
#include "vmx/invept.h"
#include "vmx/map_log.h"
#include "vmx/mutant.h"
#include "vmx/pml.h"
#include "vmx/request.h"
#include "vmx/run.h"
#include "vmx/secondaries.h"
#include "vmx/setup.h"
#include "vmx/trace.h"
#include "vmx/vector_state.h"
#include "vmx/watch.h"

#define PROVOKE_AT 3 /* exits: a few to show */

#define VCPU_PAGES (ALIGN_UP(sizeof(struct vcpu), PAGE_SIZE) / PAGE_SIZE)

static struct vcpu *vcpu_create(struct vm *vm, unsigned id,
                                const struct vmx_capabilities *capabilities,
                                const struct run_request *request)
{
    struct vcpu *vcpu;
    hpa_t base;

    if (page_take(VCPU_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &base) != STATUS_OK) {
        return NULL;
    }
    vcpu = memset(pointer_to(base), 0, sizeof(*vcpu));
    if (page_take_cleared(&vcpu->vmcs) != STATUS_OK) {
        page_give(base, VCPU_PAGES);
        return NULL;
    }
    *(uint32_t *)vcpu->vmcs = (uint32_t)FIELD_GET(VMX_BASIC_REVISION, capabilities->basic);
    vcpu->vm = vm;
    vcpu->id = id;
    vcpu->processor = this_cpu()->number;
    vcpu->vpid = (uint16_t)(vm->id * VM_MAX_VCPUS + id + 1); /* 0 is the hypervisor's */
    vcpu->limit = request->limit != 0 ? request->limit : UINT64_MAX;
    vcpu->provoke = strcmp(request->provoke, "exit") == 0;
    if (vcpu->provoke) {
        vcpu->limit = PROVOKE_AT;
    }
    vcpu->trace = request->trace;
    vcpu->attention = request->trace == TRACE_LIVE ? ATTENTION_TRACE : 0;
    vcpu->exit = &vcpu->ring[0];
    vcpu->frame.gpr[RDI] = vm->start.rdi;
    vcpu->frame.gpr[RSI] = vm->start.rsi;
    vcpu->cr0_fixed0 = capabilities->cr0_fixed0;
    vcpu->cr0_fixed1 = capabilities->cr0_fixed1;
    vcpu->cr4_fixed0 = capabilities->cr4_fixed0;
    vcpu->cr4_fixed1 = capabilities->cr4_fixed1;
    vcpu->io_information = capabilities->basic & VMX_BASIC_IO_INFO;
    vcpu->ept_pointer = MUTATE(EPT_POINTER, ept_pointer(&vm->ept, &vm->ept_abilities));
    vcpu->capabilities = capabilities;
    if (id == 0) {
        invept_prepare(vm, vcpu);
    }
    vcpu->audit = request->audit;
    audit_facts_read(&vcpu->facts);
    for (unsigned reason = 0; reason <= EXIT_REASONS; reason++) {
        vcpu->statistics[reason].least = UINT64_MAX;
    }
    vm->vcpus[id] = vcpu;
    return vcpu;
}

static void vcpu_destroy(struct vcpu *vcpu)
{
    vcpu->vm->vcpus[vcpu->id] = NULL;
    watch_stop(vcpu);
    pml_stop(vcpu);
    eptp_list_stop(vcpu);
    if (vcpu->sandbox.bytes != NULL) {
        page_give(vcpu->sandbox.hpa, SANDBOX_PAGES);
    }
    page_give(hpa_of(vcpu->vmcs), 1);
    page_give(hpa_of(vcpu), VCPU_PAGES);
}

/* With unrestricted guest, CR0.PE and CR0.PG are the guest's to clear. A machine check while the
 * guest runs is the host's, and with CR4.MCE clear it would be a shutdown: that bit stays set. */
static void adapt_fixed_bits(struct vcpu *vcpu)
{
    vcpu->cr4_fixed0 |= read_cr4() & CR4_MCE;
    if (vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_UNRESTRICTED) {
        vcpu->cr0_fixed0 &= ~(CR0_PE | CR0_PG);
    }
}

/* The names of the controls that are on, a group a line, or several where they do not fit; bits
 * without a name are reserved ones that must be 1. */
static void log_control_names(const struct vcpu *vcpu, enum control_group group)
{
    uint32_t bits = vcpu->controls.bits[group];
    unsigned bit = 0;

    while (bit < 64) {
        char names[LOG_ROOM - sizeof("controls vm=00 secondary=0x00000000 on=\"\"")];

        bit = bit_names_text((enum bit_names)group, bits, bit, names, sizeof(names));
        log_line("vmx", "controls vm=%u %s=0x%x on=\"%s\"", vcpu->vm->id, control_group_name(group),
                 bits, names);
    }
}

static void log_controls(const struct vcpu *vcpu)
{
    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        if (group <= CONTROL_ENTRY || vcpu->controls.bits[group] != 0) {
            log_control_names(vcpu, (enum control_group)group);
        }
    }
    if (vcpu->limit != UINT64_MAX && !(vcpu->controls.bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER)) {
        log_line("vmx", "the limit counts only the exits that the guest itself makes: there is no "
                        "preemption timer to make a busy guest exit");
    }
}

/* Makes the VMCS current, clear, and as EPT translations may be left from an earlier VM, those go
 * too. SDM vol. 3C, "Guidelines for Use of the INVEPT Instruction". */
static enum status load_vmcs(const struct vcpu *vcpu, const struct vmx_capabilities *capabilities)
{
    hpa_t region = hpa_of(vcpu->vmcs);
    enum vmx_result result = vmclear(region);

    if (result == VMX_SUCCEED) {
        result = vmptrld(region);
    }
    if (result != VMX_SUCCEED) {
        log_line("vmx", "VMCLEAR or VMPTRLD failed vmcs=0x%lx result=%d", region.value, result);
        return STATUS_INVALID;
    }
    log_line("vmx", "VMCLEAR, VMPTRLD vm=%u vmcs=0x%lx revision=0x%x", vcpu->vm->id, region.value,
             *(const uint32_t *)vcpu->vmcs);
    invept_everything(vcpu);
    if (capabilities->ept_vpid & VPID_CAP_ALL_CONTEXTS) {
        (void)!invvpid(INVVPID_ALL_CONTEXTS, 0);
    } else if (vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_VPID) {
        (void)!invvpid(INVVPID_SINGLE_CONTEXT, vcpu->vpid);
    }
    return STATUS_OK;
}

static enum status prepare(struct vcpu *vcpu, const struct vmx_capabilities *capabilities,
                           const struct run_request *request)
{
    char why[64];

    if (setup_controls(vcpu, capabilities, why, sizeof(why)) != STATUS_OK) {
        (void)vm_stop(vcpu, true, 0, "%s", why);
        return STATUS_UNSUPPORTED;
    }
    adapt_fixed_bits(vcpu);
    log_controls(vcpu);
    msr_bitmap_fill(vcpu, vcpu->vm->msr_bitmap);
    if (load_vmcs(vcpu, capabilities) != STATUS_OK) {
        (void)vm_stop(vcpu, true, 0, "no current VMCS");
        return STATUS_INVALID;
    }
    setup_control_fields(vcpu);
    setup_host_state(vcpu);
    setup_guest_state(vcpu);
    log_line("vmx",
             "VMCS filled vm=%u guest-rip=0x%lx guest-rsp=0x%lx guest-cr3=0x%lx host-rip=0x%lx "
             "host-rsp=0x%lx msr-bitmap=0x%lx",
             vcpu->vm->id, vmread(VMCS_GUEST_RIP), vmread(VMCS_GUEST_RSP), vmread(VMCS_GUEST_CR3),
             vmread(VMCS_HOST_RIP), vmread(VMCS_HOST_RSP), vmread(VMCS_MSR_BITMAP));
    if (vcpu->id == 0 && vcpu->vm->hooks->prepare != NULL &&
        vcpu->vm->hooks->prepare(vcpu, why, sizeof(why)) != STATUS_OK) {
        (void)vm_stop(vcpu, true, 0, "%s", why);
        return STATUS_UNSUPPORTED;
    }
    break_fields(vcpu, request->breaks);
    return STATUS_OK;
}

static void log_memory(const struct vm *vm)
{
    uint64_t guest = 0;
    uint64_t others;

    for (unsigned i = 0; i < vm->range_count; i++) {
        guest += vm->ranges[i].length;
    }
    others = (pages_held() - vm->pages_before) * PAGE_SIZE - guest;
    log_line("memory", "taken vm=%u guest=%lu-KiB others=%lu-KiB ept-tables=%lu", vm->id,
             guest / KIB, others / KIB, vm->ept.table.tables);
}

/* What a VM exit does not restore has been put back: said, and looked at. */
static void check_host_state(const struct vcpu *vcpu)
{
    char names[120];
    unsigned differ = host_state_compare(&vcpu->host, names, sizeof(names));

    log_line("vm", "left, host state restored and compared vm=%u differs=\"%s\"", vcpu->vm->id,
             names);
    if (differ != 0 && !vcpu->vm->end.failed) {
        vcpu->vm->end.failed = true;
        string_copy(vcpu->vm->end.why, sizeof(vcpu->vm->end.why),
                    "the processor is not as before the VM");
    }
}

void vm_release(struct vcpu *vcpu)
{
    (void)!vmclear(hpa_of(vcpu->vmcs)); /* nothing of it stays cached in the processor */
    vcpu_destroy(vcpu);
}

struct vcpu *vm_prepare(struct vm *vm, const struct vmx_operation *operation,
                        const struct run_request *request)
{
    return vm_prepare_vcpu(vm, 0, operation, request);
}

struct vcpu *vm_prepare_vcpu(struct vm *vm, unsigned id, const struct vmx_operation *operation,
                             const struct run_request *request)
{
    struct vcpu *vcpu = vcpu_create(vm, id, &operation->capabilities, request);
    enum status status;

    if (strcmp(request->provoke, "unhandled") == 0) {
        vm->extra.bits[CONTROL_PRIMARY] |= PRIMARY_RDTSC; /* whose exits have no handler */
    }
    if (vcpu == NULL) {
        vm->end = (struct vm_end){
            .ended = true, .failed = true, .why = "out of memory", .status = STATUS_NO_MEMORY};
        return NULL;
    }
    status = prepare(vcpu, &operation->capabilities, request);
    if (status != STATUS_OK) {
        vm->end.status = status;
        vm_release(vcpu);
        return NULL;
    }
    return vcpu;
}

void vcpu_begin(struct vcpu *vcpu)
{
    this_cpu()->tenant = vcpu;
    host_state_save(&vcpu->host);
    vector_state_reset();
    request_begin(vcpu);
}

void vcpu_end(struct vcpu *vcpu)
{
    request_end_of(vcpu);
    host_state_restore(&vcpu->host);
    vector_state_reset();
    this_cpu()->tenant = NULL;
}

void vm_start_ready(struct vm_start *together)
{
    if (together != NULL) {
        __atomic_fetch_sub(&together->awaited, 1, __ATOMIC_ACQ_REL);
    }
}

static void start_together(struct vm_start *together)
{
    vm_start_ready(together);
    while (together != NULL && __atomic_load_n(&together->awaited, __ATOMIC_ACQUIRE) != 0) {
        cpu_pause();
    }
}

/* From the first entry to the last exit, and the processor as it was. */
static void run(struct vcpu *vcpu, const struct run_request *request)
{
    struct vm *vm = vcpu->vm;

    if (!secondaries_start(vcpu, request)) {
        return;
    }
    vcpu_begin(vcpu);
    log_line("vm", "launch by VMLAUNCH vm=%u vcpu=%u guest=%s", vm->id, vcpu->id, vm->guest);
    console_drain(); /* a guest that stops the processor would keep what is still in the FIFO */
    start_together(vm->together);
    vm->together = NULL;
    vm->waited = console_waited() + time_waited();
    vm->first_entry = rdtsc();
    (void)vmx_count_take(); /* those of the preparation */
    if (!vm_has_ended(vm)) {
        vcpu_loop(vcpu);
    }
    vcpu_end(vcpu);
    trace_drain(vcpu);
    guest_text_flush(vcpu);
    check_host_state(vcpu);
}

/* An exit of an entry that failed is no exit of the guest's, and costs nothing. */
static bool was_entered(const struct vcpu *vcpu)
{
    for (unsigned reason = 0; reason <= EXIT_REASONS; reason++) {
        if (vcpu->statistics[reason].count != 0) {
            return true;
        }
    }
    return false;
}

static void log_end(const struct vm *vm, unsigned vcpu, uint64_t exits)
{
    log_line("vm", "end vm=%u vcpu=%u guest=%s why=\"%s\" exits=%lu code=%u", vm->id, vcpu,
             vm->guest, vm->end.why, exits, vm->end.code);
}

void vm_run(struct vm *vm, const struct vmx_operation *operation, const struct run_request *request)
{
    struct vcpu *vcpu = vm_prepare(vm, operation, request);

    if (vcpu == NULL) {
        log_end(vm, 0, 0);
        return;
    }
    log_memory(vm);
    if (audit_before_launch(vcpu)) {
        run(vcpu, request);
    }
    secondaries_end(vm);
    if (request->walk.rip == WALK_RIP_ALWAYS || vm->end.failed) {
        map_log(vm);
    }
    walk_log_end(vcpu, &request->walk);
    if (vm->hooks->finish != NULL) {
        vm->hooks->finish(vcpu);
    }
    vm->exits += vcpu->exits;
    vm->entered = was_entered(vcpu);
    log_end(vm, vcpu->id, vm->exits);
    if (vm->entered) {
        statistics_log(vcpu);
    }
    vm_release(vcpu);
}
