/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX operation on every processor of the machine, each with its own VMXON region. SDM vol. 3C,
 * "Enabling and Entering VMX Operation"; vol. 3A, "Multiple-Processor Management".
 */
#ifndef VMX_OPERATIONS_H
#define VMX_OPERATIONS_H

#include "vmx/operation.h"

/*
 * Asks every other processor whether it offers VT-x, as vmx_probe() did on this one, switching it
 * on where the firmware left that open, and compares what it offers with this processor: a
 * difference is logged (hybrid machines), and one line tells the sum.
 */
void vmx_probe_others(void);

/*
 * Enters VMX operation on this processor, as vmx_enter_operation() does, and on all others that
 * offer VT-x, side by side. The status is this processor's; another one that cannot is named and
 * has no operation. vmx_leave_everywhere() leaves it on all again.
 */
enum status vmx_enter_everywhere(bool verbose) NODISCARD;
void vmx_leave_everywhere(void);

/* The operation of the running processor; NULL: it is not in VMX operation. */
const struct vmx_operation *vmx_operation_here(void);

#endif
