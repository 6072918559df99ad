/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/audit_rig.h"

#include "guest/guest.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "selftest/known_errors.h"
#include "selftest/needs.h"
#include "vmx/audit_read.h"
#include "vmx/host_state.h"
#include "vmx/run.h"

#define RIG_PAGES (ALIGN_UP(sizeof(struct audit_rig), PAGE_SIZE) / PAGE_SIZE)
#define RIG_VM    0 /* its number in the log */

/* Fields that the base gives a value, so that switching a control on is all that a mutation has to
 * do; absent ones are passed over. */
static void fill_unused(struct audit *audit)
{
    static const uint8_t zero[] = {
        INDEX_GUEST_PERF_GLOBAL_CTRL,
        INDEX_GUEST_BNDCFGS,
        INDEX_GUEST_RTIT_CTL,
        INDEX_GUEST_LBR_CTL,
        INDEX_GUEST_PKRS,
        INDEX_GUEST_S_CET,
        INDEX_GUEST_SSP,
        INDEX_GUEST_INTERRUPT_SSP_TABLE,
        INDEX_HOST_SSP,
        INDEX_GUEST_UINV,
        INDEX_TERTIARY_CONTROLS,
        INDEX_SECONDARY_EXIT_CONTROLS,
        INDEX_TPR_THRESHOLD,
        INDEX_VM_FUNCTION_CONTROLS,
        INDEX_GUEST_INTERRUPT_STATUS,
        INDEX_EPTP_INDEX,
        INDEX_GUEST_PDPTE0,
        INDEX_GUEST_PDPTE1,
        INDEX_GUEST_PDPTE2,
        INDEX_GUEST_PDPTE3,
        INDEX_EOI_EXIT_BITMAP_0,
        INDEX_EOI_EXIT_BITMAP_1,
        INDEX_EOI_EXIT_BITMAP_2,
        INDEX_EOI_EXIT_BITMAP_3,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(zero); i++) {
        audit->value[zero[i]] = 0;
    }
    audit->value[INDEX_TSC_MULTIPLIER] = 1;
    audit->value[INDEX_PML_INDEX] = 511;
}

static bool is_writable(unsigned index)
{
    return vmcs_kind(vmcs_field_at(index)) != VMCS_READ_ONLY;
}

/* Brings the VMCS from rig->written to rig->trial. */
static void write_fields(struct audit_rig *rig)
{
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (rig->trial.present[i] && is_writable(i) &&
            rig->trial.value[i] != rig->written.value[i]) {
            vmwrite(vmcs_field_at(i), rig->trial.value[i]);
            rig->written.value[i] = rig->trial.value[i];
        }
    }
}

/* VMLAUNCH wants a VMCS that is clear; its contents stay. */
static void make_clear(const struct audit_rig *rig)
{
    hpa_t region = hpa_of(rig->vcpu->vmcs);

    if (vmclear(region) != VMX_SUCCEED || vmptrld(region) != VMX_SUCCEED) {
        panic("VMCLEAR or VMPTRLD failed vmcs=0x%lx", region.value);
    }
}

static enum entry_answer launch(struct audit_rig *rig, uint64_t *detail)
{
    enum vmx_result entry = vmx_enter(&rig->vcpu->frame, false);
    uint64_t reason;

    if (entry != VMX_SUCCEED) {
        *detail = entry == VMX_FAIL_VALID ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0;
        return entry_answer_of_error(*detail);
    }
    reason = vmread(VMCS_EXIT_REASON);
    if (!(reason & EXIT_REASON_ENTRY_FAILURE)) {
        *detail = reason;
        make_clear(rig);
        return ANSWER_ENTERED;
    }
    *detail = vmread(VMCS_EXIT_QUALIFICATION);
    return entry_answer_of_failure(reason);
}

static bool host_differs(const struct audit *a, const struct audit *b)
{
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (a->value[i] != b->value[i] && vmcs_kind(vmcs_field_at(i)) == VMCS_HOST) {
            return true;
        }
    }
    return a->value[INDEX_EXIT_CONTROLS] != b->value[INDEX_EXIT_CONTROLS];
}

/* A failed entry loads the host's state too: what the trial had there is loaded over by what the
 * base has, with every load control that the trial used. */
static void restore_host(struct audit_rig *rig)
{
    uint64_t exit_controls = rig->trial.value[INDEX_EXIT_CONTROLS];
    enum entry_answer again;
    uint64_t detail;

    audit_rig_reset(rig);
    rig->trial.value[INDEX_EXIT_CONTROLS] |= exit_controls;
    rig->trial.value[INDEX_PIN_CONTROLS] |=
        exit_controls & EXIT_SAVE_PREEMPTION_TIMER ? PIN_PREEMPTION_TIMER : 0;
    write_fields(rig);
    again = launch(rig, &detail);
    if (again != ANSWER_MSR_LOAD) {
        log_line("selftest", "the host's state could not be loaded again answer=%s detail=%lu",
                 entry_answer_name(again), detail);
    }
}

void audit_rig_try(struct audit_rig *rig, struct audit_trial *result)
{
    const struct vcpu *vcpu = rig->vcpu;
    struct audit seen;

    write_fields(rig);
    audit_read(&seen, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    result->count = audit_run(&seen, result->findings, TRIAL_FINDINGS);
    result->answer = launch(rig, &result->detail);
    if (result->answer != ANSWER_CONTROLS && result->answer != ANSWER_HOST) {
        audit_msrs_restore(&rig->msrs, &rig->trial);
        if (host_differs(&rig->trial, &rig->base)) {
            restore_host(rig);
        }
    }
    /* A VM exit writes the guest's state and more: what the VMCS holds now is not known. */
    if (result->answer == ANSWER_ENTERED) {
        audit_read(&rig->written, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    }
}

void audit_rig_reset(struct audit_rig *rig)
{
    rig->trial = rig->base;
    audit_sandbox_fill(&rig->sandbox, rig->vcpu->capabilities);
}

/* What a control makes the processor store to. */
static void point_to_sandbox(struct audit_rig *rig)
{
    static const uint8_t fields[] = {INDEX_VIRTUAL_APIC_ADDRESS, INDEX_POSTED_INTERRUPT_DESCRIPTOR,
                                     INDEX_PML_ADDRESS, INDEX_VE_INFORMATION_ADDRESS};

    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        rig->trial.value[fields[i]] = rig->sandbox.hpa.value + SANDBOX_ANY;
    }
}

/* The VMCS of the built-in hlt, with the poison, and every unused field given a value. */
static void make_base(struct audit_rig *rig)
{
    const struct vcpu *vcpu = rig->vcpu;

    audit_read(&rig->written, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    rig->trial = rig->written;
    fill_unused(&rig->trial);
    audit_msrs_read(&rig->msrs, &rig->trial);
    audit_msrs_to_host(&rig->msrs, &rig->trial);
    point_to_sandbox(rig);
    rig->trial.value[INDEX_ENTRY_MSR_LOAD_ADDRESS] = rig->sandbox.hpa.value + SANDBOX_MSRS;
    rig->trial.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 1;
    write_fields(rig);
    audit_read(&rig->base, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    audit_rig_reset(rig);
}

static enum status build(struct audit_rig *rig, const struct vmx_operation *operation, char *why,
                         size_t size)
{
    const struct guest *guest = guest_find("hlt");
    const struct run_request request = {
        .trace = TRACE_OFF, .provoke = "", .breaks = "", .audit = AUDIT_OFF};
    enum status status;
    hpa_t sandbox;

    if (page_take(SANDBOX_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &sandbox) != STATUS_OK) {
        string_copy(why, size, "too little memory");
        return STATUS_NO_MEMORY;
    }
    rig->sandbox = (struct audit_sandbox){pointer_to(sandbox), sandbox};
    status = vm_create(&rig->vm, RIG_VM, guest->name, operation, why, size);
    if (status == STATUS_OK) {
        status = guest_build(&rig->vm, guest, NULL, 0, why, size);
    }
    if (status != STATUS_OK) {
        return status;
    }
    rig->vcpu = vm_prepare(&rig->vm, operation, &request);
    if (rig->vcpu == NULL) {
        string_copy(why, size, rig->vm.end.why);
        return rig->vm.end.status;
    }
    vcpu_begin(rig->vcpu);
    audit_sandbox_fill(&rig->sandbox, rig->vcpu->capabilities);
    make_base(rig);
    return STATUS_OK;
}

enum status audit_rig_create(const struct vmx_operation *operation, struct audit_rig **rig,
                             char *why, size_t size)
{
    enum status status;
    hpa_t pages;

    if (page_take(RIG_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &pages) != STATUS_OK) {
        string_copy(why, size, "too little memory");
        return STATUS_NO_MEMORY;
    }
    *rig = memset(pointer_to(pages), 0, sizeof(**rig));
    status = build(*rig, operation, why, size);
    if (status != STATUS_OK) {
        audit_rig_destroy(*rig);
        *rig = NULL;
    }
    return status;
}

enum ktap_status audit_rig_begin(struct selftest *selftest)
{
    const struct vmx_capabilities *capabilities = &selftest->operation->capabilities;
    struct audit_rig *rig = NULL;
    char needs[80];
    enum status status =
        audit_rig_create(selftest->operation, &rig, selftest->note, sizeof(selftest->note));

    selftest->suite = rig;
    if (status == STATUS_UNSUPPORTED &&
        !control_offered(capabilities, CONTROL_SECONDARY, SECONDARY_EPT)) {
        needs_text(capabilities, CONTROL_SECONDARY, (unsigned)__builtin_ctz(SECONDARY_EPT), needs,
                   sizeof(needs));
        format_text(selftest->note, sizeof(selftest->note), "needs %s", needs);
    }
    return status == STATUS_OK ? KTAP_OK : status == STATUS_UNSUPPORTED ? KTAP_SKIP : KTAP_NOT_OK;
}

void audit_rig_end(struct selftest *selftest)
{
    audit_rig_destroy(selftest->suite);
}

/* Said only where it is so: an error of ours. */
static void check_host(const struct audit_rig *rig)
{
    unsigned msrs = audit_msrs_compare(&rig->msrs);
    char names[120];

    if (host_state_compare(&rig->vcpu->host, names, sizeof(names)) != 0 || msrs != 0) {
        log_line("selftest", "the processor is not as before differs=\"%s\" msrs=%u", names, msrs);
    }
}

void audit_rig_destroy(struct audit_rig *rig)
{
    if (rig->vcpu != NULL) {
        audit_msrs_restore(&rig->msrs, NULL);
        vcpu_end(rig->vcpu);
        check_host(rig);
        vm_release(rig->vcpu);
    }
    if (rig->vm.guest != NULL) {
        vm_destroy(&rig->vm);
    }
    if (rig->sandbox.bytes != NULL) {
        page_give(rig->sandbox.hpa, SANDBOX_PAGES);
    }
    page_give(hpa_of(rig), RIG_PAGES);
}

static unsigned count_bits(uint64_t bits)
{
    unsigned count = 0;

    for (; bits != 0; bits &= bits - 1) {
        count++;
    }
    return count;
}

void audit_rig_log_known(const struct audit_rig *rig, const char *machine)
{
    log_line("selftest", "known errors of the emulator met=%u of=%u rows=0x%lx",
             count_bits(rig->total.rows), count_bits(known_errors_rows(machine)), rig->total.rows);
}

void audit_rig_log_changes(const struct audit_rig *rig)
{
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (rig->trial.value[i] != rig->base.value[i]) {
            log_line("selftest", "changed field=%s was=0x%lx now=0x%lx",
                     vmcs_field_name(vmcs_field_at(i)), rig->base.value[i], rig->trial.value[i]);
        }
    }
}
