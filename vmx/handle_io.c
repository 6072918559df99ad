/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IN, OUT, INS and OUTS. What the guest's hooks do not take is a port without a device: it reads as
 * all ones and swallows writes. SDM vol. 3C, "Exit Qualification for I/O Instructions".
 */
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "vmx/attention.h"
#include "vmx/guest_linear.h"
#include "vmx/guest_mode.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/qualification.h"
#include "vmx/report.h"
#include "vmx/vmcs.h"
#include "vmx/watch.h"

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

/* One element of INS or OUTS in memory: in one piece, or in two where it crosses a page. */
struct element {
    void *piece[2];
    unsigned length[2];
};

/* What the elements of one exit have in common, and the page that the newest of them lies in. */
struct string_io {
    struct guest_mode mode;
    struct io_access access;
    bool known;      /* a page has been found: */
    uint64_t linear; /* its addresses, */
    gpa_t gpa;
    uint8_t *page; /* and its memory; NULL: there is none */
};

/* Finds the page at `linear`. False: `action` is what the access led to. */
static bool find_page(struct vcpu *vcpu, struct string_io *string, uint64_t linear,
                      enum action *action)
{
    uint32_t error_code = 0;
    gpa_t gpa;
    enum status status =
        guest_translate(vcpu->vm, &string->mode, GVA(linear), string->access.in, &gpa, &error_code);

    if (status == STATUS_INVALID) {
        *action = inject_gp(vcpu);
        return false;
    }
    if (status == STATUS_FAULT) {
        *action = inject_pf(vcpu, linear, error_code);
        return false;
    }
    if (status != STATUS_OK) {
        vcpu_report(vcpu);
        *action =
            vm_stop(vcpu, true, 0, "string I/O at 0x%lx: its page tables cannot be walked", linear);
        return false;
    }
    string->linear = ALIGN_DOWN(linear, PAGE_SIZE);
    string->gpa = GPA(ALIGN_DOWN(gpa.value, PAGE_SIZE));
    string->page = guest_access(vcpu->vm, string->gpa, PAGE_SIZE);
    string->known = true;
    return true;
}

/* The page found has no memory. */
static void find_no_memory(struct vcpu *vcpu, struct string_io *string, gpa_t gpa,
                           enum action *action)
{
    string->known = false;
    if (is_lazy(vcpu->vm, gpa)) {
        *action = vcpu_populate(vcpu, gpa);
        return;
    }
    vcpu_report(vcpu);
    *action = vm_stop(vcpu, true, 0, "string I/O at guest-physical 0x%lx: no memory", gpa.value);
}

/* The same for `length` bytes at `linear`, which end with their page at the latest. */
static bool find_piece(struct vcpu *vcpu, struct string_io *string, uint64_t linear,
                       unsigned length, void **piece, enum action *action)
{
    gpa_t gpa;

    if (!string->mode.code_64) {
        linear &= UINT32_MAX; /* it wraps */
    }
    if ((!string->known || string->linear != ALIGN_DOWN(linear, PAGE_SIZE)) &&
        !find_page(vcpu, string, linear, action)) {
        return false;
    }
    gpa = GPA(string->gpa.value + linear % PAGE_SIZE);
    if (watch_reach(vcpu, gpa, length, string->access.in ? WATCH_WRITE : WATCH_READ, GVA(linear),
                    piece, action)) {
        return *piece != NULL;
    }
    if (string->page == NULL) {
        find_no_memory(vcpu, string, gpa, action);
        return false;
    }
    *piece = string->page + linear % PAGE_SIZE;
    return true;
}

/* The same for an element of `size` bytes, which may cross into another page. */
static bool find_element(struct vcpu *vcpu, struct string_io *string, uint64_t linear,
                         struct element *element, enum action *action)
{
    unsigned size = string->access.size;
    unsigned first = (unsigned)MIN(PAGE_SIZE - linear % PAGE_SIZE, (uint64_t)size);

    element->length[0] = first;
    element->length[1] = size - first;
    return find_piece(vcpu, string, linear, first, &element->piece[0], action) &&
           (element->length[1] == 0 ||
            find_piece(vcpu, string, linear + first, size - first, &element->piece[1], action));
}

static enum action element_in(struct vcpu *vcpu, const struct io_access *access,
                              const struct element *element)
{
    uint32_t value = port_in(vcpu, access);
    uint8_t bytes[sizeof(value)];

    memcpy(bytes, &value, sizeof(value));
    memcpy(element->piece[0], bytes, element->length[0]);
    if (element->length[1] != 0) {
        memcpy(element->piece[1], bytes + element->length[0], element->length[1]);
    }
    return ACTION_ADVANCE;
}

static enum action element_out(struct vcpu *vcpu, const struct io_access *access,
                               const struct element *element)
{
    uint32_t value = 0;
    uint8_t bytes[sizeof(value)] = {0};

    memcpy(bytes, element->piece[0], element->length[0]);
    if (element->length[1] != 0) {
        memcpy(bytes + element->length[0], element->piece[1], element->length[1]);
    }
    memcpy(&value, bytes, sizeof(value));
    return port_out(vcpu, access, value);
}

/* Moves one element between port and memory; a fault comes before the port is touched. */
static enum action move_element(struct vcpu *vcpu, struct string_io *string, uint64_t linear)
{
    const struct io_access *access = &string->access;
    struct element element = {0};
    enum action action;

    if (find_element(vcpu, string, linear, &element, &action)) {
        action =
            access->in ? element_in(vcpu, access, &element) : element_out(vcpu, access, &element);
    }
    watch_reached(vcpu);
    return action;
}

/* SDM vol. 3C, "VM-Exit Instruction-Information Field as Used for INS and OUTS": bits 9:7 are the
 * address size. Processors that do not fill it in leave us the mode's default. */
static unsigned address_bits(const struct vcpu *vcpu, const struct guest_mode *mode)
{
    if (vcpu->io_information) {
        return 16U << FIELD_GET(BITS(9, 7), vmread(VMCS_EXIT_INSTRUCTION_INFO));
    }
    return mode->code_64 ? 64 : 32;
}

/* RSI, RDI or RCX after `by` more, as an instruction of that address size leaves it. */
static uint64_t step(uint64_t value, uint64_t by, unsigned bits)
{
    if (bits == 16) {
        return (value & ~UINT64_C(0xFFFF)) | (uint16_t)(value + by);
    }
    return bits == 32 ? (uint32_t)(value + by) : value + by;
}

static uint64_t low_bits(uint64_t value, unsigned bits)
{
    return value & (~UINT64_C(0) >> (64 - bits));
}

/* INS and OUTS, element by element: as many as an exit may take, the rest exits again. */
static enum action handle_string(struct vcpu *vcpu, const struct io_access *access)
{
    uint64_t *index = &vcpu->frame.gpr[access->in ? RDI : RSI];
    uint64_t *count = &vcpu->frame.gpr[RCX];
    struct string_io string = {.mode = guest_mode_read(vcpu), .access = *access};
    unsigned bits = address_bits(vcpu, &string.mode);
    uint64_t by = vmread(VMCS_GUEST_RFLAGS) & RFLAGS_DF ? -(uint64_t)access->size : access->size;
    uint64_t base = vcpu->exit->linear.value - low_bits(*index, bits);

    /* A whole line of the guest's text ends an exit early, to be logged before more comes. */
    for (unsigned i = 0; i < MOST_ITERATIONS && !(vcpu->attention & ATTENTION_TEXT); i++) {
        enum action action;

        if (access->rep && low_bits(*count, bits) == 0) {
            return ACTION_ADVANCE;
        }
        action = move_element(vcpu, &string, base + low_bits(*index, bits));
        if (action == ACTION_RESUME) {
            return action; /* a fault: this element is still to be done */
        }
        *index = step(*index, by, bits);
        if (access->rep) {
            *count = step(*count, UINT64_MAX, bits);
        }
        if (!access->rep || action == ACTION_STOP) {
            return action;
        }
    }
    return low_bits(*count, bits) == 0 ? ACTION_ADVANCE : ACTION_RESUME;
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
