/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/local_apic_absent.h"

#include "kernel/cpu.h"
#include "kernel/string.h"
#include "vmx/guest_linear.h"
#include "vmx/guest_mode.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/mov_decode.h"
#include "vmx/request.h"
#include "vmx/run.h"

#define APIC_BASE     UINT64_C(0xFEE00000)
#define APIC_ID       0x020
#define APIC_VERSION  0x030
#define APIC_ICR_LOW  0x300
#define APIC_ICR_HIGH 0x310

#define VERSION          0x50014 /* six entries in the local vector table */
#define ICR_DELIVERY     BITS(10, 8)
#define ICR_LOGICAL      BIT(11)
#define ICR_LEVEL        BIT(14) /* assert; clear: an INIT level de-assert, which does nothing */
#define ICR_SHORTHAND    BITS(19, 18)
#define DELIVERY_NMI     4
#define DELIVERY_INIT    5
#define DELIVERY_STARTUP 6
#define BROADCAST        0xFF

enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

static uint32_t *register_at(struct vcpu *vcpu, uint64_t offset)
{
    return &vcpu->apic[offset / 16 % ARRAY_SIZE(vcpu->apic)];
}

/* Whether a command of `vcpu`'s is meant for virtual CPU `id`. */
static bool is_meant(const struct vcpu *vcpu, uint32_t command, uint32_t destination, unsigned id)
{
    switch (FIELD_GET(ICR_SHORTHAND, command)) {
    case TO_SELF:
        return id == vcpu->id;
    case TO_ALL:
        return true;
    case TO_OTHERS:
        return id != vcpu->id;
    default:
        return !(command & ICR_LOGICAL) && (destination == id || destination == BROADCAST);
    }
}

/* No real signal: one that its target keeps pending would outlive the VM. */
static void deliver(struct vcpu *target, uint32_t command)
{
    switch (FIELD_GET(ICR_DELIVERY, command)) {
    case DELIVERY_NMI:
        request_signal(target, REQUEST_NMI, 0);
        break;
    case DELIVERY_INIT:
        request_signal(target, REQUEST_INIT, 0);
        break;
    default:
        request_signal(target, REQUEST_SIPI, (uint8_t)command);
        break;
    }
}

static bool is_delivered(uint32_t command)
{
    uint64_t delivery = FIELD_GET(ICR_DELIVERY, command);

    return delivery == DELIVERY_NMI || delivery == DELIVERY_STARTUP ||
           (delivery == DELIVERY_INIT && command & ICR_LEVEL);
}

/* SIPI and INIT to oneself, and what nobody is meant by, end here. */
static void command(struct vcpu *vcpu, uint32_t command)
{
    uint32_t destination = *register_at(vcpu, APIC_ICR_HIGH) >> 24;
    bool reaches = false;

    for (unsigned id = 0; id < vcpu->vm->vcpu_count && is_delivered(command); id++) {
        struct vcpu *target = vcpu->vm->vcpus[id];

        if (target != NULL && is_meant(vcpu, command, destination, id) &&
            (id != vcpu->id || FIELD_GET(ICR_DELIVERY, command) == DELIVERY_NMI)) {
            deliver(target, command);
            reaches = true;
        }
    }
    vcpu->ipis += reaches;
    vcpu->ipis_dropped += !reaches;
}

static void write_register(struct vcpu *vcpu, uint64_t offset, uint32_t value)
{
    *register_at(vcpu, offset) = value;
    if (offset == APIC_ICR_LOW) {
        command(vcpu, value);
    }
}

static uint32_t read_register(struct vcpu *vcpu, uint64_t offset)
{
    switch (offset) {
    case APIC_ID:
        return (uint32_t)vcpu->id << 24;
    case APIC_VERSION:
        return VERSION;
    default:
        return *register_at(vcpu, offset);
    }
}

/* The instruction that made the access, as far as its page goes, and into the next. */
static unsigned fetch(struct vcpu *vcpu, const struct guest_mode *mode, uint8_t *bytes)
{
    uint64_t linear = vcpu->exit->rip + vmread(VMCS_GUEST_CS_BASE);
    unsigned count = 0;

    while (count < INSTRUCTION_LONGEST) {
        uint32_t error_code;
        const void *byte;
        gpa_t gpa;

        if (guest_translate(vcpu->vm, mode, GVA(linear + count), false, &gpa, &error_code) !=
            STATUS_OK) {
            break;
        }
        byte = guest_access(vcpu->vm, gpa, 1);
        if (byte == NULL) {
            break;
        }
        memcpy(&bytes[count++], byte, 1);
    }
    return count;
}

bool local_apic_absent(struct vcpu *vcpu, enum action *action)
{
    uint64_t offset = vcpu->exit->physical.value - APIC_BASE;
    struct guest_mode mode;
    uint8_t bytes[INSTRUCTION_LONGEST];
    struct mov mov;

    if (vcpu->vm->alone || offset >= PAGE_SIZE) {
        return false;
    }
    mode = guest_mode_read(vcpu);
    if (mov_decode(bytes, fetch(vcpu, &mode, bytes), mode.code_64, &mov) != STATUS_OK) {
        return false; /* it ends the VM, as an access to what is not there */
    }
    if (mov.write) {
        write_register(vcpu, offset, mov.immediate ? mov.value : (uint32_t)vcpu_gpr(vcpu, mov.gpr));
    } else {
        vcpu_set_gpr(vcpu, mov.gpr, read_register(vcpu, offset));
    }
    vcpu->exit->length = mov.length; /* which the processor does not tell */
    *action = ACTION_ADVANCE;
    return true;
}
