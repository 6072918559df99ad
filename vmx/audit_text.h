/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings in words. Pure. */
#ifndef VMX_AUDIT_TEXT_H
#define VMX_AUDIT_TEXT_H

#include "vmx/audit.h"

/* "controls", "host", "guest", "msr-load". */
const char *audit_stage_name(enum audit_stage stage);

/* What is allowed: "11", "\"3 or 11\"", quoted where it has a blank. */
void audit_want_text(const struct audit_answer *answer, char *text, size_t size);

/* What was found: decimal where it is a number, else hexadecimal. */
void audit_found_text(const struct audit_answer *answer, char *text, size_t size);

/* A finding as the log has it: one record, or two where it does not fit one. */
struct audit_lines {
    char first[320], second[320]; /* `second` is empty where one suffices */
};

void audit_finding_text(const struct audit_finding *finding, struct audit_lines *lines);

#endif
