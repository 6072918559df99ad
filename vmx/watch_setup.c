/* SPDX-License-Identifier: BSD-2-Clause */
/* Watches come and go, and what they saw is taken. */
#include "kernel/fault.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "vmx/invept.h"
#include "vmx/vmcs.h"
#include "vmx/watch_state.h"

static enum status take_state(struct vcpu *vcpu)
{
    void *page;
    enum status status = STATUS_OK;

    if (vcpu->watching == NULL) {
        status = page_take_cleared(&page);
        if (status == STATUS_OK) {
            vcpu->watching = page;
        }
    }
    return status;
}

/* Pages of 4 KiB, so that each has rights of its own. */
static enum status split_pages(const struct vcpu *vcpu, gpa_t from, uint64_t length)
{
    struct vm *vm = vcpu->vm;
    uint64_t first = watch_page(from).value;
    uint64_t end = ALIGN_UP(from.value + length, PAGE_SIZE);
    enum status status;

    for (uint64_t page = first; page < end; page += PAGE_SIZE) {
        if (guest_access(vm, GPA(page), PAGE_SIZE) == NULL) {
            return STATUS_INVALID;
        }
    }
    status = ept_split(&vm->ept, GPA(first), end - first, 1);
    ept_settle(&vm->ept);
    return status;
}

static void close_pages(const struct vcpu *vcpu, gpa_t from, uint64_t length)
{
    uint64_t last = ALIGN_DOWN(from.value + length - 1, PAGE_SIZE);

    for (uint64_t page = watch_page(from).value; page <= last; page += PAGE_SIZE) {
        watch_close(vcpu, GPA(page));
    }
    invept_now(vcpu);
}

static struct watch *find_free(const struct vcpu *vcpu)
{
    for (unsigned i = 0; i < WATCHES; i++) {
        if (vcpu->watching->watches[i].access == 0) {
            return &vcpu->watching->watches[i];
        }
    }
    return NULL;
}

static enum status add(struct vcpu *vcpu, const struct watch *wanted)
{
    enum status status = take_state(vcpu);
    struct watch *watch;

    if (!control_offered(vcpu->capabilities, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP)) {
        return STATUS_UNSUPPORTED;
    }
    if (wanted->length == 0) {
        return STATUS_INVALID;
    }
    if (status == STATUS_OK) {
        status = split_pages(vcpu, wanted->from, wanted->length);
    }
    if (status != STATUS_OK) {
        return status;
    }
    watch = find_free(vcpu);
    if (watch == NULL) {
        return STATUS_NO_MEMORY;
    }
    *watch = *wanted;
    close_pages(vcpu, watch->from, watch->length);
    return STATUS_OK;
}

enum status watch_add(struct vcpu *vcpu, gpa_t from, uint64_t length, uint32_t access)
{
    return add(vcpu, &(struct watch){.from = from, .length = length, .access = access});
}

enum status watch_break(struct vcpu *vcpu, gpa_t at)
{
    struct watch watch = {.from = at, .length = 1, .access = WATCH_BREAKPOINT};
    enum status status;
    void *shadow;

    if (!(vcpu->capabilities->ept_vpid & EPT_CAP_EXECUTE_ONLY)) {
        return STATUS_UNSUPPORTED;
    }
    status = page_take_cleared(&shadow);
    if (status != STATUS_OK) {
        return status;
    }
    watch.shadow = shadow;
    status = add(vcpu, &watch);
    if (status != STATUS_OK) {
        page_give(hpa_of(shadow), 1);
        return status;
    }
    vmwrite(VMCS_EXCEPTION_BITMAP, vmread(VMCS_EXCEPTION_BITMAP) | BIT(VECTOR_BP));
    return STATUS_OK;
}

void watch_stop(struct vcpu *vcpu)
{
    if (vcpu->watching == NULL) {
        return;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        struct watch *watch = &vcpu->watching->watches[i];
        struct watch old = *watch;

        if (old.access != 0) {
            *watch = (struct watch){0};
            close_pages(vcpu, old.from, old.length);
        }
        if (old.shadow != NULL) {
            page_give(hpa_of(old.shadow), 1);
        }
    }
    page_give(hpa_of(vcpu->watching), 1);
    vcpu->watching = NULL;
}

bool watch_take(struct vcpu *vcpu, struct watch_report *report, unsigned *lost)
{
    struct watch_state *state = vcpu->watching;

    *lost = 0;
    if (state == NULL || state->taken == state->written) {
        return false;
    }
    if (state->written - state->taken > WATCH_REPORTS) {
        *lost = state->written - state->taken - WATCH_REPORTS;
        state->taken += *lost;
    }
    *report = state->reports[state->taken++ % WATCH_REPORTS];
    return true;
}

static const char *access_text(uint32_t access)
{
    switch (access) {
    case WATCH_READ:
        return "read";
    case WATCH_WRITE:
        return "write";
    case WATCH_READ | WATCH_WRITE:
        return "read-write";
    case WATCH_FETCH:
        return "fetch";
    default:
        return "breakpoint";
    }
}

void watch_log(struct vcpu *vcpu)
{
    struct watch_report report;
    unsigned lost;

    while (watch_take(vcpu, &report, &lost)) {
        if (lost != 0) {
            log_line("ept", "watch: older reports were lost vm=%u lost=%u", vcpu->vm->id, lost);
        }
        log_line("ept",
                 "watch vm=%u vcpu=%u access=%s rip=0x%lx gpa=0x%lx before=0x%lx after=0x%lx",
                 vcpu->vm->id, vcpu->id, access_text(report.access), report.rip, report.gpa.value,
                 report.before, report.after);
    }
}
