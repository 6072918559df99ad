/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to vmx/audit_*.c and to the random mutations of the selftest. Pure. */
#ifndef VMX_AUDIT_PRESETS_H
#define VMX_AUDIT_PRESETS_H

#include "vmx/audit_mutation.h"

/* The steps of each preset, up to STEP_END. */
extern const audit_step *const audit_presets[PRESETS];

#endif
