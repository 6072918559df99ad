/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the MTRRs of the running processor, and tells the log. */
#include "ept/mtrr.h"

#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/log.h"

/* An MSR that faults, as a hypervisor below may have it, counts as 0: not valid, or UC. */
static uint64_t read(uint32_t msr)
{
    uint64_t value;

    return rdmsr_safe(msr, &value) == STATUS_OK ? value : 0;
}

void mtrr_read(struct mtrrs *mtrrs)
{
    static const uint32_t fixed[MTRR_FIXED_REGISTERS] = {
        MSR_IA32_MTRR_FIX64K_00000,    MSR_IA32_MTRR_FIX16K_80000,    MSR_IA32_MTRR_FIX16K_A0000,
        MSR_IA32_MTRR_FIX4K_C0000,     MSR_IA32_MTRR_FIX4K_C0000 + 1, MSR_IA32_MTRR_FIX4K_C0000 + 2,
        MSR_IA32_MTRR_FIX4K_C0000 + 3, MSR_IA32_MTRR_FIX4K_C0000 + 4, MSR_IA32_MTRR_FIX4K_C0000 + 5,
        MSR_IA32_MTRR_FIX4K_C0000 + 6, MSR_IA32_MTRR_FIX4K_C0000 + 7,
    };
    struct mtrr_registers registers = {.present = cpuid(1, 0).edx & CPUID_1_EDX_MTRR};

    if (cpuid(0x80000000, 0).eax >= 0x80000008) {
        registers.physical_width = cpuid(0x80000008, 0).eax & 0xFF;
    }
    if (registers.present) {
        uint64_t count;

        registers.capability = read(MSR_IA32_MTRRCAP);
        registers.default_type = read(MSR_IA32_MTRR_DEF_TYPE);
        for (unsigned i = 0; registers.capability & MTRRCAP_FIXED && i < ARRAY_SIZE(fixed); i++) {
            registers.fixed[i] = read(fixed[i]);
        }
        count = FIELD_GET(MTRRCAP_COUNT, registers.capability);
        for (unsigned n = 0; n < MIN(count, MTRR_MOST_VARIABLE); n++) {
            registers.base[n] = read(MSR_IA32_MTRR_PHYSBASE0 + 2 * n);
            registers.mask[n] = read(MSR_IA32_MTRR_PHYSBASE0 + 2 * n + 1);
        }
    }
    mtrr_decode(&registers, mtrrs);
}

static void log_range(const struct mtrrs *mtrrs, const struct mtrr_range *range)
{
    uint64_t end = mtrr_range_end(mtrrs, range);

    if (mtrr_has_holes(mtrrs, range)) {
        log_line("ept",
                 "mtrr range in pieces, its mask has holes number=%u base=0x%lx end=0x%lx type=%s "
                 "mask=0x%lx",
                 range->number, range->base, end, mtrr_type_text(range->type), range->mask);
    } else {
        log_line("ept", "mtrr range number=%u base=0x%lx end=0x%lx type=%s", range->number,
                 range->base, end, mtrr_type_text(range->type));
    }
}

void mtrr_log(const struct mtrrs *mtrrs)
{
    const struct mtrr_range *one, *other;

    if (!mtrrs->on) {
        log_line("ept", "mtrr %s: all memory has one type default=%s width=%u",
                 mtrrs->present ? "off" : "absent", mtrr_type_text(mtrrs->default_type),
                 mtrrs->width);
        return;
    }
    log_line("ept", "mtrr on default=%s fixed=%s variable=%u width=%u",
             mtrr_type_text(mtrrs->default_type), mtrrs->fixed_on ? "on" : "off", mtrrs->count,
             mtrrs->width);
    for (unsigned i = 0; i < mtrrs->count; i++) {
        log_range(mtrrs, &mtrrs->range[i]);
    }
    if (mtrr_conflict(mtrrs, &one, &other)) {
        log_line("ept",
                 "mtrr ranges overlap for whose types the SDM has no rule, such memory is taken "
                 "for uc number=%u with=%u",
                 one->number, other->number);
    }
}
