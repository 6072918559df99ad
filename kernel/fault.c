/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides what follows an exception of the hypervisor: fixup, recovery point, a counted NMI, or a
 * panic.
 */
#include "kernel/fault.h"

#include "kernel/local_apic.h"
#include "kernel/panic.h"
#include "kernel/processors.h"

#define VECTORS_OF_EXCEPTIONS 32 /* from here on, they are interrupts */

extern const struct fixup fixups_start[], fixups_end[];

/* For fault_catch() alone. */
bool fault_push(struct fault_recovery *recovery);

bool fault_push(struct fault_recovery *recovery)
{
    struct percpu *cpu = this_cpu();

    recovery->outer = cpu->recovery;
    cpu->recovery = recovery;
    return false;
}

static bool apply_fixup(struct exception_frame *frame)
{
    for (const struct fixup *fixup = fixups_start; fixup < fixups_end; fixup++) {
        if (fixup->fault == frame->rip) {
            frame->rip = fixup->landing;
            return true;
        }
    }
    return false;
}

/* Makes the return from fault_catch() a second time, this time with true. */
static void apply_recovery(struct exception_frame *frame, struct fault_recovery *recovery)
{
    fault_release(recovery);
    recovery->vector = (uint32_t)frame->vector;
    recovery->error = frame->error;
    frame->rbx = recovery->rbx;
    frame->rbp = recovery->rbp;
    frame->r12 = recovery->r12;
    frame->r13 = recovery->r13;
    frame->r14 = recovery->r14;
    frame->r15 = recovery->r15;
    frame->rsp = recovery->rsp;
    frame->rip = recovery->rip;
    frame->rax = true;
}

/* Called by exception.asm; what it leaves in the frame is what the processor continues with. */
void exception_dispatch(struct exception_frame *frame);

void exception_dispatch(struct exception_frame *frame)
{
    struct percpu *cpu = this_cpu();

    if (frame->vector == VECTOR_NMI) {
        cpu->nmi_count += !processors_take_nmi();
        return;
    }
    if (frame->vector >= VECTORS_OF_EXCEPTIONS && cpu->takes_interrupts) {
        cpu->interrupt_vector = (uint8_t)frame->vector;
        local_apic_eoi((unsigned)frame->vector);
        return;
    }
    if (frame->vector == VECTOR_DF || frame->vector == VECTOR_MC) {
        panic_exception(frame); /* the frame cannot be trusted to return */
    }
    if (apply_fixup(frame)) {
        return;
    }
    if (cpu->recovery != NULL) {
        apply_recovery(frame, cpu->recovery);
        return;
    }
    panic_exception(frame);
}
