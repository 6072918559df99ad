/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM among others finds where its local APIC would be: registers that hold what is written
 * and interrupt nobody, and an interrupt command register that reaches the VM's own virtual CPUs
 * and no other processor. Its identifiers count from 0. SDM vol. 3A, "Interrupt Command Register
 * (ICR)", "Local APIC Registers".
 */
#ifndef VMX_LOCAL_APIC_ABSENT_H
#define VMX_LOCAL_APIC_ABSENT_H

#include "vmx/vm.h"

/*
 * For the handler of EPT violations: whether the exit is an access to the local APIC's page of a VM
 * that has none; `*action` is what it led to. INIT, start-up IPI and NMI go to the virtual CPUs
 * that are meant; interrupts and other destinations are dropped, which is counted. False also: an
 * access that is no MOV of 32 bits.
 */
bool local_apic_absent(struct vcpu *vcpu, enum action *action);

#endif
