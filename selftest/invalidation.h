/* SPDX-License-Identifier: BSD-2-Clause */
/* INVVPID and INVEPT with any operands, and what they answer to wrong ones. */
#ifndef SELFTEST_INVALIDATION_H
#define SELFTEST_INVALIDATION_H

#include "selftest/rig.h"

#define INVVPID_ADDRESS      UINT64_C(0)
#define INVVPID_KEEP_GLOBALS UINT64_C(3)

#define DEFINE_INVALIDATION_WITH(name)                                                             \
    static inline enum vmx_result name##_with(uint64_t type,                                       \
                                              struct invalidation_descriptor descriptor)           \
    {                                                                                              \
        bool carry, zero;                                                                          \
        __asm__ volatile(#name " %2, %3"                                                           \
                         : "=@ccc"(carry), "=@ccz"(zero)                                           \
                         : "m"(descriptor), "r"(type)                                              \
                         : "memory");                                                              \
        return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;                     \
    }
DEFINE_INVALIDATION_WITH(invvpid)
DEFINE_INVALIDATION_WITH(invept)
#undef DEFINE_INVALIDATION_WITH

typedef enum vmx_result invalidation(uint64_t type, struct invalidation_descriptor descriptor);

struct invalidation_error {
    const char *what; /* of the instruction, behind its name */
    uint64_t type;
    struct invalidation_descriptor descriptor;
};

/* Wants VMfailValid with the error of an invalid operand. */
void want_invalidation_error(struct rig *rig, const char *name, invalidation *execute,
                             const struct invalidation_error *error);

#endif
