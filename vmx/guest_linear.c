/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_linear.h"

#include "kernel/cpu.h"
#include "vmx/guest_mode.h"
#include "vmx/guest_walk.h"
#include "vmx/vmcs.h"

/* The guest's memory, by guest-physical addresses. */
struct guest_reader {
    struct physical_reader reader; /* first */
    const struct vm *vm;
};

static const void *guest_at(const struct physical_reader *reader, hpa_t address, uint64_t length)
{
    return guest_access(((const struct guest_reader *)reader)->vm, GPA(address.value), length);
}

static struct guest_translation translation(const struct vm *vm, const struct guest_mode *mode)
{
    const struct vmx_capabilities *can = vm->vcpus[0]->capabilities;
    struct guest_translation guest = {
        .cr0 = mode->cr0,
        .cr3 = mode->cr3,
        .cr4 = mode->cr4,
        .efer = mode->efer,
        .rflags = mode->cr4 & CR4_SMAP ? vmread(VMCS_GUEST_RFLAGS) : 0,
        .width = mode->physical_width,
        .page_1g = can->page_1g,
        .pse_36 = can->pse_36,
    };

    if (guest_paging_of(&guest) == PAGING_PAE) {
        guest_pdptes_read(guest.pdptes);
    }
    return guest;
}

enum status guest_translate(const struct vm *vm, const struct guest_mode *mode, gva_t gva,
                            bool write, gpa_t *gpa, uint32_t *error_code)
{
    const struct guest_reader reader = {.reader = {guest_at}, .vm = vm};
    const struct guest_translation guest = translation(vm, mode);
    const struct guest_access access = {.write = write, .user = mode->user};
    struct guest_path path;

    guest_follow(&guest, NULL, &reader.reader, gva, access, &path);
    switch (path.verdict) {
    case GUEST_MAPPED:
        *gpa = path.gpa;
        return STATUS_OK;
    case GUEST_PAGE_FAULT:
        *error_code = path.error_code;
        return STATUS_FAULT;
    case GUEST_EPT:
        return STATUS_UNSUPPORTED;
    case GUEST_NOT_CANONICAL:
    case GUEST_NO_ADDRESS:
        break;
    }
    return STATUS_INVALID;
}
