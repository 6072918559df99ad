/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/percpu.h"

#include "kernel/cpu.h"

void percpu_install(struct percpu *cpu, unsigned number)
{
    cpu->self = cpu;
    cpu->number = number;
    wrmsr(MSR_IA32_GS_BASE, (uint64_t)cpu);
}
