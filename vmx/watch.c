/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/watch.h"

#include "ept/violation.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/guest_linear.h"
#include "vmx/guest_mode.h"
#include "vmx/invept.h"
#include "vmx/vmcs.h"
#include "vmx/watch_state.h"

bool watch_covers(const struct watch *watch, gpa_t page)
{
    return watch->access != 0 && watch->from.value < page.value + PAGE_SIZE &&
           watch->from.value + watch->length > page.value;
}

/* The rights that leave every access of a watch to fail. What processors do not take is taken away
 * too: writing without reading, and fetching alone where that is not supported. */
static uint64_t closed_rights(const struct vcpu *vcpu, gpa_t page)
{
    bool execute_only = vcpu->capabilities->ept_vpid & EPT_CAP_EXECUTE_ONLY;
    uint64_t rights = EPT_RWX;

    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &vcpu->watching->watches[i];
        if (!watch_covers(watch, page)) {
            continue;
        }
        rights &= watch->access & WATCH_READ ? ~(uint64_t)(EPT_READ | EPT_WRITE) : EPT_RWX;
        rights &= watch->access & WATCH_WRITE ? ~(uint64_t)EPT_WRITE : EPT_RWX;
        rights &= watch->access & WATCH_FETCH ? ~(uint64_t)EPT_EXECUTE : EPT_RWX;
        rights &= watch->shadow != NULL ? EPT_EXECUTE : EPT_RWX;
    }
    return rights == EPT_EXECUTE && !execute_only ? 0 : rights;
}

/* The breakpoints of a page share one copy. */
static uint8_t *shadow_of(const struct watch_state *state, gpa_t page)
{
    for (unsigned i = 0; i < WATCHES; i++) {
        if (watch_covers(&state->watches[i], page) && state->watches[i].shadow != NULL) {
            return state->watches[i].shadow;
        }
    }
    return NULL;
}

static void fill_shadow(const struct vcpu *vcpu, gpa_t page, uint8_t *shadow)
{
    const struct watch_state *state = vcpu->watching;

    memcpy(shadow, guest_access(vcpu->vm, page, PAGE_SIZE), PAGE_SIZE);
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &state->watches[i];
        if (watch_covers(watch, page) && watch->access == WATCH_BREAKPOINT) {
            shadow[watch->from.value % PAGE_SIZE] = OPCODE_INT3;
        }
    }
}

/* The entry of the page, a leaf of 4 KiB since it is watched. */
static uint64_t *leaf_of(const struct vcpu *vcpu, gpa_t page)
{
    struct pt_walk walk = ept_walk(&vcpu->vm->ept, page);
    uint64_t *entries = pointer_to(walk.table[1]);

    return &entries[pt_index(1, page.value)];
}

static void set_page(const struct vcpu *vcpu, gpa_t page, uint64_t rights, const void *memory)
{
    uint64_t *leaf = leaf_of(vcpu, page);
    uint64_t address = vcpu->vm->ept.format.address;

    __atomic_store_n(leaf, (*leaf & ~(EPT_RWX | address)) | rights | hpa_of(memory).value,
                     __ATOMIC_RELEASE);
}

void watch_close(const struct vcpu *vcpu, gpa_t page)
{
    uint8_t *shadow = shadow_of(vcpu->watching, page);

    if (shadow != NULL) {
        fill_shadow(vcpu, page, shadow); /* the guest may have written its code */
        set_page(vcpu, page, closed_rights(vcpu, page), shadow);
    } else {
        set_page(vcpu, page, closed_rights(vcpu, page), guest_access(vcpu->vm, page, PAGE_SIZE));
    }
}

static void set_trap(const struct vcpu *vcpu, bool on)
{
    vmwrite(VMCS_PRIMARY_CONTROLS,
            vcpu->controls.bits[CONTROL_PRIMARY] | (on ? PRIMARY_MONITOR_TRAP : 0));
}

static void watch_bytes(const struct vcpu *vcpu, gpa_t gpa, uint64_t *value)
{
    uint64_t length = MIN((uint64_t)REPORT_BYTES, PAGE_SIZE - gpa.value % PAGE_SIZE);
    const void *bytes = guest_access(vcpu->vm, gpa, length);

    *value = 0;
    if (bytes != NULL) {
        memcpy(value, bytes, length);
    }
}

/* Whether some watch is about that access to the byte at `gpa`. */
static bool is_wanted(const struct watch_state *state, gpa_t gpa, uint32_t access)
{
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &state->watches[i];
        if (watch->access & access && gpa.value - watch->from.value < watch->length) {
            return true;
        }
    }
    return false;
}

static void begin_report(const struct vcpu *vcpu, gpa_t gpa, uint32_t access)
{
    struct watch_state *state = vcpu->watching;
    struct watch_report *report = &state->step[state->step_count];

    if (state->step_count < OPEN_PAGES) {
        state->step_count++;
        *report = (struct watch_report){.rip = vcpu->exit->rip, .gpa = gpa, .access = access};
        watch_bytes(vcpu, gpa, &report->before);
    }
}

/* Lets one instruction reach the page, and steps it. */
static void open_page(const struct vcpu *vcpu, gpa_t page)
{
    struct watch_state *state = vcpu->watching;

    set_page(vcpu, page, EPT_RWX, guest_access(vcpu->vm, page, PAGE_SIZE));
    state->open[state->open_count++] = page;
    invept_now(vcpu);
    set_trap(vcpu, true);
}

static uint32_t access_of(uint64_t qualification)
{
    return (qualification & EPT_VIOLATION_READ ? WATCH_READ : 0) |
           (qualification & EPT_VIOLATION_WRITE ? WATCH_WRITE : 0) |
           (qualification & EPT_VIOLATION_FETCH ? WATCH_FETCH : 0);
}

static bool take_violation(const struct vcpu *vcpu)
{
    struct watch_state *state = vcpu->watching;
    gpa_t gpa = vcpu->exit->physical;
    uint32_t access = access_of(vcpu->exit->qualification);
    bool watched = false;

    for (unsigned i = 0; i < WATCHES; i++) {
        watched |= watch_covers(&state->watches[i], watch_page(gpa));
    }
    if (!watched || state->open_count == OPEN_PAGES) {
        return false;
    }
    if (is_wanted(state, gpa, access)) {
        begin_report(vcpu, gpa, access);
    }
    open_page(vcpu, watch_page(gpa));
    return true;
}

/* The instruction is done, or an event came before it: what was opened is closed again. */
static bool take_trap(struct vcpu *vcpu)
{
    struct watch_state *state = vcpu->watching;

    if (state->open_count == 0) {
        return false;
    }
    for (unsigned i = 0; i < state->step_count; i++) {
        watch_bytes(vcpu, state->step[i].gpa, &state->step[i].after);
        state->reports[state->written++ % WATCH_REPORTS] = state->step[i];
        vcpu->attention |= ATTENTION_WATCH;
    }
    for (unsigned i = 0; i < state->open_count; i++) {
        watch_close(vcpu, state->open[i]);
    }
    state->step_count = state->open_count = 0;
    invept_now(vcpu);
    set_trap(vcpu, false);
    return true;
}

/* The instruction that the breakpoint hides is executed by a step on the guest's own page. */
static bool take_breakpoint(struct vcpu *vcpu)
{
    const struct watch_state *state = vcpu->watching;
    struct guest_mode mode = guest_mode_read(vcpu);
    uint32_t error_code;
    gpa_t at;

    if (guest_translate(vcpu->vm, &mode, GVA(vcpu->exit->rip), false, &at, &error_code) !=
        STATUS_OK) {
        return false;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &state->watches[i];
        if (watch->access == WATCH_BREAKPOINT && watch->from.value == at.value) {
            begin_report(vcpu, watch->from, WATCH_BREAKPOINT);
            open_page(vcpu, watch_page(watch->from));
            return true;
        }
    }
    return false;
}

bool watch_exit(struct vcpu *vcpu)
{
    if (vcpu->watching == NULL) {
        return false;
    }
    switch (vcpu->exit->reason) {
    case EXIT_EPT_VIOLATION:
        return take_violation(vcpu);
    case EXIT_MONITOR_TRAP:
        return take_trap(vcpu);
    case EXIT_EXCEPTION_OR_NMI:
        return FIELD_GET(INTERRUPTION_VECTOR, vcpu->exit->interruption) == VECTOR_BP &&
               take_breakpoint(vcpu);
    default:
        return false;
    }
}
