/* SPDX-License-Identifier: BSD-2-Clause */
/* The auditor's words in the log. */
#ifndef VMX_AUDIT_LOG_H
#define VMX_AUDIT_LOG_H

#include "vmx/audit.h"

/* One record, or two: the rule's sentence, the field, what was found and what is allowed. */
void audit_log_finding(const struct audit_finding *finding);

#endif
