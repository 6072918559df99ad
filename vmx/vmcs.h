/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS: its fields, and the only ways to reach them. Fields that Lintel uses exist on every
 * processor that passed the capability check, so a VMREAD or VMWRITE that fails is a bug of ours:
 * a panic that names the field. SDM vol. 3C, "Virtual Machine Control Structures"; "Conventions".
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "kernel/percpu.h"
#include "kernel/status.h"
#include "kernel/types.h"

/* A field's encoding, as a type of its own: a value cannot be passed in its place. */
struct vmcs_field {
    uint32_t encoding;
};

#define NOTE(text)
#define VMCS_FIELD(symbol, name, encoding, title)                                                  \
    __attribute__((unused)) static const struct vmcs_field VMCS_##symbol = {encoding};
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD

#define VMCS_FIELD(symbol, name, encoding, title) VMCS_ENCODING_##symbol = (encoding),
enum {
#include "vmx/vmcs_fields.def"
};
#undef VMCS_FIELD
#undef NOTE

_Static_assert(VMCS_ENCODING_GUEST_RIP == 0x681E, "a table that moved");
_Static_assert(VMCS_ENCODING_HOST_RSP == 0x6C14, "a table that moved");
_Static_assert(VMCS_ENCODING_EXIT_REASON == 0x4402, "a table that moved");

/* SDM vol. 3C, "Format of the VMCS Region". */
#define VMCS_REVISION_MASK BITS(30, 0)

/* What VMX instructions answer: SDM vol. 3C, "Conventions" (VMsucceed, VMfail). */
enum vmx_result {
    VMX_SUCCEED = 0,
    VMX_FAIL_INVALID = 1, /* CF: there is no current VMCS */
    VMX_FAIL_VALID = 2,   /* ZF: the VM-instruction error field says why */
};

/* VM-instruction errors of a VM entry that are about the VMCS. SDM vol. 3C, "VM Instruction Error
 * Numbers". */
#define VM_ERROR_CONTROLS 7
#define VM_ERROR_HOST     8

/* "guest_rip" for 681EH; NULL for what is no field. Pure. */
const char *vmcs_field_name(struct vmcs_field field);

/* "VM entry with invalid control field(s)" for 7; NULL for a number that is not defined. Pure. */
const char *vmx_instruction_error_name(uint64_t number);

/* Panics: called by vmread() and vmwrite() alone. */
__attribute__((noreturn, cold)) void vmread_failed(struct vmcs_field field);
__attribute__((noreturn, cold)) void vmwrite_failed(struct vmcs_field field, uint64_t value);

/* Counts one VMX instruction: where we are nested, each is an exit to the hypervisor below. */
static inline void vmx_count(void)
{
    __asm__ volatile("incq %%gs:%c0" : : "i"(offsetof(struct percpu, counted)) : "memory", "cc");
}

/* How many were counted on this processor since the last call. */
static inline uint64_t vmx_count_take(void)
{
    uint64_t counted;

    __asm__ volatile("movq %%gs:%c1, %0\n\t"
                     "movq $0, %%gs:%c1"
                     : "=r"(counted)
                     : "i"(offsetof(struct percpu, counted))
                     : "memory");
    return counted;
}

/* Every VMX instruction that takes a physical address in memory, or none. */
#define DEFINE_VMX_INSTRUCTION(name)                                                               \
    NODISCARD static inline enum vmx_result name(hpa_t region)                                     \
    {                                                                                              \
        bool carry, zero;                                                                          \
        vmx_count();                                                                               \
        __asm__ volatile(#name " %2"                                                               \
                         : "=@ccc"(carry), "=@ccz"(zero)                                           \
                         : "m"(region.value)                                                       \
                         : "memory");                                                              \
        return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;                     \
    }
DEFINE_VMX_INSTRUCTION(vmclear)
DEFINE_VMX_INSTRUCTION(vmptrld)
#undef DEFINE_VMX_INSTRUCTION

/* Reads a field of the current VMCS; narrower fields come zero-extended. */
static inline uint64_t vmread(struct vmcs_field field)
{
    uint64_t value;
    bool failed;

    vmx_count();
    __asm__ volatile("vmread %2, %0"
                     : "=r"(value), "=@ccbe"(failed)
                     : "r"((uint64_t)field.encoding));
    if (__builtin_expect(failed, 0)) {
        vmread_failed(field);
    }
    return value;
}

/* The same of a field that may not exist; false, `value` unchanged: it does not. */
NODISCARD static inline bool vmread_try(struct vmcs_field field, uint64_t *value)
{
    uint64_t read;
    bool failed;

    vmx_count();
    __asm__ volatile("vmread %2, %0"
                     : "=r"(read), "=@ccbe"(failed)
                     : "r"((uint64_t)field.encoding));
    if (!failed) {
        *value = read;
    }
    return !failed;
}

/* Writes a field of the current VMCS. */
static inline void vmwrite(struct vmcs_field field, uint64_t value)
{
    bool failed;

    vmx_count();
    __asm__ volatile("vmwrite %1, %2"
                     : "=@ccbe"(failed)
                     : "r"(value), "r"((uint64_t)field.encoding)
                     : "memory");
    if (__builtin_expect(failed, 0)) {
        vmwrite_failed(field, value);
    }
}

/* SDM vol. 3C, "INVVPID—Invalidate Translations Based on VPID", "INVEPT". */
enum invvpid_type { INVVPID_SINGLE_CONTEXT = 1, INVVPID_ALL_CONTEXTS = 2 };
enum invept_type { INVEPT_SINGLE_CONTEXT = 1, INVEPT_ALL_CONTEXTS = 2 };

struct invalidation_descriptor {
    uint64_t low, high;
};

#define DEFINE_INVALIDATION(name)                                                                  \
    NODISCARD static inline enum vmx_result name(enum name##_type type, uint64_t context)          \
    {                                                                                              \
        struct invalidation_descriptor descriptor = {context, 0};                                  \
        bool carry, zero;                                                                          \
        vmx_count();                                                                               \
        __asm__ volatile(#name " %2, %3"                                                           \
                         : "=@ccc"(carry), "=@ccz"(zero)                                           \
                         : "m"(descriptor), "r"((uint64_t)type)                                    \
                         : "memory");                                                              \
        return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;                     \
    }
/* `context`: for INVVPID a VPID, for INVEPT an EPT pointer; unused for all contexts. */
DEFINE_INVALIDATION(invvpid)
DEFINE_INVALIDATION(invept)
#undef DEFINE_INVALIDATION

#endif
