/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole state of a virtual CPU in the log, for exits that end a VM unexpectedly. */
#ifndef VMX_REPORT_H
#define VMX_REPORT_H

#include "vmx/vm.h"

/* Asks for the report of vcpu->exit: slow work, done after the exit's own record. */
static inline void vcpu_report(struct vcpu *vcpu)
{
    vcpu->attention |= ATTENTION_REPORT;
}

/* Logs it: the exit, the guest's registers and segments, and, after an EPT exit, the walk. */
void report_log(const struct vcpu *vcpu);

#endif
