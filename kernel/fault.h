/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of the hypervisor itself. An expected one goes on elsewhere: at the landing that a
 * fixup entry names for that one instruction, or at the processor's recovery point. Every other is
 * a panic. SDM vol. 3A, "Interrupt and Exception Handling".
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/status.h"

/* As exception.asm pushes it. */
struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* One fixup: an exception at `fault` continues at `landing`, registers unchanged. */
struct fixup {
    uint64_t fault, landing;
};

/* For use in asm goto: an exception at local label 1 goes to the C label `landing`. */
#define FIXUP(landing)                                                                             \
    ".pushsection .fixups, \"a\"\n\t"                                                              \
    ".quad 1b, %l[" #landing "]\n\t"                                                               \
    ".popsection\n\t"

/* Registers that a call preserves, as fault_catch() saved them. */
struct fault_recovery {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
    struct fault_recovery *outer;
    uint32_t vector; /* after a fault: which, */
    uint64_t error;  /* and its error code */
};

/*
 * Makes here the processor's recovery point and answers false; when an exception without a fixup
 * comes before fault_release(), it answers a second time, true, and the point is released. As with
 * setjmp(), locals that change in between must be volatile.
 */
__attribute__((returns_twice)) bool fault_catch(struct fault_recovery *recovery) NODISCARD;

/* Takes the newest recovery point away. */
static inline void fault_release(struct fault_recovery *recovery)
{
    this_cpu()->recovery = recovery->outer;
}

/* RDMSR and WRMSR of an MSR that may not exist, or a value that it may refuse: STATUS_FAULT. */
NODISCARD static inline enum status rdmsr_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low, high;

    __asm__ goto volatile("1: rdmsr\n\t" FIXUP(fault)
                          : "=a"(low), "=d"(high)
                          : "c"(msr)
                          : "memory"
                          : fault);
    *value = (uint64_t)high << 32 | low;
    return STATUS_OK;
fault:
    return STATUS_FAULT;
}

NODISCARD static inline enum status wrmsr_safe(uint32_t msr, uint64_t value)
{
    __asm__ goto volatile("1: wrmsr\n\t" FIXUP(fault)
                          :
                          : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                          : "memory"
                          : fault);
    return STATUS_OK;
fault:
    return STATUS_FAULT;
}

/* XSETBV; needs CR4.OSXSAVE. STATUS_FAULT where the processor refuses the value. */
NODISCARD static inline enum status xsetbv_safe(uint32_t index, uint64_t value)
{
    __asm__ goto volatile("1: xsetbv\n\t" FIXUP(fault)
                          :
                          : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                          : "memory"
                          : fault);
    return STATUS_OK;
fault:
    return STATUS_FAULT;
}

/* "#PF", "#GP" and so on; "vector" for those without a mnemonic. */
const char *vector_name(unsigned vector);

#endif
