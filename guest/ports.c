/* SPDX-License-Identifier: BSD-2-Clause */
/* A flat guest's surroundings: a port that prints, a port that ends, HLT. */
#include "guest/guest.h"
#include "kernel/cpu.h"
#include "vmx/attention.h"
#include "vmx/report.h"
#include "vmx/vmcs.h"
#include "vmx/wait_for_sipi.h"

#define PORT_TEXT   0x3F8
#define PORT_STATUS 0x3FD
#define PORT_END    0x00F4
#define TEXT_READY  0x60

bool flat_port_out(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t value,
                   enum action *action)
{
    (void)size;
    switch (port) {
    case PORT_TEXT:
        guest_text_byte(vcpu, (char)value);
        return true;
    case PORT_END:
        *action = vm_stop(vcpu, (value & 0xFF) != 0, value & 0xFF, "OUT to port 0xf4");
        return true;
    default:
        return false;
    }
}

bool flat_port_in(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t *value)
{
    (void)vcpu;
    if (port != PORT_STATUS || size != 1) {
        return false;
    }
    *value = TEXT_READY;
    return true;
}

/* No device of the machine interrupts this guest, so with interrupts on it would wait for ever. */
enum action flat_hlt(struct vcpu *vcpu)
{
    if (vcpu->id != 0) { /* it halts, and the others go on */
        if (vcpu->capabilities->misc & VMX_MISC_HLT) {
            vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
        }
        return ACTION_ADVANCE;
    }
    if (vmread(VMCS_GUEST_RFLAGS) & RFLAGS_IF) {
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "HLT with interrupts on: nothing can wake this guest");
    }
    return vm_stop(vcpu, false, 0, "HLT");
}

const struct vm_hooks guest_flat_hooks = {
    .hlt = flat_hlt,
    .port_out = flat_port_out,
    .port_in = flat_port_in,
};
