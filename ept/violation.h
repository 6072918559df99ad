/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT violations in words. Pure. SDM vol. 3C, "Exit Qualification for EPT Violations". */
#ifndef EPT_VIOLATION_H
#define EPT_VIOLATION_H

#include "kernel/types.h"

#define EPT_VIOLATION_READ        BIT(0)
#define EPT_VIOLATION_WRITE       BIT(1)
#define EPT_VIOLATION_FETCH       BIT(2)
#define EPT_VIOLATION_READABLE    BIT(3)
#define EPT_VIOLATION_WRITABLE    BIT(4)
#define EPT_VIOLATION_EXECUTABLE  BIT(5)
#define EPT_VIOLATION_LINEAR      BIT(7) /* the guest-linear address is valid */
#define EPT_VIOLATION_TRANSLATION BIT(8) /* of that address itself, not of a paging structure */
#define EPT_VIOLATION_NMI_UNBLOCK BIT(12)

/*
 * Writes what was tried, on what, and what the entries allow: "write, nothing is mapped" or "read
 * of a guest paging structure, allowed is fetch". Always terminated.
 */
void ept_violation_text(uint64_t qualification, char *text, size_t size);

#endif
