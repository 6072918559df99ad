/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/dump.h"

#include "kernel/log.h"

static void log_record(void *context, const char *group, const char *keys)
{
    (void)context;
    log_line("vmx", "dump group=%s%s", group, keys);
}

void vmcs_dump_log(const struct audit *audit)
{
    vmcs_dump_text(audit, log_record, NULL);
}
