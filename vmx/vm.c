/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns a VM's memory: guest ranges, EPT, bitmaps. */
#include "vmx/vm.h"

#include "ept/walk_text.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/launch.h"
#include "vmx/mutant.h"

#define IO_BITMAP_PAGES 2

void *guest_access(const struct vm *vm, gpa_t gpa, uint64_t length)
{
    for (unsigned i = 0; i < vm->range_count; i++) {
        const struct guest_range *range = &vm->ranges[i];
        uint64_t offset = gpa.value - range->gpa.value;

        if (offset < range->length && length <= range->length - offset) {
            return pointer_to(HPA(range->hpa.value + offset));
        }
    }
    return NULL;
}

void vm_want(struct vm *vm, const struct controls *extra)
{
    vm->extra = *extra;
    if (extra->bits[CONTROL_SECONDARY] & SECONDARY_MODE_BASED_EXECUTE) {
        vm->ept_abilities.mode_based = true;
        ept_use_modes(&vm->ept);
    }
}

enum status vm_add_memory(struct vm *vm, gpa_t gpa, hpa_t hpa, uint64_t length)
{
    enum status status;

    if (vm->range_count == VM_MAX_RANGES) {
        return STATUS_NO_MEMORY;
    }
    status = ept_map_typed(&vm->ept, gpa, hpa, length, vm->ept.format.grants, vm->mtrrs);
    if (status == STATUS_OK) {
        vm->ranges[vm->range_count] = (struct guest_range){gpa, hpa, length};
        /* Other virtual CPUs look at it meanwhile. */
        __atomic_store_n(&vm->range_count, vm->range_count + 1, __ATOMIC_RELEASE);
    }
    return status;
}

enum action vm_stop(struct vcpu *vcpu, bool failed, unsigned code, const char *format, ...)
{
    struct vm_end *end = &vcpu->vm->end;
    va_list arguments;

    vcpu->attention |= ATTENTION_END;
    if (!__atomic_exchange_n(&end->claimed, true, __ATOMIC_ACQ_REL)) {
        end->failed = failed;
        end->code = code;
        va_start(arguments, format);
        format_text_v(end->why, sizeof(end->why), format, arguments);
        va_end(arguments);
        __atomic_store_n(&end->ended, true, __ATOMIC_SEQ_CST);
    }
    return ACTION_STOP;
}

static struct ept_abilities read_abilities(const struct vmx_capabilities *capabilities)
{
    uint64_t can = capabilities->ept_vpid;

    return (struct ept_abilities){
        .largest_leaf = can & EPT_CAP_1G   ? 3
                        : can & EPT_CAP_2M ? 2
                                           : 1,
        .physical_width = capabilities->physical_width,
        .accessed_dirty = can & EPT_CAP_AD,
        .write_back = can & EPT_CAP_MEMORY_WB,
        .execute_only = can & EPT_CAP_EXECUTE_ONLY,
    };
}

/* Every port exits, and so does every MSR until msr_bitmap_fill(). */
static enum status take_bitmaps(struct vm *vm)
{
    hpa_t io;
    enum status status = page_take_cleared(&vm->msr_bitmap);

    if (status == STATUS_OK) {
        status = page_take(IO_BITMAP_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &io);
    }
    if (status == STATUS_OK) {
        vm->io_bitmap =
            memset(pointer_to(io), MUTATE(IO_BITMAP, 0xFF), IO_BITMAP_PAGES * PAGE_SIZE);
    }
    return status;
}

enum status vm_create(struct vm *vm, unsigned id, const char *guest,
                      const struct vmx_operation *operation, char *why, size_t size)
{
    const struct vmx_capabilities *capabilities = &operation->capabilities;
    enum status status;

    *vm = (struct vm){.id = id,
                      .guest = guest,
                      .pages_before = pages_held(),
                      .mtrrs = &operation->mtrrs,
                      .vcpu_count = 1};
    if (!control_offered(capabilities, CONTROL_SECONDARY, SECONDARY_EPT) ||
        !(capabilities->ept_vpid & EPT_CAP_WALK_4)) {
        log_line("ept",
                 "no EPT: the processor has VT-x, but not secondary.ept with a walk of 4 levels "
                 "(%s), which the guest needs guest=%s",
                 capabilities->range[CONTROL_SECONDARY].msr, guest);
        string_copy(why, size, "no EPT");
        return STATUS_UNSUPPORTED;
    }
    vm->ept_abilities = read_abilities(capabilities);
    status = ept_init(&vm->ept, &vm->ept_abilities);
    if (status == STATUS_OK) {
        status = take_bitmaps(vm);
    }
    if (status != STATUS_OK) {
        format_text(why, size, "%s", status_text(status));
        log_line("vm", "%s for EPT and bitmaps vm=%u guest=%s", why, id, guest);
    }
    return status;
}

void vm_log_map(const struct vm *vm)
{
    const struct ept_rules rules = {.mode_based = vm->ept_abilities.mode_based};
    char rights[RIGHTS_TEXT];

    ept_rights_text(&rules, vm->ept.format.grants, rights);
    for (unsigned i = 0; i < vm->range_count; i++) {
        const struct guest_range *range = &vm->ranges[i];
        struct mtrr_run run = mtrr_run(vm->mtrrs, range->hpa, range->length);

        log_line("ept", "mapped vm=%u gpa=0x%lx-0x%lx hpa=0x%lx pages=%lu rights=%s type=%s",
                 vm->id, range->gpa.value, range->gpa.value + range->length - 1, range->hpa.value,
                 range->length / PAGE_SIZE, rights,
                 run.length == range->length ? mtrr_type_text(run.type) : "mixed");
    }
    log_line(
        "ept", "ready vm=%u eptp=0x%lx walk=4 type=%s accessed-dirty=%s largest-page=%s tables=%lu",
        vm->id, ept_pointer(&vm->ept, &vm->ept_abilities),
        vm->ept_abilities.write_back ? "wb" : "uc", vm->ept_abilities.accessed_dirty ? "yes" : "no",
        ept_page_text(vm->ept_abilities.largest_leaf), vm->ept.table.tables);
}

void vm_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < vm->range_count; i++) {
        page_give(vm->ranges[i].hpa, vm->ranges[i].length / PAGE_SIZE);
    }
    if (vm->ept.table.root.value != 0) {
        ept_destroy(&vm->ept);
    }
    if (vm->msr_bitmap != NULL) {
        page_give(hpa_of(vm->msr_bitmap), 1);
    }
    if (vm->io_bitmap != NULL) {
        page_give(hpa_of(vm->io_bitmap), IO_BITMAP_PAGES);
    }
}
