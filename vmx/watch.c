/* SPDX-License-Identifier: BSD-2-Clause */
/* The exits that watches cause: a violation opens pages, the monitor trap closes them. */
#include "vmx/watch.h"

#include "ept/violation.h"
#include "kernel/fault.h"
#include "vmx/guest_linear.h"
#include "vmx/guest_mode.h"
#include "vmx/invept.h"
#include "vmx/vmcs.h"
#include "vmx/watch_state.h"

static void set_trap(const struct vcpu *vcpu, bool on)
{
    vmwrite(VMCS_PRIMARY_CONTROLS,
            vcpu->controls.bits[CONTROL_PRIMARY] | (on ? PRIMARY_MONITOR_TRAP : 0));
}

static void put_report(struct vcpu *vcpu, const struct watch_report *report)
{
    struct watch_state *state = vcpu->watching;

    state->reports[state->written++ % WATCH_REPORTS] = *report;
    vcpu->attention |= ATTENTION_WATCH;
}

/* Lets one instruction reach the page, and steps it; then `report`, if any, is finished. */
static bool step(struct vcpu *vcpu, gpa_t page, uint32_t access, const struct watch *ignored,
                 const struct watch_report *report)
{
    struct watch_state *state = vcpu->watching;

    if (!watch_open(vcpu, page, access, ignored)) {
        return false;
    }
    if (report != NULL && state->step_count < STEP_REPORTS) {
        state->step[state->step_count++] = *report;
    }
    invept_now(vcpu);
    set_trap(vcpu, true);
    vcpu->attention |= ATTENTION_STEP;
    return true;
}

/* The instruction is done, or comes to nothing: what was opened is closed again. */
static void end_step(struct vcpu *vcpu)
{
    struct watch_state *state = vcpu->watching;

    for (unsigned i = 0; i < state->step_count; i++) {
        struct watch_report *report = &state->step[i];
        report->tried = report->done == WATCH_IGNORE
                            ? watch_bytes(watch_place(vcpu, report->gpa), report->gpa)
                            : 0;
    }
    watch_close_open(vcpu);
    for (unsigned i = 0; i < state->step_count; i++) {
        state->step[i].after = watch_bytes_in_memory(vcpu, state->step[i].gpa);
        put_report(vcpu, &state->step[i]);
    }
    state->step_count = 0;
    invept_now(vcpu);
    set_trap(vcpu, false);
    vcpu->attention &= ~(uint32_t)ATTENTION_STEP;
}

static bool is_let_through(enum watch_policy done)
{
    return done == WATCH_REPORT || done == WATCH_IGNORE;
}

static uint32_t access_of(uint64_t qualification)
{
    return (qualification & EPT_VIOLATION_READ ? WATCH_READ : 0) |
           (qualification & EPT_VIOLATION_WRITE ? WATCH_WRITE : 0) |
           (qualification & EPT_VIOLATION_FETCH ? WATCH_FETCH : 0);
}

/* An access that no watch is about, on a page that is closed for others. */
static bool take_bystander(struct vcpu *vcpu, gpa_t gpa, uint32_t access)
{
    gpa_t page = watch_page(gpa);
    bool watched = false;

    for (unsigned i = 0; i < WATCHES; i++) {
        watched |= watch_covers(&vcpu->watching->watches[i], page);
    }
    return watched && guest_access(vcpu->vm, page, PAGE_SIZE) != NULL &&
           step(vcpu, page, access, NULL, NULL);
}

/* An access to `length` bytes of a page; `linear` NULL: it has no linear address. False: it is no
 * watch's. */
static bool take_access(struct vcpu *vcpu, struct watch_report *report, uint64_t length,
                        const gva_t *linear, enum action *action)
{
    const struct watch *watch = watch_decides(vcpu->watching, report->gpa, length, report->access);

    if (watch == NULL) {
        return take_bystander(vcpu, report->gpa, report->access);
    }
    report->before = watch_bytes_in_memory(vcpu, report->gpa);
    report->done = watch_judge(vcpu, watch, report);
    if (is_let_through(report->done)) {
        return step(vcpu, watch_page(report->gpa), report->access,
                    report->done == WATCH_IGNORE ? watch : NULL, report);
    }
    end_step(vcpu);
    report->after = report->before;
    put_report(vcpu, report);
    *action = watch_refuse(vcpu, watch, report, linear);
    return true;
}

/* Where an access begins is known, and not how long it is. Of one to the guest's own paging
 * structures, the linear address is not what was accessed. */
static bool take_violation(struct vcpu *vcpu, enum action *action)
{
    const struct vmx_exit *exit = vcpu->exit;
    uint64_t own = EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION;
    struct watch_report report = {
        .rip = exit->rip, .gpa = exit->physical, .access = access_of(exit->qualification)};

    return take_access(vcpu, &report, 1, (exit->qualification & own) == own ? &exit->linear : NULL,
                       action);
}

static bool take_trap(struct vcpu *vcpu)
{
    if (vcpu->watching->open_count == 0) {
        return false;
    }
    end_step(vcpu);
    return true;
}

/* The instruction that the breakpoint hides is executed by a step on the guest's own page. */
static bool take_breakpoint(struct vcpu *vcpu)
{
    const struct watch_state *state = vcpu->watching;
    struct watch_report report = {.rip = vcpu->exit->rip, .access = WATCH_BREAKPOINT};
    struct guest_mode mode = guest_mode_read(vcpu);
    uint32_t error_code;
    gpa_t at;

    if (guest_translate(vcpu->vm, &mode, GVA(vcpu->exit->rip), false, &at, &error_code) !=
        STATUS_OK) {
        return false;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch_range *range = &state->watches[i].range;
        if (range->access == WATCH_BREAKPOINT && range->from.value == at.value) {
            report.gpa = at;
            report.before = watch_bytes_in_memory(vcpu, at);
            return step(vcpu, watch_page(at), WATCH_FETCH, NULL, &report);
        }
    }
    return false;
}

bool watch_exit(struct vcpu *vcpu, enum action *action)
{
    *action = ACTION_RESUME;
    if (vcpu->watching == NULL) {
        return false;
    }
    switch (vcpu->exit->reason) {
    case EXIT_EPT_VIOLATION:
        return take_violation(vcpu, action);
    case EXIT_MONITOR_TRAP:
        return take_trap(vcpu);
    case EXIT_EXCEPTION_OR_NMI:
        return FIELD_GET(INTERRUPTION_VECTOR, vcpu->exit->interruption) == VECTOR_BP &&
               take_breakpoint(vcpu);
    default:
        return false;
    }
}

bool watch_reach(struct vcpu *vcpu, gpa_t gpa, unsigned length, uint32_t access, gva_t linear,
                 void **place, enum action *action)
{
    struct watch_report report = {.rip = vcpu->exit->rip, .gpa = gpa, .access = access};

    *action = ACTION_RESUME;
    if (vcpu->watching == NULL || !take_access(vcpu, &report, length, &linear, action)) {
        return false;
    }
    *place = is_let_through(report.done) ? watch_place(vcpu, gpa) : NULL;
    return true;
}

void watch_reached(struct vcpu *vcpu)
{
    if (vcpu->attention & ATTENTION_STEP) {
        end_step(vcpu);
    }
}

void watch_settle(struct vcpu *vcpu)
{
    if (vcpu->exit->action != ACTION_RESUME) {
        end_step(vcpu);
    }
}
