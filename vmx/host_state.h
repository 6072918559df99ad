/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's state that neither VM entry nor VM exit keeps apart: saved before the first
 * entry, put back when the VM is left, so that a guest leaves nothing behind. SDM vol. 3C, "Loading
 * Host State".
 */
#ifndef VMX_HOST_STATE_H
#define VMX_HOST_STATE_H

#include "vmx/vm.h"

void host_state_save(struct host_state *host);
void host_state_restore(const struct host_state *host);

/*
 * Reads the state again and compares it with `host`: the names of what differs go to `names`, with
 * blanks between; "none" where nothing does. Gives how many differ.
 */
unsigned host_state_compare(const struct host_state *host, char *names, size_t size);

#endif
