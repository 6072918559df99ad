/* SPDX-License-Identifier: BSD-2-Clause */
/* Which controls, and the fields that go with them. */
#include "kernel/cpu.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "vmx/guest_cr.h"
#include "vmx/mutant.h"
#include "vmx/setup.h"
#include "vmx/vmcs.h"

#define TIMER_US 1000 /* a guest that never exits is looked at this often, with limit= */

/* Without these a guest cannot run as Lintel runs it. Every processor with EPT has those of PAT and
 * EFER. */
static const struct controls needed = {{
    [CONTROL_PIN] = PIN_EXTERNAL_INTERRUPT | PIN_NMI,
    [CONTROL_PRIMARY] = PRIMARY_HLT | PRIMARY_IO_BITMAP | PRIMARY_MSR_BITMAP | PRIMARY_SECONDARY,
    [CONTROL_SECONDARY] = SECONDARY_EPT,
    [CONTROL_EXIT] = EXIT_HOST_64 | EXIT_ACKNOWLEDGE_INTERRUPT | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
                     EXIT_SAVE_EFER | EXIT_LOAD_EFER,
    [CONTROL_ENTRY] = ENTRY_IA32E_GUEST | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
}};

/* Good to have: without one, the guest sees an older processor. */
static const struct controls welcome = {{
    [CONTROL_PRIMARY] = PRIMARY_TSC_OFFSET | PRIMARY_MWAIT | PRIMARY_MONITOR,
    [CONTROL_SECONDARY] = SECONDARY_VPID | SECONDARY_UNRESTRICTED | SECONDARY_RDTSCP |
                          SECONDARY_INVPCID | SECONDARY_XSAVES,
    [CONTROL_EXIT] = EXIT_SAVE_DEBUG,
    [CONTROL_ENTRY] = ENTRY_LOAD_DEBUG,
}};

static void name_refused(const struct control_range *range, enum control_group group,
                         uint32_t refused)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        if (refused & UINT32_C(1) << bit) {
            log_line("vmx", "%s wanted, not supported (%s)", control_name(group, bit), range->msr);
        }
    }
}

/* INVVPID is how a guest's TLB is flushed, so VPID without it is not used. */
static uint32_t usable_secondary(const struct vmx_capabilities *capabilities, uint32_t wanted)
{
    uint64_t can = capabilities->ept_vpid;

    if (control_offered(capabilities, CONTROL_SECONDARY, SECONDARY_VPID) &&
        (!(can & VPID_CAP_INVVPID) || !(can & (VPID_CAP_SINGLE_CONTEXT | VPID_CAP_ALL_CONTEXTS)))) {
        log_line("vmx", "secondary.vpid wanted, not used: no INVVPID type (IA32_VMX_EPT_VPID_CAP)");
        wanted &= ~(uint32_t)SECONDARY_VPID;
    }
    return wanted;
}

enum status setup_controls(struct vcpu *vcpu, const struct vmx_capabilities *capabilities,
                           char *why, size_t size)
{
    const struct vm *vm = vcpu->vm;
    enum status status = STATUS_OK;

    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        const struct control_range *range = &capabilities->range[group];
        uint32_t wanted = needed.bits[group] | welcome.bits[group] | vm->extra.bits[group];
        uint32_t refused;
        uint32_t missing;

        if (group == CONTROL_PIN && vm->vcpu_count > 1) {
            wanted |= PIN_VIRTUAL_NMI; /* NMIs are sent to the guest, and its IRET must end one */
        }
        if (group == CONTROL_PIN && vcpu->limit != UINT64_MAX) {
            wanted |= PIN_PREEMPTION_TIMER;
        }
        refused = wanted & ~range->may_be_1;
        missing = refused & (needed.bits[group] | vm->extra.bits[group]);
        name_refused(range, (enum control_group)group, refused);
        if (missing != 0 && status == STATUS_OK) {
            format_text(why, size, "%s is needed, not supported",
                        control_name((enum control_group)group, (unsigned)__builtin_ctz(missing)));
            status = STATUS_UNSUPPORTED;
        }
        if (group == CONTROL_SECONDARY) {
            wanted = usable_secondary(capabilities, wanted);
        }
        vcpu->controls.bits[group] = control_round(*range, wanted);
    }
    if (vcpu->controls.bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER) {
        uint64_t ticks = time_khz() * TIMER_US / 1000;
        vcpu->timer =
            (uint32_t)MAX(ticks >> FIELD_GET(VMX_MISC_TIMER_RATE, capabilities->misc), UINT64_C(1));
    }
    return status;
}

/* Fields whose value is 0: VM entry reads them all, and a VMCS region starts with anything. */
static const struct vmcs_field *const cleared[] = {
    &VMCS_PAGE_FAULT_ERROR_MASK,   &VMCS_PAGE_FAULT_ERROR_MATCH,     &VMCS_CR3_TARGET_COUNT,
    &VMCS_EXIT_MSR_STORE_COUNT,    &VMCS_EXIT_MSR_LOAD_COUNT,        &VMCS_ENTRY_MSR_LOAD_COUNT,
    &VMCS_ENTRY_INTERRUPTION_INFO, &VMCS_ENTRY_EXCEPTION_ERROR_CODE, &VMCS_ENTRY_INSTRUCTION_LENGTH,
};

void write_controls(const struct vcpu *vcpu)
{
    const uint32_t *bits = vcpu->controls.bits;

    vmwrite(VMCS_PIN_CONTROLS, bits[CONTROL_PIN]);
    vmwrite(VMCS_PRIMARY_CONTROLS, bits[CONTROL_PRIMARY]);
    vmwrite(VMCS_SECONDARY_CONTROLS, bits[CONTROL_SECONDARY]);
    vmwrite(VMCS_EXIT_CONTROLS, bits[CONTROL_EXIT]);
    vmwrite(VMCS_ENTRY_CONTROLS, bits[CONTROL_ENTRY]);
    if (control_offered(vcpu->capabilities, CONTROL_PRIMARY, PRIMARY_TERTIARY)) {
        vmwrite(VMCS_TERTIARY_CONTROLS, bits[CONTROL_TERTIARY]);
    }
    if (control_offered(vcpu->capabilities, CONTROL_EXIT, EXIT_SECONDARY)) {
        vmwrite(VMCS_SECONDARY_EXIT_CONTROLS, bits[CONTROL_EXIT2]);
    }
}

void setup_control_fields(const struct vcpu *vcpu)
{
    const uint32_t *bits = vcpu->controls.bits;
    const struct vm *vm = vcpu->vm;

    write_controls(vcpu);
    for (unsigned i = 0; i < ARRAY_SIZE(cleared); i++) {
        vmwrite(*cleared[i], 0);
    }
    vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_MC));
    vmwrite(VMCS_IO_BITMAP_A, hpa_of(vm->io_bitmap).value);
    vmwrite(VMCS_IO_BITMAP_B, hpa_of(vm->io_bitmap).value + PAGE_SIZE);
    vmwrite(VMCS_MSR_BITMAP, hpa_of(vm->msr_bitmap).value);
    vmwrite(VMCS_EPT_POINTER, vcpu->ept_pointer);
    if (bits[CONTROL_PRIMARY] & PRIMARY_TSC_OFFSET) {
        vmwrite(VMCS_TSC_OFFSET, 0);
    }
    if (bits[CONTROL_SECONDARY] & SECONDARY_VPID) {
        vmwrite(VMCS_VPID, vcpu->vpid);
    }
    if (bits[CONTROL_SECONDARY] & SECONDARY_XSAVES) {
        vmwrite(VMCS_XSS_EXITING_BITMAP, 0);
    }
    if (bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER) {
        vmwrite(VMCS_PREEMPTION_TIMER, vcpu->timer);
    }
    vmwrite(VMCS_CR0_MASK, CR0_OWNED | (vcpu->cr0_fixed0 & UINT32_MAX));
    vmwrite(VMCS_CR4_MASK, MUTATE(CR4_MASK, CR4_OWNED | vcpu->cr4_fixed0));
}
