/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/audit_log.h"

#include "kernel/log.h"
#include "vmx/audit_text.h"

void audit_log_finding(const struct audit_finding *finding)
{
    struct audit_lines lines;

    audit_finding_text(finding, &lines);
    log_line("audit", "%s", lines.first);
    if (lines.second[0] != '\0') {
        log_line("audit", "%s", lines.second);
    }
}
