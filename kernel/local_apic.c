/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/local_apic.h"

#include "kernel/cpu.h"
#include "kernel/image.h"

#define APIC_EOI 0x0B0
#define APIC_ISR 0x100

#define MSR_X2APIC(offset) (0x800 + ((offset) >> 4))

static volatile uint32_t *mapped(uint64_t base, uint32_t offset)
{
    return pointer_to(HPA((base & APIC_BASE_ADDRESS) + offset));
}

void local_apic_eoi(unsigned vector)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);
    uint32_t isr = APIC_ISR + vector / 32 * 0x10;
    uint32_t bit = UINT32_C(1) << vector % 32;

    if (!(base & APIC_BASE_ENABLED)) {
        return;
    }
    if (base & APIC_BASE_X2APIC) {
        if (rdmsr(MSR_X2APIC(isr)) & bit) {
            wrmsr(MSR_X2APIC(APIC_EOI), 0);
        }
    } else if (*mapped(base, isr) & bit) {
        *mapped(base, APIC_EOI) = 0;
    }
}
