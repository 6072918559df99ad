/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One wrapper for each privileged or special instruction that the base needs, and the
 * architectural bits and MSRs that go with them. SDM vol. 2, "Instruction Set Reference"; vol. 4.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "kernel/types.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME        BIT(0)
#define CR4_PVI        BIT(1)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_PCE        BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_KL         BIT(19)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE        BIT(22)
#define CR4_CET        BIT(23)
#define CR4_PKS        BIT(24)
#define CR4_UINTR      BIT(25)
#define CR4_LASS       BIT(27)
#define CR4_LAM_SUP    BIT(28)
#define CR4_FRED       BIT(32)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define S_CET_SH_STK_EN BIT(0)

#define SPEC_CTRL_IBRS  BIT(0)
#define SPEC_CTRL_STIBP BIT(1)

#define DEBUGCTL_BTF BIT(1) /* of IA32_DEBUGCTL: trap on branches alone */

#define DR7_FIXED_1 UINT64_C(0x400)
#define DR7_KIND_0  BITS(19, 16) /* of breakpoint 0: what access, of what length */

#define RFLAGS_FIXED UINT64_C(2)
#define RFLAGS_CF    BIT(0)
#define RFLAGS_ZF    BIT(6)
#define RFLAGS_TF    BIT(8)
#define RFLAGS_IF    BIT(9)
#define RFLAGS_DF    BIT(10)
#define RFLAGS_IOPL  BITS(13, 12)
#define RFLAGS_NT    BIT(14)
#define RFLAGS_RF    BIT(16)
#define RFLAGS_VM    BIT(17)
#define RFLAGS_AC    BIT(18)
#define RFLAGS_ID    BIT(21)

/* Of IA32_APIC_BASE. */
#define APIC_BASE_X2APIC  BIT(10)
#define APIC_BASE_ENABLED BIT(11)
#define APIC_BASE_ADDRESS BITS(51, 12)

#define MSR_IA32_TIME_STAMP_COUNTER 0x010
#define MSR_IA32_APIC_BASE          0x01B
#define MSR_IA32_FEATURE_CONTROL    0x03A
#define MSR_IA32_SPEC_CTRL          0x048
#define MSR_IA32_BIOS_SIGN_ID       0x08B
#define MSR_IA32_MTRRCAP            0x0FE
#define MSR_IA32_SYSENTER_CS        0x174
#define MSR_IA32_SYSENTER_ESP       0x175
#define MSR_IA32_SYSENTER_EIP       0x176
#define MSR_IA32_MCG_CAP            0x179
#define MSR_IA32_MISC_ENABLE        0x1A0
#define MSR_IA32_DEBUGCTL           0x1D9
#define MSR_IA32_MTRR_PHYSBASE0     0x200 /* its mask is the next, then the next pair */
#define MSR_IA32_MTRR_FIX64K_00000  0x250
#define MSR_IA32_MTRR_FIX16K_80000  0x258
#define MSR_IA32_MTRR_FIX16K_A0000  0x259
#define MSR_IA32_MTRR_FIX4K_C0000   0x268 /* and seven more, to 26FH */
#define MSR_IA32_PAT                0x277
#define MSR_IA32_MTRR_DEF_TYPE      0x2FF
#define MSR_IA32_PERF_GLOBAL_CTRL   0x38F
#define MSR_IA32_RTIT_CTL           0x570
#define MSR_IA32_S_CET              0x6A2
#define MSR_IA32_INTERRUPT_SSP      0x6A8 /* IA32_INTERRUPT_SSP_TABLE_ADDR */
#define MSR_IA32_PKRS               0x6E1
#define MSR_X2APIC_FIRST            0x800 /* to 8FFH */
#define MSR_IA32_UINTR_MISC         0x988
#define MSR_IA32_BNDCFGS            0xD90
#define MSR_IA32_XSS                0xDA0
#define MSR_IA32_LBR_CTL            0x14CE
#define MSR_IA32_EFER               0xC0000080
#define MSR_IA32_STAR               0xC0000081
#define MSR_IA32_LSTAR              0xC0000082
#define MSR_IA32_CSTAR              0xC0000083
#define MSR_IA32_FMASK              0xC0000084
#define MSR_IA32_FS_BASE            0xC0000100
#define MSR_IA32_GS_BASE            0xC0000101
#define MSR_IA32_KERNEL_GS_BASE     0xC0000102
#define MSR_IA32_TSC_AUX            0xC0000103

#define CPUID_1_ECX_MONITOR     BIT(3)
#define CPUID_1_ECX_VMX         BIT(5)
#define CPUID_1_ECX_SMX         BIT(6)
#define CPUID_1_ECX_X2APIC      BIT(21)
#define CPUID_1_ECX_XSAVE       BIT(26)
#define CPUID_1_ECX_OSXSAVE     BIT(27)
#define CPUID_1_ECX_HYPERVISOR  BIT(31)
#define CPUID_1_EDX_MCE         BIT(7)
#define CPUID_1_EDX_APIC        BIT(9)
#define CPUID_1_EDX_MTRR        BIT(12)
#define CPUID_1_EDX_PSE_36      BIT(17)
#define CPUID_1_EDX_FXSR        BIT(24)
#define CPUID_7_ECX_OSPKE       BIT(4)
#define CPUID_80000001_EDX_NX   BIT(20)
#define CPUID_80000001_EDX_1G   BIT(26)
#define CPUID_80000001_EDX_TSCP BIT(27)

/* Vectors. SDM vol. 3A, "Exception and Interrupt Reference". */
enum vector {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17,
    VECTOR_MC = 18,
    VECTOR_XM = 19,
    VECTOR_VE = 20,
    VECTOR_CP = 21,
};

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

/* What SGDT and SIDT store, and LGDT and LIDT load. */
struct PACKED descriptor_table {
    uint16_t limit;
    uint64_t base;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* For MSRs that are known to exist; rdmsr_safe() is for the others. */
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

#define DEFINE_REGISTER(name)                                                                      \
    static inline uint64_t read_##name(void)                                                       \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                                     \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_##name(uint64_t value)                                                \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                            \
    }
DEFINE_REGISTER(cr0)
DEFINE_REGISTER(cr2)
DEFINE_REGISTER(cr3)
DEFINE_REGISTER(cr4)
DEFINE_REGISTER(cr8)
DEFINE_REGISTER(dr0)
DEFINE_REGISTER(dr1)
DEFINE_REGISTER(dr2)
DEFINE_REGISTER(dr3)
DEFINE_REGISTER(dr6)
DEFINE_REGISTER(dr7)
#undef DEFINE_REGISTER

#define DEFINE_SELECTOR(name)                                                                      \
    static inline uint16_t read_##name(void)                                                       \
    {                                                                                              \
        uint16_t value;                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                                     \
        return value;                                                                              \
    }
DEFINE_SELECTOR(cs)
DEFINE_SELECTOR(ds)
DEFINE_SELECTOR(es)
DEFINE_SELECTOR(fs)
DEFINE_SELECTOR(gs)
DEFINE_SELECTOR(ss)
#undef DEFINE_SELECTOR

static inline uint16_t read_tr(void)
{
    uint16_t value;

    __asm__ volatile("str %0" : "=r"(value));
    return value;
}

static inline uint16_t read_ldtr(void)
{
    uint16_t value;

    __asm__ volatile("sldt %0" : "=r"(value));
    return value;
}

static inline uint64_t read_rflags(void)
{
    uint64_t value;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(value) : : "memory");
    return value;
}

static inline struct descriptor_table read_gdtr(void)
{
    struct descriptor_table table;

    __asm__ volatile("sgdt %0" : "=m"(table));
    return table;
}

static inline struct descriptor_table read_idtr(void)
{
    struct descriptor_table table;

    __asm__ volatile("sidt %0" : "=m"(table));
    return table;
}

static inline void write_gdtr(struct descriptor_table table)
{
    __asm__ volatile("lgdt %0" : : "m"(table));
}

static inline void write_idtr(struct descriptor_table table)
{
    __asm__ volatile("lidt %0" : : "m"(table));
}

/* SDM vol. 1, "XSAVE-managed features": needs CR4.OSXSAVE. */
static inline uint64_t xgetbv(uint32_t index)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* Writes back all caches, so that memory may be accessed with another type. */
static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause");
}

/* Stops this processor for good: interrupts off, and HLT again after every NMI. */
__attribute__((noreturn)) static inline void cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

#endif
