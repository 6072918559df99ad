/* SPDX-License-Identifier: BSD-2-Clause */
/* break=: breaking a VMCS on purpose, to see it named. */
#ifndef VMX_BREAK_H
#define VMX_BREAK_H

#include "vmx/vm.h"

/*
 * Changes fields of the current VMCS as `text` says: FIELD or FIELD:VALUE, several by comma; ""
 * changes nothing. Without a value it applies a mutation of a rule on that field. Each change is
 * logged; what cannot be done is logged, with what is allowed, and left.
 */
void break_fields(struct vcpu *vcpu, const char *text);

#endif
