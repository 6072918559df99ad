/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest-virtual to guest-physical, through the guest's own tables. */
#ifndef VMX_GUEST_LINEAR_H
#define VMX_GUEST_LINEAR_H

#include "vmx/guest_cr.h"
#include "vmx/vm.h"

/*
 * Translates one address for a data access by the running guest in `mode`, through tables in its
 * own memory, whatever EPT lets it do there. STATUS_FAULT: a page fault; `error_code` is what the
 * processor would push. STATUS_INVALID: the address is not canonical, #GP. STATUS_UNSUPPORTED: a
 * table lies outside guest memory.
 */
enum status guest_translate(const struct vm *vm, const struct guest_mode *mode, gva_t gva,
                            bool write, gpa_t *gpa, uint32_t *error_code) NODISCARD;

#endif
