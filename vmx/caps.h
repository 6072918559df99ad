/* SPDX-License-Identifier: BSD-2-Clause */
/* The capability report of the running processor, in the log. */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include "kernel/status.h"

/*
 * Logs what the running processor's VT-x can do, without entering VMX operation and without writing
 * any MSR, so also where the firmware has locked VT-x off. STATUS_UNSUPPORTED: there is no VT-x,
 * and the log says why; all facts are then `absent`.
 */
enum status caps_log(void) NODISCARD;

#endif
