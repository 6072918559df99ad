/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IN, OUT, INS and OUTS. What the guest's hooks do not take is a port without a device: it reads as
 * all ones and swallows writes. SDM vol. 3C, "Exit Qualification for I/O Instructions".
 */
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "vmx/guest_linear.h"
#include "vmx/guest_mode.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/qualification.h"
#include "vmx/report.h"
#include "vmx/vmcs.h"

/* A REP instruction goes on in later exits after this many iterations: an exit stays short. */
#define MOST_ITERATIONS 256

static uint64_t size_mask(unsigned size)
{
    return size == 4 ? UINT32_MAX : BIT(8 * size) - 1;
}

static enum action port_out(struct vcpu *vcpu, const struct io_access *access, uint64_t value)
{
    enum action action = ACTION_ADVANCE;

    if (vcpu->vm->hooks->port_out != NULL) {
        (void)vcpu->vm->hooks->port_out(vcpu, access->port, access->size,
                                        (uint32_t)(value & size_mask(access->size)), &action);
    }
    return action;
}

static uint32_t port_in(struct vcpu *vcpu, const struct io_access *access)
{
    uint32_t value = UINT32_MAX;

    if (vcpu->vm->hooks->port_in != NULL &&
        !vcpu->vm->hooks->port_in(vcpu, access->port, access->size, &value)) {
        value = UINT32_MAX;
    }
    return value & (uint32_t)size_mask(access->size);
}

/* Moves one element of INS or OUTS between port and guest memory at `gva`. */
static enum action move_element(struct vcpu *vcpu, const struct io_access *access, gva_t gva)
{
    uint32_t value = 0;
    uint32_t error_code = 0;
    gpa_t gpa;
    void *memory;

    switch (guest_translate(vcpu, gva, access->in, &gpa, &error_code)) {
    case STATUS_OK:
        break;
    case STATUS_FAULT:
        return inject_pf(gva.value, error_code);
    default:
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "string I/O in a paging mode that is not walked");
    }
    memory = guest_access(vcpu->vm, gpa, access->size);
    if (memory == NULL) {
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "string I/O at guest-physical 0x%lx: no memory", gpa.value);
    }
    if (access->in) {
        value = port_in(vcpu, access);
        memcpy(memory, &value, access->size);
        return ACTION_ADVANCE;
    }
    memcpy(&value, memory, access->size);
    return port_out(vcpu, access, value);
}

/* RSI, RDI and RCX count in the instruction's address size: 64 bits in 64-bit code, as far as we
 * go; narrower ones wrap in 32. */
static uint64_t step(uint64_t value, uint64_t by, bool wide)
{
    return wide ? value + by : (uint32_t)(value + by);
}

static enum action handle_string(struct vcpu *vcpu, const struct io_access *access)
{
    uint64_t *index = &vcpu->frame.gpr[access->in ? RDI : RSI];
    uint64_t *count = &vcpu->frame.gpr[RCX];
    bool wide = guest_mode_read(vcpu).code_64;
    uint64_t by = vmread(VMCS_GUEST_RFLAGS) & RFLAGS_DF ? -(uint64_t)access->size : access->size;
    uint64_t linear = vmread(VMCS_GUEST_LINEAR_ADDRESS);

    for (unsigned i = 0; i < MOST_ITERATIONS; i++) {
        enum action action;

        if (access->rep && (wide ? *count : (uint32_t)*count) == 0) {
            return ACTION_ADVANCE;
        }
        action = move_element(vcpu, access, GVA(linear));
        if (action == ACTION_RESUME) {
            return action; /* a fault: this element is still to be done */
        }
        linear = step(linear, by, wide);
        *index = step(*index, by, wide);
        if (access->rep) {
            *count = step(*count, UINT64_MAX, wide);
        }
        if (!access->rep || action == ACTION_STOP) {
            return action;
        }
        /* The guest's line is whole: let it be logged before more text comes. */
        if (vcpu->attention & ATTENTION_TEXT) {
            break;
        }
    }
    return *count == 0 ? ACTION_ADVANCE : ACTION_RESUME;
}

enum action handle_io(struct vcpu *vcpu)
{
    struct io_access access = io_access_decode(vcpu->exit->qualification);
    uint64_t *rax = &vcpu->frame.gpr[RAX];

    if (access.string) {
        return handle_string(vcpu, &access);
    }
    if (!access.in) {
        return port_out(vcpu, &access, *rax);
    }
    if (access.size == 4) {
        *rax = port_in(vcpu, &access); /* a 32-bit destination clears the upper half */
    } else {
        *rax = (*rax & ~size_mask(access.size)) | port_in(vcpu, &access);
    }
    return ACTION_ADVANCE;
}
