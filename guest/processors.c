/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest with several processors finds: their identifiers, and its local APIC. */
#include "kernel/processors.h"
#include "guest/guest.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define IDENTIFIERS GPA(0x9000) /* guest/code/smp.asm */

/* Alone, it has the machine's local APICs, one page at which each processor reaches its own. */
static enum status map_local_apic(struct vm *vm, char *why, size_t size)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);
    gpa_t page = GPA(base & APIC_BASE_ADDRESS);

    if (base & APIC_BASE_X2APIC) {
        string_copy(why, size, "the local APIC is in x2APIC mode, which this guest does not know");
        return STATUS_UNSUPPORTED;
    }
    log_line("ept", "the local APIC is the guest's vm=%u gpa=0x%lx", vm->id, page.value);
    return ept_map(&vm->ept, page, HPA(page.value), PAGE_SIZE, EPT_READ | EPT_WRITE, EPT_TYPE_UC);
}

enum status guest_give_processors(struct vm *vm, char *why, size_t size)
{
    uint32_t *identifiers = guest_access(vm, IDENTIFIERS, PAGE_SIZE);

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        identifiers[i] = vm->alone ? processor_apic_id(vm->processors[i]) : i;
    }
    vm->start.rsi = vm->vcpu_count;
    return vm->alone ? map_local_apic(vm, why, size) : STATUS_OK;
}
