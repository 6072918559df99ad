/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of built-in guests: what each is made of, and how it is meant to end. */
#include "guest/ept_guests.h"
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "vmx/report.h"
#include "vmx/watch.h"

#define HLT_BASE  0x100000
#define HLT_EXITS 16

/* Moves past the first 15 and stops at the 16th. */
static enum action hlt_counts(struct vcpu *vcpu)
{
    unsigned *halts = vcpu->vm->guest_data;

    return ++*halts < HLT_EXITS ? ACTION_ADVANCE : vm_stop(vcpu, false, 0, "HLT");
}

static const struct vm_hooks hlt_hooks = {.hlt = hlt_counts};

static enum action triple_fault_wanted(struct vcpu *vcpu)
{
    return vm_stop(vcpu, false, 0, "triple fault");
}

static const struct vm_hooks triple_hooks = {.triple_fault = triple_fault_wanted};

#define IMAGE(name) .image = guest_##name, .image_end = guest_##name##_end
extern const char guest_tour[], guest_tour_end[];
extern const char guest_triple[], guest_triple_end[];
extern const char guest_loop[], guest_loop_end[];
extern const char guest_cost[], guest_cost_end[];
extern const char guest_watch[], guest_watch_end[];
extern const char guest_policy[], guest_policy_end[];
extern const char guest_execute_only[], guest_execute_only_end[];
extern const char guest_mode_based[], guest_mode_based_end[];
extern const char guest_ve[], guest_ve_end[];
extern const char guest_vmfunc[], guest_vmfunc_end[];
extern const char guest_dirty[], guest_dirty_end[];
extern const char guest_smp[], guest_smp_end[];
extern const char guest_spy[], guest_spy_end[];

#define WATCHED_PAGE   GPA(0x180000) /* as guest/code/watch.asm has them */
#define WATCHED_CODE   GPA(0x101000)
#define WATCHED_LENGTH 64

static const struct watch_range watched = {
    .from = WATCHED_PAGE, .length = WATCHED_LENGTH, .access = WATCH_WRITE};

/* Who writes the page, and who comes by the code? */
static enum status watch_prepare(struct vcpu *vcpu, char *why, size_t size)
{
    enum status status = watch_add_range(vcpu, &watched);

    if (status == STATUS_OK) {
        watch_log_range(vcpu, &watched);
        status = watch_break(vcpu, WATCHED_CODE);
    }
    if (status == STATUS_OK) {
        log_line("ept", "hidden breakpoint vm=%u gpa=0x%lx", vcpu->vm->id, WATCHED_CODE.value);
    } else {
        format_text(why, size, "watches: %s", status_text(status));
    }
    return status;
}

static const struct vm_hooks watch_hooks = {
    .prepare = watch_prepare,
    .hlt = flat_hlt,
    .port_out = flat_port_out,
    .port_in = flat_port_in,
};

static const struct guest guests[] = {
    {
        .name = "hlt",
        .describe = "100 pages of HLT: the first 15 are passed over, the 16th ends it",
        .hooks = &hlt_hooks,
    },
    {
        .name = "tour",
        .describe = "one of each common exit, then HLT",
        IMAGE(tour),
        .memory = GUEST_MEMORY_LEAST,
        .lazy = 4 * PAGE_SIZE,
        .extra = {{[CONTROL_PRIMARY] = PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE}},
        .hooks = &guest_flat_hooks,
    },
    {
        .name = "triple",
        .describe = "ends by a triple fault",
        IMAGE(triple),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &triple_hooks,
    },
    {
        .name = "loop",
        .describe = "never ends by itself: give it a limit=",
        IMAGE(loop),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &guest_flat_hooks,
    },
    {
        .name = "cost",
        .describe = "measures a CPUID exit from inside: give it trace=ring",
        IMAGE(cost),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &guest_flat_hooks,
    },
    {
        .name = "watch",
        .describe = "writes a page that is watched: who wrote, what stood there before and after",
        IMAGE(watch),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &watch_hooks,
    },
    {
        .name = "policy",
        .describe = "touches ranges with a policy each: ignore, inject, call, report, stop",
        IMAGE(policy),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &guest_policy_hooks,
    },
    {
        .name = "execute-only",
        .describe = "calls a function that it may execute and not read, then reads it",
        IMAGE(execute_only),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &guest_execute_only_hooks.hooks,
    },
    {
        .name = "mode-based",
        .describe = "one function, which now supervisors may execute, now users",
        IMAGE(mode_based),
        .memory = GUEST_MEMORY_LEAST,
        .extra = {{[CONTROL_SECONDARY] = SECONDARY_MODE_BASED_EXECUTE}},
        .hooks = &guest_mode_based_hooks.hooks,
    },
    {
        .name = "ve",
        .describe = "handles an EPT violation by itself, as exception 20",
        IMAGE(ve),
        .memory = GUEST_MEMORY_LEAST,
        .extra = {{[CONTROL_SECONDARY] = SECONDARY_VE}},
        .hooks = &guest_ve_hooks.hooks,
    },
    {
        .name = "vmfunc",
        .describe = "switches between two EPTs by itself",
        IMAGE(vmfunc),
        .memory = GUEST_MEMORY_LEAST,
        .extra = {{[CONTROL_SECONDARY] = SECONDARY_VMFUNC}},
        .hooks = &guest_vmfunc_hooks,
    },
    {
        .name = "dirty",
        .describe = "writes pages: which, by EPT's dirty flags and by the page-modification log",
        IMAGE(dirty),
        .memory = DIRTY_MEMORY,
        .extra = {{[CONTROL_SECONDARY] = SECONDARY_PML}},
        .hooks = &guest_dirty_hooks,
    },
    {
        .name = "smp",
        .describe = "starts the other processors itself, by INIT and start-up IPI",
        IMAGE(smp),
        .memory = GUEST_MEMORY_LEAST,
        .many = true,
        .hooks = &guest_flat_hooks,
    },
    {
        .name = "spy",
        .describe = "tries to reach memory and processors that are not its own: give it trace=ring",
        IMAGE(spy),
        .memory = GUEST_MEMORY_LEAST,
        .hooks = &guest_spy_hooks,
    },
};

const struct guest guest_module = {
    .name = "module",
    .describe = "the flat image that the loader brought",
    .memory = GUEST_MEMORY_DEFAULT,
    .hooks = &guest_flat_hooks,
};

const struct guest *guest_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(guests); i++) {
        if (strcmp(guests[i].name, name) == 0) {
            return &guests[i];
        }
    }
    return NULL;
}

void guest_log_names(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(guests); i++) {
        log_line("guest", "a guest that there is guest=%s what=\"%s\"", guests[i].name,
                 guests[i].describe);
    }
    log_line("guest", "a guest that there is guest=%s what=\"%s\"", guest_module.name,
             guest_module.describe);
}

enum status guest_build(struct vm *vm, const struct guest *guest, const struct boot_module *module,
                        uint64_t memory, char *why, size_t size)
{
    const void *image = guest->image;
    uint64_t length = (uint64_t)(guest->image_end - guest->image);
    enum status status;

    vm->hooks = guest->hooks;
    vm_want(vm, &guest->extra);
    if (module == NULL && image == NULL) {
        if (memory != 0) {
            log_line("guest",
                     "this guest has pages of its own, memory= is not for it vm=%u guest=%s",
                     vm->id, vm->guest);
        }
        return guest_build_hlt(vm, GPA(HLT_BASE), why, size);
    }
    if (module != NULL && module->length != 0 && module->base.value < PAGE_SIZE) {
        log_line("guest", "the loader put the guest image into page 0, which is kept absent vm=%u",
                 vm->id);
        string_copy(why, size, "the guest image lies in page 0");
        return STATUS_INVALID;
    }
    if (module != NULL) {
        image = pointer_to(module->base);
        length = module->length;
    }
    status =
        guest_build_flat(vm, guest, image, length, memory != 0 ? memory : guest->memory, why, size);
    return status == STATUS_OK && guest->many ? guest_give_processors(vm, why, size) : status;
}
