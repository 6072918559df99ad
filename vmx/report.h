/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole state of a virtual CPU in the log, for exits that end a VM unexpectedly. */
#ifndef VMX_REPORT_H
#define VMX_REPORT_H

#include "vmx/vm.h"

/* Logs vcpu->exit in full, the guest's registers, segments and, after an EPT exit, the walk. */
void vcpu_report(const struct vcpu *vcpu);

#endif
