/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the list of what each processor offers and is in. */
#include "vmx/operations.h"

#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "kernel/time.h"

/* Of one processor, written by it alone, in a page of its own. */
struct machine_cpu {
    bool offers;
    char why[64]; /* where it does not */
    bool entered;
    struct vmx_capabilities capabilities;
    struct vmx_operation operation;
};

static struct {
    struct machine_cpu *cpu[ACPI_MAX_PROCESSORS];
    bool verbose;
} operations;

_Static_assert(sizeof(struct machine_cpu) <= PAGE_SIZE, "one page each");

static struct machine_cpu *here(void)
{
    return operations.cpu[this_cpu()->number];
}

/* What an MSR of VT-x tells, or a width, by name. */
struct capability {
    const char *name;
    size_t offset;
    size_t size;
};

#define WHOLE(name, member)                                                                        \
    (struct capability)                                                                            \
    {                                                                                              \
        name, offsetof(struct vmx_capabilities, member),                                           \
            sizeof(((struct vmx_capabilities *)0)->member)                                         \
    }
#define RANGE(name, group) WHOLE(name, range[group].must_be_1), WHOLE(name, range[group].may_be_1)

static const struct capability compared[] = {
    WHOLE("IA32_VMX_BASIC", basic),
    WHOLE("IA32_VMX_MISC", misc),
    WHOLE("IA32_VMX_EPT_VPID_CAP", ept_vpid),
    WHOLE("IA32_VMX_CR0_FIXED0", cr0_fixed0),
    WHOLE("IA32_VMX_CR0_FIXED1", cr0_fixed1),
    WHOLE("IA32_VMX_CR4_FIXED0", cr4_fixed0),
    WHOLE("IA32_VMX_CR4_FIXED1", cr4_fixed1),
    WHOLE("IA32_VMX_VMCS_ENUM", vmcs_enum),
    WHOLE("IA32_VMX_VMFUNC", vmfunc),
    WHOLE("IA32_VMX_PROCBASED_CTLS3", tertiary),
    WHOLE("IA32_VMX_EXIT_CTLS2", exit2),
    RANGE("pin", CONTROL_PIN),
    RANGE("primary", CONTROL_PRIMARY),
    RANGE("secondary", CONTROL_SECONDARY),
    RANGE("exit", CONTROL_EXIT),
    RANGE("entry", CONTROL_ENTRY),
    WHOLE("physical-width", physical_width),
};

static uint64_t value_of(const struct vmx_capabilities *capabilities,
                         const struct capability *capability)
{
    uint64_t value = 0;

    memcpy(&value, (const char *)capabilities + capability->offset, capability->size);
    return value;
}

/* Logs in what processor `number` differs from the one that is asked first; how many there are. */
static unsigned log_differences(unsigned number)
{
    const struct vmx_capabilities *one = &operations.cpu[number]->capabilities;
    const struct vmx_capabilities *first = &here()->capabilities;
    unsigned differ = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(compared); i++) {
        uint64_t found = value_of(one, &compared[i]);
        uint64_t expected = value_of(first, &compared[i]);

        if (found != expected) {
            differ++;
            log_line("vmx",
                     "a processor offers something else number=%u what=%s has=0x%lx first=0x%lx",
                     number, compared[i].name, found, expected);
        }
    }
    return differ;
}

static void probe(void *context)
{
    struct machine_cpu *self = here();

    (void)context;
    if (self == NULL) {
        return;
    }
    log_mute(true); /* one sentence for all is enough */
    self->offers = vmx_probe(self->why, sizeof(self->why)) == STATUS_OK;
    log_mute(false);
    if (self->offers) {
        vmx_capabilities_read(&self->capabilities);
    }
}

static void take_areas(void)
{
    for (unsigned i = 0; i < MAX(processors_numbered(), 1U); i++) {
        void *page;

        if (operations.cpu[i] == NULL && processor_is_there(i) &&
            page_take_cleared(&page) == STATUS_OK) {
            operations.cpu[i] = page;
        }
    }
}

static void leave_now(void)
{
    if (here() != NULL && here()->entered) {
        here()->entered = false;
        __asm__ volatile("vmxoff" : : : "cc", "memory");
    }
}

void vmx_probe_others(void)
{
    uint64_t begun = time_work(0);
    unsigned offering = 0;
    unsigned alike = 0;
    uint64_t work;

    take_areas();
    processors_set_leave(leave_now);
    processors_do_all(probe, NULL);
    work = time_work(begun);
    if (processors_there() == 1) {
        return;
    }
    for (unsigned i = 0; i < processors_numbered(); i++) {
        const struct machine_cpu *cpu = operations.cpu[i];

        if (cpu != NULL && !cpu->offers) {
            log_line("vmx", "a processor does not offer VT-x, and runs no VM number=%u why=\"%s\"",
                     i, cpu->why);
        } else if (cpu != NULL) {
            offering++;
            alike += log_differences(i) == 0;
        }
    }
    log_line("vmx", "processors that offer VT-x there=%u offering=%u alike=%u work=%lu",
             processors_there(), offering, alike, work);
}

/* The others do it silently, unless it fails. */
static void enter(void *context)
{
    struct machine_cpu *self = here();
    enum status *status = context;
    enum status entered;

    if (self == NULL || !self->offers) {
        return;
    }
    log_mute(status == NULL);
    entered = vmx_enter_operation(&self->operation, status != NULL && operations.verbose);
    log_mute(false);
    self->entered = entered == STATUS_OK;
    if (status != NULL) {
        *status = entered;
    } else if (entered != STATUS_OK) {
        log_line("vmx", "this processor cannot enter VMX operation, and runs no VM");
    }
}

static void enter_other(void *context)
{
    if (this_cpu()->number != *(const unsigned *)context) {
        enter(NULL);
    }
}

enum status vmx_enter_everywhere(bool verbose)
{
    enum status status = STATUS_UNSUPPORTED;
    unsigned self = this_cpu()->number;

    operations.verbose = verbose;
    enter(&status);
    if (status == STATUS_OK && processors_there() > 1) {
        uint64_t begun = time_work(0);

        processors_do_all(enter_other, &self);
        log_line("vmx", "VMX operation entered on the other processors too others=%u work=%lu",
                 processors_there() - 1, time_work(begun));
    }
    return status;
}

static void leave_quietly(void *context)
{
    struct machine_cpu *self = here();

    if (this_cpu()->number == *(const unsigned *)context || self == NULL || !self->entered) {
        return;
    }
    self->entered = false;
    log_mute(true);
    vmx_leave_operation(&self->operation);
    log_mute(false);
}

void vmx_leave_everywhere(void)
{
    unsigned self = this_cpu()->number;

    if (processors_there() > 1) {
        processors_do_all(leave_quietly, &self);
        log_line("vmx", "VMX operation left on the other processors others=%u",
                 processors_there() - 1);
    }
    here()->entered = false;
    vmx_leave_operation(&here()->operation);
}

const struct vmx_operation *vmx_operation_here(void)
{
    return here() != NULL && here()->entered ? &here()->operation : NULL;
}
