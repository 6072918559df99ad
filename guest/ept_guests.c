/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What surrounds the guests that each show one thing that EPT does: pages to execute and not to
 * read, pages for users or for supervisors, violations that a guest handles, EPTs that it switches.
 * What the guest has the hypervisor do about a page is told in the log; what it does without, the
 * guest prints, and no exit stands beside it.
 */
#include "guest/ept_guests.h"

#include "ept/violation.h"
#include "ept/walk_text.h"
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "vmx/capabilities.h"
#include "vmx/eptp_list.h"
#include "vmx/invept.h"
#include "vmx/virtualization_exception.h"
#include "vmx/vmcs.h"

/* As the guests of guest/code have them. */
#define FUNCTION    GPA(0x101000)
#define DEVICE      GPA(0x180000)
#define SUPPRESSED  GPA(0x181000)
#define INFORMATION GPA(0x182000)
#define VIEWED      GPA(0x180000)
#define OTHER_PAGE  GPA(0x181000)

#define FLAT .hlt = flat_hlt, .port_out = flat_port_out, .port_in = flat_port_in

enum status guest_needs(bool has, const char *name, const char *msr, char *why, size_t size)
{
    if (has) {
        return STATUS_OK;
    }
    log_line("vmx", "%s wanted, not supported (%s)", name, msr);
    format_text(why, size, "%s is needed, not supported", name);
    return STATUS_UNSUPPORTED;
}

static const struct closing *closing_of(const struct vcpu *vcpu)
{
    return (const struct closing *)vcpu->vm->hooks;
}

/* Gives the page the rights whose turn it is, and says so. */
static enum status close_page(const struct vcpu *vcpu)
{
    const struct closing *closing = closing_of(vcpu);
    const unsigned *turn = vcpu->vm->guest_data;
    struct vm *vm = vcpu->vm;
    uint64_t rights = closing->rights[*turn];
    enum status status = ept_set_rights(&vm->ept, closing->page, PAGE_SIZE, rights);
    const struct ept_rules rules = {.mode_based = vm->ept_abilities.mode_based};
    char text[RIGHTS_TEXT];

    ept_settle(&vm->ept);
    if (status == STATUS_OK) {
        ept_rights_text(&rules, rights, text);
        log_line("ept", "rights set vm=%u gpa=0x%lx-0x%lx rights=%s", vm->id, closing->page.value,
                 closing->page.value + PAGE_SIZE - 1, text);
    }
    return status;
}

static enum status closing_prepare(struct vcpu *vcpu, char *why, size_t size)
{
    enum status status = close_page(vcpu);

    if (status != STATUS_OK) {
        format_text(why, size, "rights: %s", status_text(status));
    }
    return status;
}

/* The access is tried again once the page has its next rights. After the last, the VM ends. */
static bool closing_exit(struct vcpu *vcpu, enum action *action)
{
    const struct closing *closing = closing_of(vcpu);
    const unsigned *turn = vcpu->vm->guest_data;
    const struct vmx_exit *exit = vcpu->exit;

    if (exit->reason != EXIT_EPT_VIOLATION ||
        exit->physical.value - closing->page.value >= PAGE_SIZE || *turn + 1 == CLOSING_RIGHTS ||
        closing->rights[*turn + 1] == 0) {
        return false;
    }
    vcpu->attention |= ATTENTION_GUEST;
    *action = ACTION_RESUME;
    return true;
}

static void closing_attend(struct vcpu *vcpu)
{
    const struct vmx_exit *exit = vcpu->exit;
    const struct ept_violation_mode mode = {.mode_based = vcpu->vm->ept_abilities.mode_based,
                                            .exit_information = vcpu->capabilities->ept_vpid &
                                                                EPT_CAP_EXIT_INFORMATION};
    char words[EPT_VIOLATION_WORDS];
    enum status status;

    ept_violation_words(exit->qualification, &mode, words, sizeof(words));
    log_line("ept", "refused vm=%u vcpu=%u rip=0x%lx gla=0x%lx gpa=0x%lx what=\"%s\"", vcpu->vm->id,
             vcpu->id, exit->rip, exit->linear.value, exit->physical.value, words);
    ++*(unsigned *)vcpu->vm->guest_data;
    status = close_page(vcpu);
    if (status != STATUS_OK) {
        (void)vm_stop(vcpu, true, 0, "rights: %s", status_text(status));
    }
}

#define CLOSING .exit = closing_exit, .attend = closing_attend, FLAT

static enum status execute_only_prepare(struct vcpu *vcpu, char *why, size_t size)
{
    enum status status = guest_needs(vcpu->capabilities->ept_vpid & EPT_CAP_EXECUTE_ONLY,
                                     "ept.execute_only", "IA32_VMX_EPT_VPID_CAP bit 0", why, size);

    return status == STATUS_OK ? closing_prepare(vcpu, why, size) : status;
}

const struct closing guest_execute_only_hooks = {
    .hooks = {.prepare = execute_only_prepare, CLOSING},
    .page = FUNCTION,
    .rights = {EPT_EXECUTE, EPT_RWX},
};

/* For supervisors, for users, for both. */
const struct closing guest_mode_based_hooks = {
    .hooks = {.prepare = closing_prepare, CLOSING},
    .page = FUNCTION,
    .rights = {EPT_READ | EPT_EXECUTE, EPT_READ | EPT_EXECUTE_USER,
               EPT_READ | EPT_EXECUTE | EPT_EXECUTE_USER},
};

/* A page that is not there, for the guest to answer, and one that only the hypervisor answers. */
static enum status ve_prepare(struct vcpu *vcpu, char *why, size_t size)
{
    struct ept *ept = &vcpu->vm->ept;
    enum status status = ve_start(vcpu, INFORMATION);

    if (status == STATUS_OK) {
        status = ept_unmap(ept, DEVICE, PAGE_SIZE);
    }
    if (status == STATUS_OK) {
        status = ept_suppress_ve(ept, SUPPRESSED, PAGE_SIZE, true);
    }
    if (status != STATUS_OK) {
        format_text(why, size, "#VE: %s", status_text(status));
        return status;
    }
    log_line("ept", "#VE on vm=%u information-area=0x%lx", vcpu->vm->id, INFORMATION.value);
    log_line("ept", "unmapped, a violation is #VE vm=%u gpa=0x%lx-0x%lx", vcpu->vm->id,
             DEVICE.value, DEVICE.value + PAGE_SIZE - 1);
    log_line("ept", "#VE suppressed, a violation is an exit vm=%u gpa=0x%lx-0x%lx", vcpu->vm->id,
             SUPPRESSED.value, SUPPRESSED.value + PAGE_SIZE - 1);
    return closing_prepare(vcpu, why, size);
}

const struct closing guest_ve_hooks = {
    .hooks = {.prepare = ve_prepare, CLOSING},
    .page = SUPPRESSED,
    .rights = {EPT_READ, EPT_RWX},
};

/* The same memory, but for one page. */
static enum status build_view(struct vm *vm, struct ept *view)
{
    hpa_t other = hpa_of(guest_access(vm, OTHER_PAGE, PAGE_SIZE));
    enum status status = ept_init(view, &vm->ept_abilities);

    for (unsigned i = 0; i < vm->range_count && status == STATUS_OK; i++) {
        const struct guest_range *range = &vm->ranges[i];
        status = ept_map_typed(view, range->gpa, range->hpa, range->length, EPT_RWX, vm->mtrrs);
    }
    return status == STATUS_OK ? ept_map_typed(view, VIEWED, other, PAGE_SIZE, EPT_RWX, vm->mtrrs)
                               : status;
}

/* The list's first two entries. */
static void list_views(const struct vcpu *vcpu, const struct ept *view)
{
    const struct vm *vm = vcpu->vm;
    const struct ept *epts[] = {&vm->ept, view};

    for (unsigned i = 0; i < ARRAY_SIZE(epts); i++) {
        uint64_t pointer = ept_pointer(epts[i], &vm->ept_abilities);

        eptp_list_set(vcpu, i, pointer);
        log_line("ept", "EPTP list vm=%u index=%u eptp=0x%lx gpa=0x%lx hpa=0x%lx", vm->id, i,
                 pointer, VIEWED.value,
                 hpa_of(guest_access(vm, i == 0 ? VIEWED : OTHER_PAGE, PAGE_SIZE)).value);
    }
}

/* vm->guest_data, a page, holds the second EPT. */
static void vmfunc_finish(struct vcpu *vcpu)
{
    struct ept *view = vcpu->vm->guest_data;

    if (view->table.root.value != 0) {
        ept_destroy(view);
    }
    page_give(hpa_of(view), 1);
}

static enum status vmfunc_prepare(struct vcpu *vcpu, char *why, size_t size)
{
    enum status status = guest_needs(vcpu->capabilities->vmfunc & VMFUNC_EPTP_SWITCHING,
                                     "vmfunc.eptp_switching", "IA32_VMX_VMFUNC bit 0", why, size);
    void *page;

    if (status != STATUS_OK) {
        return status;
    }
    status = page_take_cleared(&page);
    if (status == STATUS_OK) {
        vcpu->vm->guest_data = page;
        status = build_view(vcpu->vm, page);
        status = status == STATUS_OK ? eptp_list_start(vcpu) : status;
        if (status == STATUS_OK) {
            list_views(vcpu, page);
            return STATUS_OK;
        }
        vmfunc_finish(vcpu);
    }
    format_text(why, size, "VMFUNC: %s", status_text(status));
    return status;
}

/* What VMFUNC does not do, it does not do: the guest goes on behind it. */
static bool vmfunc_exit(struct vcpu *vcpu, enum action *action)
{
    if (vcpu->exit->reason != EXIT_VMFUNC) {
        return false;
    }
    vcpu->attention |= ATTENTION_GUEST;
    *action = ACTION_ADVANCE;
    return true;
}

static void vmfunc_attend(struct vcpu *vcpu)
{
    log_line("ept", "VMFUNC refused, the EPT stays vm=%u vcpu=%u function=%lu index=%lu eptp=0x%lx",
             vcpu->vm->id, vcpu->id, vcpu->frame.gpr[RAX] & UINT32_MAX,
             vcpu->frame.gpr[RCX] & UINT32_MAX, vmread(VMCS_EPT_POINTER));
}

const struct vm_hooks guest_vmfunc_hooks = {
    .prepare = vmfunc_prepare,
    .finish = vmfunc_finish,
    .exit = vmfunc_exit,
    .attend = vmfunc_attend,
    FLAT,
};
