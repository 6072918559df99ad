/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's x87, SSE, AVX and further XSAVE-managed state. The hypervisor never touches it while
 * a VM runs; between VMs it is brought back to its initial configuration, so that no guest reads
 * what another left. SDM vol. 1, "Managing State Using the XSAVE Feature Set".
 */
#ifndef VMX_VECTOR_STATE_H
#define VMX_VECTOR_STATE_H

void vector_state_reset(void);

#endif
