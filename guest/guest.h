/* SPDX-License-Identifier: BSD-2-Clause */
/* What runs inside: the built-in guests and the loader of the user's flat image. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "kernel/machine.h"
#include "kernel/options.h"
#include "vmx/vm.h"

#define GUEST_MEMORY_DEFAULT (16 * MIB)
#define GUEST_MEMORY_LEAST   (2 * MIB) /* the image stands at 1 MiB */

struct guest {
    const char *name;
    const char *describe;          /* half a sentence for lists */
    const char *image, *image_end; /* a flat image; NULL for hlt, which is built page by page */
    uint64_t memory;               /* bytes, where memory= says nothing */
    uint64_t lazy;                 /* bytes behind its memory that appear on first touch */
    struct controls extra;         /* controls that it wants to see working */
    bool many;                     /* it takes all processors that it can get */
    const struct vm_hooks *hooks;
};

/* The built-in guest called `name`; NULL: there is none. */
const struct guest *guest_find(const char *name);

/* The guest that runs a module: the user's own flat image. Not among the built-in ones. */
extern const struct guest guest_module;

/* Logs one line for each name that guest= takes. */
void guest_log_names(void);

/*
 * Gives `vm` memory and fills it: what `guest` says, with the image of `module` if that is not
 * NULL. `memory` in bytes, 0 for the guest's own. Logs what it did; on a failure logs the sentence,
 * and gives its short form in `why`. STATUS_INVALID: an image that is empty or does not fit, a
 * memory size that cannot be; STATUS_NO_MEMORY.
 */
enum status guest_build(struct vm *vm, const struct guest *guest, const struct boot_module *module,
                        uint64_t memory, char *why, size_t size) NODISCARD;

/* guest/flat.c and guest/hlt.c: the two ways to fill a VM's memory. */
enum status guest_build_flat(struct vm *vm, const struct guest *guest, const void *image,
                             uint64_t length, uint64_t memory, char *why, size_t size) NODISCARD;
enum status guest_build_hlt(struct vm *vm, gpa_t base, char *why, size_t size) NODISCARD;

/* guest/processors.c: for a guest of many, once its memory is filled. STATUS_UNSUPPORTED: its local
 * APIC cannot be given to it. */
enum status guest_give_processors(struct vm *vm, char *why, size_t size) NODISCARD;

/* guest/spy.c */
extern const struct vm_hooks guest_spy_hooks;

/* guest/tables.c */
#define GUEST_TABLE_PAGES 6

/*
 * Fills GUEST_TABLE_PAGES pages of guest memory at `tables` with page tables that map the 4 GiB
 * around `around` to themselves, and the page at `gdt` with a GDT (code 08H, data 10H, TSS 18H)
 * whose TSS is at `tss`; points vm->start to them.
 */
void guest_fill_tables(struct vm *vm, gpa_t tables, gpa_t gdt, gpa_t tss, gpa_t around);

/* guest/ports.c: what surrounds a flat guest, as a whole and singly. */
extern const struct vm_hooks guest_flat_hooks;
enum action flat_hlt(struct vcpu *vcpu);
bool flat_port_out(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t value,
                   enum action *action);
bool flat_port_in(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t *value);

/* guest/policy.c: the same around the guest `policy`, which has watches. */
extern const struct vm_hooks guest_policy_hooks;

#endif
