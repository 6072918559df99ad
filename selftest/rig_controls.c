/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls and structures of a scenario's VMCS. */
#include "kernel/image.h"
#include "kernel/memory.h"
#include "selftest/rig_build.h"
#include "vmx/setup.h"

bool rig_can_switch(const struct rig *rig, enum control_group group, uint32_t bits, bool on)
{
    const struct control_range *range = &rig->operation->capabilities.range[group];

    return (on ? bits & ~range->may_be_1 : bits & range->must_be_1) == 0;
}

/* The two groups that a control of another group activates. */
void rig_activate(struct controls *controls)
{
    if (controls->bits[CONTROL_TERTIARY] != 0) {
        controls->bits[CONTROL_PRIMARY] |= PRIMARY_TERTIARY;
    }
    if (controls->bits[CONTROL_EXIT2] != 0) {
        controls->bits[CONTROL_EXIT] |= EXIT_SECONDARY;
    }
}

bool rig_switch(struct rig *rig, enum control_group group, uint32_t bits, bool on)
{
    uint32_t *value = &rig->vcpu->controls.bits[group];

    if (!rig_can_switch(rig, group, bits, on)) {
        return false;
    }
    if (!on) {
        *value &= ~bits;
    } else if (rig->spoil != SPOIL_CONTROL) {
        *value |= bits;
    }
    rig_activate(&rig->vcpu->controls);
    write_controls(rig->vcpu);
    return true;
}

/* Without these there is no guest of ours: a scenario about them is spoiled otherwise. */
static const struct controls vital = {{
    [CONTROL_PRIMARY] = PRIMARY_SECONDARY,
    [CONTROL_SECONDARY] = SECONDARY_EPT,
    [CONTROL_EXIT] = EXIT_HOST_64 | EXIT_LOAD_EFER | EXIT_LOAD_PAT,
    [CONTROL_ENTRY] = ENTRY_IA32E_GUEST,
}};

bool rig_leave_out_controls(struct rig *rig)
{
    bool any = false;

    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        uint32_t out = rig->scenario->needs.bits[group] & ~vital.bits[group];

        out &= ~rig->operation->capabilities.range[group].must_be_1;
        any |= out != 0;
        rig->vcpu->controls.bits[group] &= ~out;
    }
    write_controls(rig->vcpu);
    return any;
}

void *rig_host_page(struct rig *rig)
{
    void *page;

    if (rig->host_page_count == RIG_HOST_PAGES || page_take_cleared(&page) != STATUS_OK) {
        rig_fail(rig, "no page for a structure of the VMCS");
        return NULL;
    }
    rig->host_pages[rig->host_page_count++] = page;
    return page;
}

void rig_give_host_pages(struct rig *rig)
{
    while (rig->host_page_count != 0) {
        page_give(hpa_of(rig->host_pages[--rig->host_page_count]), 1);
    }
}
