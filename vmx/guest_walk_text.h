/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's walk in words, as ept/walk_text.h does it with one of EPT. Pure. */
#ifndef VMX_GUEST_WALK_TEXT_H
#define VMX_GUEST_WALK_TEXT_H

#include "ept/walk_text.h"
#include "vmx/guest_walk.h"

/* "none", "32-bit", "PAE", "4-level", "5-level". */
const char *guest_paging_text(enum guest_paging paging);

/* The registers' bits that decide what an access may: "WP,SMEP,NXE". */
#define GUEST_RULES_TEXT 40
void guest_rules_text(const struct guest_translation *guest, char text[GUEST_RULES_TEXT]);

/* Why the path ended without an address, as half a sentence; nothing where it did not. */
void guest_path_why(const struct guest_path *path, const struct guest_translation *guest,
                    const struct ept_rules *rules, char *text, size_t size);

/*
 * The picture: a line for each entry of the guest's, and below it the walk of EPT that led to it:
 * of every one if `whole`, else only of the one that failed. Then EPT's walk of the address itself,
 * and a line that says what came of it.
 */
void guest_path_lines(const struct guest_path *path, const struct guest_translation *guest,
                      const struct ept_rules *rules, bool whole, const struct walk_sink *sink);

#endif
