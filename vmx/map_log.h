/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's guest-physical space in the log: what its EPT maps, as the tables say. */
#ifndef VMX_MAP_LOG_H
#define VMX_MAP_LOG_H

#include "vmx/vm.h"

/* Logs a record for each stretch that is mapped evenly, the lowest first; at most 64 of them. */
void map_log(const struct vm *vm);

#endif
