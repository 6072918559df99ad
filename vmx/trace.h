/* SPDX-License-Identifier: BSD-2-Clause */
/* The exits on paper: a virtual CPU's ring, its records in the log, and the table at the end. */
#ifndef VMX_TRACE_H
#define VMX_TRACE_H

#include "vmx/vm.h"

/* Makes the slot for the next exit the current one; the oldest record is lost when all are full. */
static inline void trace_next(struct vcpu *vcpu)
{
    if (vcpu->trace != TRACE_OFF) {
        vcpu->exit = &vcpu->ring[vcpu->exits % TRACE_RECORDS];
    }
}

/* Logs one exit, as docs/log.md tells. */
void trace_log(const struct vcpu *vcpu, const struct vmx_exit *exit);

/* Logs all that the ring holds and has not been logged; says how many were lost before. */
void trace_drain(struct vcpu *vcpu);

/* Logs the last exits of the virtual CPU that this processor runs, if it runs one: for panics. */
void trace_panic(void);

/* Logs the table of exits by reason: count, share, cost. */
void statistics_log(const struct vcpu *vcpu);

#endif
