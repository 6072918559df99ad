/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/local_apic.h"

#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/percpu.h"

#define APIC_ID       0x020
#define APIC_EOI      0x0B0
#define APIC_SPURIOUS 0x0F0
#define APIC_ISR      0x100
#define APIC_IRR      0x200
#define APIC_ICR_LOW  0x300
#define APIC_ICR_HIGH 0x310

#define SPURIOUS_ENABLED BIT(8)
#define SPURIOUS_VECTOR  0xFF
#define BROADCAST_XAPIC  UINT32_C(0xFF)
#define BROADCAST_X2APIC UINT32_MAX
#define ICR_PENDING      BIT(12)
#define ICR_WAIT         1000000 /* reads: far longer than any machine takes */

#define MSR_X2APIC(offset) (0x800 + ((offset) >> 4))

static volatile uint32_t *mapped(uint64_t base, uint32_t offset)
{
    return pointer_to(HPA((base & APIC_BASE_ADDRESS) + offset));
}

static uint32_t apic_read(uint32_t offset)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

    if (!(base & APIC_BASE_ENABLED)) {
        return 0;
    }
    return base & APIC_BASE_X2APIC ? (uint32_t)rdmsr(MSR_X2APIC(offset)) : *mapped(base, offset);
}

static void apic_write(uint32_t offset, uint32_t value)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

    if (!(base & APIC_BASE_ENABLED)) {
        return;
    }
    if (base & APIC_BASE_X2APIC) {
        wrmsr(MSR_X2APIC(offset), value);
    } else {
        *mapped(base, offset) = value;
    }
}

/* In the registers that have one bit a vector. */
static bool vector_bit(uint32_t offset, unsigned vector)
{
    return apic_read(offset + vector / 32 * 0x10) & UINT32_C(1) << vector % 32;
}

uint32_t local_apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_X2APIC ? id : id >> 24;
}

void local_apic_eoi(unsigned vector)
{
    if (local_apic_is_in_service(vector)) {
        apic_write(APIC_EOI, 0);
    }
}

uint32_t local_apic_enable(void)
{
    uint32_t before = apic_read(APIC_SPURIOUS);

    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLED | SPURIOUS_VECTOR);
    return before;
}

void local_apic_restore(uint32_t spurious)
{
    apic_write(APIC_SPURIOUS, spurious);
}

bool local_apic_reaches(uint32_t apic_id)
{
    return rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_X2APIC ? apic_id != BROADCAST_X2APIC
                                                        : apic_id < BROADCAST_XAPIC;
}

void local_apic_send(uint32_t apic_id, uint32_t command)
{
    uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

    if (base & APIC_BASE_X2APIC) {
        /* That WRMSR does not wait for what was written before: the receiver must see it. */
        __asm__ volatile("mfence; lfence" : : : "memory");
        wrmsr(MSR_X2APIC(APIC_ICR_LOW), (uint64_t)apic_id << 32 | command);
        return;
    }
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    apic_write(APIC_ICR_LOW, command);
    for (unsigned i = 0; i < ICR_WAIT && apic_read(APIC_ICR_LOW) & ICR_PENDING; i++) {
        cpu_pause();
    }
}

bool local_apic_is_requested(unsigned vector)
{
    return vector_bit(APIC_IRR, vector);
}

bool local_apic_is_in_service(unsigned vector)
{
    return vector_bit(APIC_ISR, vector);
}

unsigned local_apic_take_interrupts(void)
{
    struct percpu *cpu = this_cpu();

    cpu->interrupt_vector = 0;
    cpu->takes_interrupts = true;
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    cpu->takes_interrupts = false;
    return *(volatile uint8_t *)&cpu->interrupt_vector;
}
