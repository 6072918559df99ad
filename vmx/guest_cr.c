/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_cr.h"

#include "kernel/cpu.h"

#define CR3_PCID     BITS(11, 0)
#define CR3_NO_FLUSH BIT(63) /* with CR4.PCIDE: keep the TLB */

bool guest_cr0_valid(const struct guest_mode *mode, uint64_t value)
{
    if (value >> 32 != 0 || (value & CR0_PG && !(value & CR0_PE)) ||
        (value & CR0_NW && !(value & CR0_CD))) {
        return false;
    }
    if (value & CR0_PG && !(mode->cr0 & CR0_PG)) { /* paging goes on */
        return !(mode->efer & EFER_LME) || (mode->cr4 & CR4_PAE && !mode->cs_l);
    }
    if (!(value & CR0_PG) && mode->cr0 & CR0_PG) { /* paging goes off */
        return !mode->code_64 && !(mode->cr4 & CR4_PCIDE);
    }
    return !(mode->cr4 & CR4_CET) || value & CR0_WP;
}

bool guest_cr3_valid(const struct guest_mode *mode, uint64_t value)
{
    if (mode->cr4 & CR4_PCIDE) {
        value &= ~CR3_NO_FLUSH;
    }
    return !(mode->efer & EFER_LMA) || (value & ~BITS(mode->physical_width - 1, 0)) == 0;
}

bool guest_cr4_valid(const struct guest_mode *mode, uint64_t value)
{
    bool long_mode = mode->efer & EFER_LMA;

    if (value & ~mode->cr4_allowed) {
        return false;
    }
    if (long_mode && (!(value & CR4_PAE) || (value ^ mode->cr4) & CR4_LA57)) {
        return false;
    }
    if (value & CR4_PCIDE && !(mode->cr4 & CR4_PCIDE)) { /* PCIDs go on, from PCID 0 */
        return long_mode && (mode->cr3 & CR3_PCID) == 0;
    }
    return true;
}

bool guest_efer_valid(const struct guest_mode *mode, uint64_t value)
{
    if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) {
        return false;
    }
    return !((value ^ mode->efer) & EFER_LME) || !(mode->cr0 & CR0_PG);
}

bool guest_pat_valid(uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = (value >> (8 * i)) & 0xFF;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}
