/* SPDX-License-Identifier: BSD-2-Clause */
/* What a skipped test says of the control that the processor lacks. Pure. */
#ifndef SELFTEST_NEEDS_H
#define SELFTEST_NEEDS_H

#include "vmx/capabilities.h"

/* "secondary.ept (IA32_VMX_PROCBASED_CTLS2 bit 1)". */
void needs_text(const struct vmx_capabilities *capabilities, enum control_group group, unsigned bit,
                char *text, size_t size);

#endif
