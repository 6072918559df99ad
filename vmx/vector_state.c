/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/vector_state.h"

#include "kernel/fault.h"

#define MXCSR_INITIAL 0x1F80
#define FCW_INITIAL   0x037F
#define MXCSR_OFFSET  24

/* An XSAVE area whose header says that every component is in its initial configuration; as an
 * FXSAVE area, it holds the same. XRSTOR reads MXCSR, whatever the header says. */
static const struct {
    uint16_t fcw;
    uint8_t before[MXCSR_OFFSET - 2];
    uint32_t mxcsr;
    uint8_t after[512 - MXCSR_OFFSET - 4];
    uint64_t header[8];
} __attribute__((aligned(64))) initial = {.fcw = FCW_INITIAL, .mxcsr = MXCSR_INITIAL};

static void xrstor_all(void)
{
    struct cpuid supported = cpuid(0xD, 0);
    uint64_t components = (uint64_t)supported.edx << 32 | supported.eax;
    uint64_t xcr0 = xgetbv(0);

    /* What XCR0 does not enable now may still hold what a guest put there. */
    if (xsetbv_safe(0, components) != STATUS_OK) {
        components = xcr0;
    }
    __asm__ volatile("xrstor64 %0"
                     :
                     : "m"(initial), "a"((uint32_t)components), "d"((uint32_t)(components >> 32))
                     : "memory");
    (void)!xsetbv_safe(0, xcr0);
}

void vector_state_reset(void)
{
    if (read_cr4() & CR4_OSXSAVE) {
        xrstor_all();
    } else if (read_cr4() & CR4_OSFXSR) {
        __asm__ volatile("fxrstor64 %0" : : "m"(initial) : "memory");
    } else {
        __asm__ volatile("fninit");
    }
}
