/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What surrounds the guest `dirty`: which of its pages it touched, by EPT's accessed and dirty
 * flags and by the page-modification log, which must agree.
 */
#include "ept/harvest.h"
#include "guest/ept_guests.h"
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/pml.h"

#define PAGES (DIRTY_MEMORY / PAGE_SIZE)

/* What was seen of a page: bits of it. */
#define SEEN_ACCESSED 1
#define SEEN_DIRTY    2
#define SEEN_LOGGED   4
#define SEEN_TABLE    8 /* one of the guest's own paging structures */

/* In a page, which vm->guest_data points to. */
struct dirty {
    uint8_t seen[PAGES];
    unsigned drained; /* how often the log was full */
    bool beyond;      /* a page was told that is not the guest's */
};

_Static_assert(sizeof(struct dirty) <= PAGE_SIZE, "one page");

static void see(struct dirty *dirty, gpa_t page, unsigned what)
{
    uint64_t number = page.value / PAGE_SIZE;

    if (number < PAGES) {
        dirty->seen[number] |= (uint8_t)what;
    } else {
        dirty->beyond = true;
    }
}

static void take_touched(void *context, const struct ept_touched *page)
{
    see(context, page->gpa, SEEN_ACCESSED | (page->dirty ? SEEN_DIRTY : 0));
}

static void take_logged(void *context, gpa_t page)
{
    see(context, page, SEEN_LOGGED);
}

/* Each page by itself, with its flags cleared, and an empty log. */
static enum status prepare(struct vcpu *vcpu, char *why, size_t size)
{
    struct vm *vm = vcpu->vm;
    enum status status = guest_needs(vm->ept_abilities.accessed_dirty, "ept.accessed_dirty",
                                     "IA32_VMX_EPT_VPID_CAP bit 21", why, size);
    void *page;

    if (status != STATUS_OK) {
        return status;
    }
    status = ept_split(&vm->ept, GPA(0), DIRTY_MEMORY, 1);
    status = status == STATUS_OK ? pml_start(vcpu) : status;
    status = status == STATUS_OK ? page_take_cleared(&page) : status;
    if (status != STATUS_OK) {
        format_text(why, size, "page-modification log: %s", status_text(status));
        return status;
    }
    ept_harvest(&vm->ept, NULL, NULL);
    ept_settle(&vm->ept);
    vm->guest_data = page;
    log_line("ept", "page-modification log on vm=%u vcpu=%u records=%u", vm->id, vcpu->id,
             PML_ENTRIES);
    return STATUS_OK;
}

/* A full log exits before the write that has no room is done. */
static bool take_exit(struct vcpu *vcpu, enum action *action)
{
    if (vcpu->exit->reason != EXIT_PML_FULL) {
        return false;
    }
    vcpu->attention |= ATTENTION_GUEST;
    *action = ACTION_RESUME;
    return true;
}

static unsigned drain(const struct vcpu *vcpu)
{
    return pml_drain(vcpu, take_logged, vcpu->vm->guest_data);
}

static void attend(struct vcpu *vcpu)
{
    struct dirty *dirty = vcpu->vm->guest_data;

    dirty->drained++;
    log_line("ept", "page-modification log full, emptied vm=%u vcpu=%u records=%u", vcpu->vm->id,
             vcpu->id, drain(vcpu));
}

static void mark_tables(const struct vm *vm, struct dirty *dirty)
{
    for (unsigned i = 0; i < GUEST_TABLE_PAGES; i++) {
        see(dirty, GPA(vm->start.cr3 + i * PAGE_SIZE), SEEN_TABLE);
    }
}

static void log_run(const struct vm *vm, unsigned first, unsigned end, unsigned seen)
{
    log_line("ept", "pages touched vm=%u gpa=0x%lx-0x%lx pages=%u touched=%s logged=%s of=%s",
             vm->id, first * PAGE_SIZE, end * PAGE_SIZE - 1, end - first,
             seen & SEEN_DIRTY      ? "written"
             : seen & SEEN_ACCESSED ? "yes"
                                    : "no",
             seen & SEEN_LOGGED ? "yes" : "no", seen & SEEN_TABLE ? "guest-tables" : "data");
}

/* Everything that was touched, in runs of pages of which the same was seen. */
static void log_touched(const struct vm *vm, const struct dirty *dirty)
{
    unsigned first = 0;

    for (unsigned i = 1; i <= PAGES; i++) {
        unsigned seen = dirty->seen[first];

        if (i == PAGES || dirty->seen[i] != seen) {
            if (seen & ~SEEN_TABLE) {
                log_run(vm, first, i, seen);
            }
            first = i;
        }
    }
}

static unsigned count(const struct dirty *dirty, unsigned what)
{
    unsigned pages = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        pages += (dirty->seen[i] & what) != 0;
    }
    return pages;
}

static void compare(struct vm *vm, const struct dirty *dirty)
{
    unsigned differ = dirty->beyond;

    for (unsigned i = 0; i < PAGES; i++) {
        differ += !(dirty->seen[i] & SEEN_DIRTY) != !(dirty->seen[i] & SEEN_LOGGED);
    }
    log_line(
        "ept",
        "dirty flags and page-modification log %s vm=%u written=%u logged=%u differ=%u full=%u",
        differ == 0 ? "agree" : "do not agree", vm->id, count(dirty, SEEN_DIRTY),
        count(dirty, SEEN_LOGGED), differ, dirty->drained);
    if (differ != 0 && !vm->end.failed) {
        vm->end.failed = true;
        string_copy(vm->end.why, sizeof(vm->end.why), "dirty flags and log do not agree");
    }
}

static void finish(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    struct dirty *dirty = vm->guest_data;

    ept_harvest(&vm->ept, take_touched, dirty);
    (void)drain(vcpu);
    mark_tables(vm, dirty);
    log_touched(vm, dirty);
    compare(vm, dirty);
    page_give(hpa_of(dirty), 1);
}

const struct vm_hooks guest_dirty_hooks = {
    .prepare = prepare,
    .finish = finish,
    .exit = take_exit,
    .attend = attend,
    .hlt = flat_hlt,
    .port_out = flat_port_out,
    .port_in = flat_port_in,
};
