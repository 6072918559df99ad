/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to vmx/audit_*.c. Pure. */
#ifndef VMX_AUDIT_SYMBOLS_H
#define VMX_AUDIT_SYMBOLS_H

#include "vmx/audit_mutation.h"

/* The value of `symbol`; 0: this processor has none. */
uint64_t audit_symbol(const struct audit *audit, const struct audit_sandbox *sandbox,
                      enum audit_symbol symbol);

/* What a processor would need for the symbol not to be 0, in words. */
const char *audit_symbol_need(enum audit_symbol symbol);

#endif
