/* SPDX-License-Identifier: BSD-2-Clause */
/* Which counters a processor has. Pure. */
#ifndef VMX_AUDIT_PERF_H
#define VMX_AUDIT_PERF_H

#include "kernel/cpu.h"

/* The bits that IA32_PERF_GLOBAL_CTRL takes, by CPUID leaf 0AH; `metrics`: with IA32_PERF_METRICS.
 */
uint64_t audit_perf_global_bits(const struct cpuid *leaf_0a, bool metrics);

#endif
