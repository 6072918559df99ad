/* SPDX-License-Identifier: BSD-2-Clause */
/* Watches come and go. */
#include "kernel/fault.h"
#include "kernel/image.h"
#include "kernel/memory.h"
#include "vmx/attention.h"
#include "vmx/invept.h"
#include "vmx/vmcs.h"
#include "vmx/watch_state.h"

/* Whether anything can become of accesses to the range as the policy says. */
static bool is_sound(const struct vcpu *vcpu, const struct watch_range *range)
{
    uint64_t last = range->from.value + range->length - 1;

    return range->length != 0 && range->access != 0 && last >= range->from.value &&
           last < ept_size(&vcpu->vm->ept) && range->policy <= WATCH_STOP &&
           (range->policy != WATCH_IGNORE || range->access & WATCH_WRITE) &&
           (range->policy != WATCH_CALL || range->handler != NULL);
}

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

static enum status take_copies(struct watch_state *state)
{
    enum status status = STATUS_OK;
    hpa_t base;

    if (state->copies == NULL) {
        status = page_take(OPEN_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &base);
        if (status == STATUS_OK) {
            state->copies = pointer_to(base);
        }
    }
    return status;
}

/* A leaf without rights, where there is no memory: the violations stay, and a step changes it only.
 */
static enum status place_leaf(const struct vcpu *vcpu, gpa_t page)
{
    enum status status = ept_map(&vcpu->vm->ept, page, hpa_of(vcpu->watching->copies), PAGE_SIZE,
                                 EPT_READ, EPT_TYPE_WB);

    if (status == STATUS_OK) {
        watch_close(vcpu, page);
    }
    return status;
}

/* A page of 4 KiB, so that it has rights of its own. */
static enum status prepare_page(const struct vcpu *vcpu, gpa_t page,
                                const struct watch_range *range)
{
    if (guest_access(vcpu->vm, page, PAGE_SIZE) != NULL) {
        return ept_split(&vcpu->vm->ept, page, PAGE_SIZE, 1);
    }
    if (range->policy == WATCH_REPORT || is_lazy(vcpu->vm, page)) {
        return STATUS_INVALID;
    }
    return watch_copies(range) ? place_leaf(vcpu, page) : STATUS_OK;
}

static enum status prepare_pages(const struct vcpu *vcpu, const struct watch_range *range)
{
    uint64_t end = range->from.value + range->length;
    enum status status = STATUS_OK;

    for (uint64_t page = watch_page(range->from).value; page < end && status == STATUS_OK;
         page += PAGE_SIZE) {
        status = prepare_page(vcpu, GPA(page), range);
    }
    ept_settle(&vcpu->vm->ept);
    return status;
}

/* Calls `change` for each page of the range that has a leaf. */
static void for_each_page(const struct vcpu *vcpu, const struct watch_range *range,
                          void (*change)(const struct vcpu *vcpu, gpa_t page))
{
    uint64_t end = range->from.value + range->length;

    for (uint64_t page = watch_page(range->from).value; page < end; page += PAGE_SIZE) {
        if (guest_access(vcpu->vm, GPA(page), PAGE_SIZE) != NULL || watch_copies(range)) {
            change(vcpu, GPA(page));
        }
    }
}

static struct watch *find_free(const struct vcpu *vcpu)
{
    for (unsigned i = 0; i < WATCHES; i++) {
        if (vcpu->watching->watches[i].range.access == 0) {
            return &vcpu->watching->watches[i];
        }
    }
    return NULL;
}

static enum status add(struct vcpu *vcpu, const struct watch *wanted)
{
    enum status status;
    struct watch *watch;

    if (!control_offered(vcpu->capabilities, CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP)) {
        return STATUS_UNSUPPORTED;
    }
    if (!is_sound(vcpu, &wanted->range)) {
        return STATUS_INVALID;
    }
    status = take_state(vcpu);
    if (status == STATUS_OK && watch_copies(&wanted->range)) {
        status = take_copies(vcpu->watching);
    }
    watch = status == STATUS_OK ? find_free(vcpu) : NULL;
    if (watch == NULL) {
        return STATUS_NO_MEMORY;
    }
    status = prepare_pages(vcpu, &wanted->range);
    if (status == STATUS_OK) {
        *watch = *wanted;
        for_each_page(vcpu, &watch->range, watch_close);
        invept_now(vcpu);
    }
    return status;
}

enum status watch_add_range(struct vcpu *vcpu, const struct watch_range *range)
{
    return add(vcpu, &(struct watch){.range = *range});
}

enum status watch_add(struct vcpu *vcpu, gpa_t from, uint64_t length, uint32_t access)
{
    return watch_add_range(vcpu,
                           &(struct watch_range){.from = from, .length = length, .access = access});
}

enum status watch_break(struct vcpu *vcpu, gpa_t at)
{
    struct watch watch = {.range = {.from = at, .length = 1, .access = WATCH_BREAKPOINT}};
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

/* Gives the page back what it had before there were watches. */
static void restore_page(const struct vcpu *vcpu, gpa_t page)
{
    if (guest_access(vcpu->vm, page, PAGE_SIZE) != NULL) {
        watch_close(vcpu, page);
    } else {
        watch_forget(vcpu, page);
    }
}

void watch_stop(struct vcpu *vcpu)
{
    if (vcpu->watching == NULL) {
        return;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        struct watch *watch = &vcpu->watching->watches[i];
        struct watch old = *watch;

        if (old.range.access != 0) {
            *watch = (struct watch){0};
            for_each_page(vcpu, &old.range, restore_page);
        }
        if (old.shadow != NULL) {
            page_give(hpa_of(old.shadow), 1);
        }
    }
    invept_now(vcpu);
    if (vcpu->watching->copies != NULL) {
        page_give(hpa_of(vcpu->watching->copies), OPEN_PAGES);
    }
    page_give(hpa_of(vcpu->watching), 1);
    vcpu->watching = NULL;
}
