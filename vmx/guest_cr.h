/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What MOV to CR0, CR3 and CR4 may do, as the processor would judge it. Pure.
 * SDM vol. 2B, "MOV—Move to/from Control Registers".
 */
#ifndef VMX_GUEST_CR_H
#define VMX_GUEST_CR_H

#include "kernel/cpu.h"
#include "kernel/types.h"

/* Bits that the hypervisor owns: the guest reads them from the shadow, and changing one exits. Of
 * CR4, all but those of features that the guest is shown. */
#define CR0_OWNED (CR0_PE | CR0_ET | CR0_NE | CR0_NW | CR0_CD | CR0_PG)
#define CR4_GUEST                                                                                  \
    (BITS(11, 0) | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE)
#define CR4_OWNED (~CR4_GUEST)

/* What the guest's mode has to say about a new value. */
struct guest_mode {
    uint64_t cr0, cr3, cr4, efer; /* as the guest sees them now */
    bool cs_l;                    /* CS.L, whatever the mode */
    bool code_64;                 /* CS.L with LMA: 64-bit code is running */
    bool user;                    /* CPL is 3 */
    uint64_t cr4_allowed;         /* bits that the processor and Lintel let be 1 */
    unsigned physical_width;
};

/* Whether the new value is one that the processor takes; false: #GP(0). */
bool guest_cr0_valid(const struct guest_mode *mode, uint64_t value);
bool guest_cr3_valid(const struct guest_mode *mode, uint64_t value);
bool guest_cr4_valid(const struct guest_mode *mode, uint64_t value);

/* Whether EFER may take the new value; false: #GP(0). */
bool guest_efer_valid(const struct guest_mode *mode, uint64_t value);

/* Whether every entry of a PAT value is a memory type that exists; false: #GP(0). */
bool guest_pat_valid(uint64_t value);

#endif
