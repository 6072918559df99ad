/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the original flow: 100 pages of HLT, mapped page by page, its paging structures in
 * pages of their own beside them.
 */
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/launch.h"

#define HLT_PAGES     100
#define HLT_OPCODE    0xF4
#define SUPPORT_PAGES (GUEST_TABLE_PAGES + 2) /* tables, GDT, TSS */

static enum status add_pages(struct vm *vm, gpa_t gpa, uint64_t count)
{
    hpa_t hpa;
    enum status status = page_take(count, PAGE_SIZE, PAGES_ANYWHERE, &hpa);

    if (status == STATUS_OK) {
        status = vm_add_memory(vm, gpa, hpa, count * PAGE_SIZE);
        if (status != STATUS_OK) {
            page_give(hpa, count);
        }
    }
    return status;
}

enum status guest_build_hlt(struct vm *vm, gpa_t base, char *why, size_t size)
{
    uint64_t length = HLT_PAGES * PAGE_SIZE;
    uint64_t support = base.value + length;
    uint64_t gdt = support + GUEST_TABLE_PAGES * PAGE_SIZE;
    enum status status = add_pages(vm, base, HLT_PAGES);

    if (status == STATUS_OK) {
        status = add_pages(vm, GPA(support), SUPPORT_PAGES);
    }
    if (status != STATUS_OK) {
        format_text(why, size, "too little memory");
        log_line("guest", "%s for the guest vm=%u guest=%s wanted-pages=%u free-pages=%lu",
                 status_text(status), vm->id, vm->guest, HLT_PAGES + SUPPORT_PAGES, pages_free());
        return status;
    }
    vm_log_map(vm);
    memset(guest_access(vm, base, length), HLT_OPCODE, length);
    memset(guest_access(vm, GPA(gdt + PAGE_SIZE), PAGE_SIZE), 0, PAGE_SIZE);
    guest_fill_tables(vm, GPA(support), GPA(gdt), GPA(gdt + PAGE_SIZE), base);
    vm->start.rip = GVA(base.value);
    vm->start.rsp = GVA(support - 8);
    vm->start.rdi = length;
    log_line("guest", "filled with HLT vm=%u pages=%u gpa=0x%lx paging-structures=0x%lx", vm->id,
             HLT_PAGES, base.value, support);
    return STATUS_OK;
}
