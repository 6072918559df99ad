/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one processor asks of a virtual CPU that another processor runs: a bit of a word beside the
 * virtual CPU, and an NMI, which makes its guest exit. An NMI that comes between the last test of
 * the attention word and the entry is lost, so it is sent again until it has been heard.
 */
#ifndef VMX_REQUEST_H
#define VMX_REQUEST_H

#include "vmx/vm.h"

enum vcpu_request {
    REQUEST_LOOK = 1,   /* whether the VM has ended */
    REQUEST_NMI = 4,    /* another virtual CPU of the VM sends its guest an NMI, */
    REQUEST_INIT = 8,   /* INIT, */
    REQUEST_SIPI = 16,  /* a start-up IPI */
    REQUEST_INVEPT = 2, /* what the processor has cached of the VM's EPT must go */
};

/* Makes NMIs heard; once a boot. */
void request_prepare(void);

/*
 * Asks all virtual CPUs of `vm` that run on other processors, and waits until they have done it.
 * One that waits for a start-up IPI hears no NMI: it does it before it runs again.
 */
void request_others(const struct vm *vm, uint32_t request);

/* Asks the others to look whether the VM has ended, which it has; a start-up IPI fetches those that
 * wait for one. Does not wait. */
void request_end(const struct vm *vm);

/* Sends REQUEST_NMI, REQUEST_INIT or REQUEST_SIPI (with `vector`) to `vcpu`, which may run on any
 * processor. Waits a millisecond at most. */
void request_signal(struct vcpu *vcpu, uint32_t request, uint8_t vector);

/* Does what was asked of `vcpu`, which the running processor runs, between two entries. */
void request_serve(struct vcpu *vcpu);

/* Takes the lock of the VM's slow work; serves what is asked of `vcpu` meanwhile, as its holder may
 * be waiting for that. To be given back by lock_give(), as taken. */
void request_lock(struct vcpu *vcpu);

/* Around the time in which `vcpu` may be in its guest: from the first on, it is asked. */
void request_begin(struct vcpu *vcpu);
void request_end_of(struct vcpu *vcpu);

/* Around the time in which the guest waits for a start-up IPI. */
void request_waits(struct vcpu *vcpu, bool waits);

#endif
