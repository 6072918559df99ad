/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #VE: an EPT violation that the guest handles itself, as exception 20. SDM vol. 3C,
 * "Virtualization Exceptions".
 */
#ifndef VMX_VIRTUALIZATION_EXCEPTION_H
#define VMX_VIRTUALIZATION_EXCEPTION_H

#include "vmx/vm.h"

#define VE_BUSY UINT32_MAX /* no further #VE until the guest writes 0 there */

/* What the processor fills in: the virtualization-exception information area. */
struct ve_information {
    uint32_t reason;        /* 48, EPT violation */
    uint32_t busy;          /* VE_BUSY while the guest has not cleared it */
    uint64_t qualification; /* as of the VM exit that it stands for */
    uint64_t linear, physical;
    uint16_t eptp_index;
};

/*
 * Points the current VMCS, whose "EPT-violation #VE" control is on, to an information area in the
 * guest's memory at `area`, a page. Entries with bit 63 (suppress #VE) still cause VM exits.
 * STATUS_INVALID: there is no memory of the guest.
 */
enum status ve_start(const struct vcpu *vcpu, gpa_t area) NODISCARD;

#endif
