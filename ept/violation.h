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
#define EPT_VIOLATION_ALLOWED     BITS(5, 3) /* these three, as EPT_RWX has them */
#define EPT_VIOLATION_LINEAR      BIT(7)     /* the guest-linear address is valid */
#define EPT_VIOLATION_TRANSLATION BIT(8)     /* of that address itself, not of a paging structure */
#define EPT_VIOLATION_NMI_UNBLOCK BIT(12)
#define EPT_VIOLATION_SHADOW      BIT(13) /* the access was one to a shadow stack */
#define EPT_VIOLATION_ASYNC       BIT(16) /* not of the instruction at RIP, but a trace's */

/* With mode-based execute control; EPT_VIOLATION_EXECUTABLE is then supervisors'. */
#define EPT_VIOLATION_USER_EXECUTABLE BIT(6)

/* With advanced exit information, of a translation: what the guest's own tables say. */
#define EPT_VIOLATION_GUEST_USER     BIT(9)
#define EPT_VIOLATION_GUEST_WRITABLE BIT(10)
#define EPT_VIOLATION_GUEST_NO_FETCH BIT(11)

/*
 * Writes what was tried, on what, and what the entries allow: "write, nothing is mapped" or "read
 * of a guest paging structure, allowed is fetch". Always terminated.
 */
void ept_violation_text(uint64_t qualification, char *text, size_t size);

/* What else decides which bits of a qualification mean something. */
struct ept_violation_mode {
    bool mode_based;       /* mode-based execute control is on */
    bool exit_information; /* the processor gives advanced exit information */
};

/*
 * The same with all that the qualification tells: "write of data in a user page, allowed: read,
 * supervisor fetch". At most EPT_VIOLATION_WORDS characters with the NUL; always terminated.
 */
#define EPT_VIOLATION_WORDS 148
void ept_violation_words(uint64_t qualification, const struct ept_violation_mode *mode, char *text,
                         size_t size);

#endif
