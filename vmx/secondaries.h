/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The further virtual CPUs of a VM, each on a processor of its own: they begin in wait-for-SIPI, as
 * on bare metal, and the guest starts them itself.
 */
#ifndef VMX_SECONDARIES_H
#define VMX_SECONDARIES_H

#include "vmx/launch.h"

/* Prepares vm->vcpu_count - 1 virtual CPUs on the processors of vm->processors, and enters them;
 * returns when they wait for their start-up IPI. False: one of them could not be made, and the VM
 * has ended, which says so. */
bool secondaries_start(struct vcpu *first, const struct run_request *request);

/* After the VM has ended: fetches them out of their guest, and waits until all is given back. Adds
 * their exits to vm->exits. */
void secondaries_end(struct vm *vm);

#endif
