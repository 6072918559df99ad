/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/audit_perf.h"

/* CPUID.0AH. SDM vol. 2A, "CPUID"; vol. 3B, "Architectural Performance Monitoring Version 5". */
#define EAX_VERSION   BITS(7, 0)
#define EAX_GENERAL   BITS(15, 8)
#define EDX_FIXED     BITS(4, 0)
#define FIXED_FROM    5 /* the version from which on ECX has a bit a fixed counter too */
#define FIXED_VERSION 2 /* that from which on there are fixed counters, and the MSR */

/* SDM vol. 3B, "IA32_PERF_GLOBAL_CTRL": a bit a general-purpose counter, from bit 32 on one a fixed
 * counter, and one for the performance metrics. */
#define GLOBAL_FIXED   BITS(47, 32)
#define GLOBAL_METRICS BIT(48)

static uint64_t ones(uint64_t count)
{
    return count != 0 ? BITS(count - 1, 0) : 0;
}

uint64_t audit_perf_global_bits(const struct cpuid *leaf_0a, bool metrics)
{
    uint64_t version = FIELD_GET(EAX_VERSION, leaf_0a->eax);
    uint64_t general = ones(MIN(FIELD_GET(EAX_GENERAL, leaf_0a->eax), UINT64_C(32)));
    uint64_t fixed = 0;

    if (version >= FIXED_VERSION) {
        fixed = ones(FIELD_GET(EDX_FIXED, leaf_0a->edx));
    }
    if (version >= FIXED_FROM) {
        fixed |= leaf_0a->ecx;
    }
    return general | FIELD_PUT(GLOBAL_FIXED, fixed & UINT16_MAX) | (metrics ? GLOBAL_METRICS : 0);
}
