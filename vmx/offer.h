/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does this processor let us enter VMX operation, and if not, what can a person do about it? Pure.
 * SDM vol. 3C, "Discovering Support for VMX", "Enabling and Entering VMX Operation".
 */
#ifndef VMX_OFFER_H
#define VMX_OFFER_H

#include "kernel/cpu.h"
#include "kernel/types.h"
#include "vmx/capabilities.h"

struct vmx_offer {
    bool available;
    bool must_enable; /* available once IA32_FEATURE_CONTROL has been written with `enable` */
    uint64_t enable;
    char sentence[160]; /* why, and what to do */
};

/* What the decision depends on. */
struct vmx_facts {
    struct cpuid leaf0, leaf1;
    char hypervisor[13]; /* vendor of CPUID.40000000H, where leaf 1 says that one is below us */
    bool feature_control_read; /* the MSR could be read; meaningful where VMX is there */
    uint64_t feature_control;
};

struct vmx_offer vmx_offer_decide(const struct vmx_facts *facts);

#endif
