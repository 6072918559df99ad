/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/needs.h"

#include "kernel/format.h"

void needs_text(const struct vmx_capabilities *capabilities, enum control_group group, unsigned bit,
                char *text, size_t size)
{
    format_text(text, size, "%s (%s bit %u)", control_name(group, bit),
                capabilities->range[group].msr, bit);
}
