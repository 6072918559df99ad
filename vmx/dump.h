/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole VMCS in the log, by groups and decoded, for a VM entry that failed. It is told from a
 * snapshot, so nothing is read again, and the telling is pure.
 */
#ifndef VMX_DUMP_H
#define VMX_DUMP_H

#include "vmx/audit.h"

/* Logs every field that is present, a few dozen records. */
void vmcs_dump_log(const struct audit *audit);

/* Takes one record: its group, and its keys, from a blank on. */
typedef void dump_sink(void *context, const char *group, const char *keys);

/* Hands the records out in the order in which they are logged. Pure. */
void vmcs_dump_text(const struct audit *audit, dump_sink *sink, void *context);

#endif
