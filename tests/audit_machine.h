/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines for tests and fuzzers of the auditor: the recorded ones, and some made of the first of
 * them that offer what no machine of ours does, or lack what each of ours has. Their memory is the
 * sandbox of mutations alone, at an address of its own.
 */
#ifndef TESTS_AUDIT_MACHINE_H
#define TESTS_AUDIT_MACHINE_H

#include "kernel/cpu.h"
#include "tests/fake_memory.h"
#include "tests/unit/recorded_vmcs.h"
#include "vmx/audit_mutation.h"

#define SANDBOX_HPA 0x1F000000

#define RECORDED_MACHINES ARRAY_SIZE(recorded_machines)

enum made_machine {
    MADE_ALL,     /* offers every control that has a name, and all else */
    MADE_TRACING, /* the same, and Intel PT traces */
    MADE_BARE,    /* offers what Lintel cannot do without, and little else */
    MADE_32_BIT,  /* its structures must lie below 4 GiB: IA32_VMX_BASIC[48] */
    MADE_MACHINES,
};

#define AUDIT_MACHINES (RECORDED_MACHINES + MADE_MACHINES)

static inline uint32_t named_controls(enum control_group group)
{
    uint32_t named = 0;

    for (unsigned bit = 0; bit < 32; bit++) {
        named |= control_name(group, bit) != NULL ? UINT32_C(1) << bit : 0;
    }
    return named;
}

static inline void make_all(struct recorded_machine *machine)
{
    struct vmx_capabilities *can = &machine->can;

    machine->name = "all";
    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        can->range[group].may_be_1 |= named_controls((enum control_group)group);
    }
    can->tertiary = can->range[CONTROL_TERTIARY].may_be_1;
    can->exit2 = can->range[CONTROL_EXIT2].may_be_1;
    can->basic |= VMX_BASIC_ERROR_CODE;
    can->misc |= VMX_MISC_HLT | VMX_MISC_SHUTDOWN | VMX_MISC_WAIT_FOR_SIPI | VMX_MISC_MSR_LIST |
                 VMX_MISC_LENGTH_0;
    can->ept_vpid |= EPT_CAP_WALK_5 | EPT_CAP_MEMORY_UC | EPT_CAP_AD | EPT_CAP_SHADOW_STACK;
    can->vmfunc = 1;
    can->cr4_fixed1 = BITS(25, 0);
    can->physical_width = 52;
    can->linear_width = 57;
    machine->facts.rtm = machine->facts.sgx = machine->facts.bus_lock = machine->facts.lam = true;
    machine->facts.debugctl_allowed |= BIT(15) | BIT(2);
    machine->facts.perf_global_allowed |= BIT(48);
}

static inline void make_bare(struct recorded_machine *machine)
{
    struct vmx_capabilities *can = &machine->can;

    machine->name = "bare";
    can->range[CONTROL_PIN].may_be_1 = 0x1F;
    can->range[CONTROL_PRIMARY].may_be_1 &=
        ~(uint32_t)(PRIMARY_MONITOR_TRAP | PRIMARY_TPR_SHADOW | PRIMARY_TERTIARY);
    can->range[CONTROL_SECONDARY].may_be_1 = SECONDARY_EPT;
    can->range[CONTROL_EXIT].may_be_1 = (uint32_t)machine->value[INDEX_EXIT_CONTROLS];
    can->range[CONTROL_ENTRY].may_be_1 = (uint32_t)machine->value[INDEX_ENTRY_CONTROLS];
    can->range[CONTROL_TERTIARY].may_be_1 = can->range[CONTROL_EXIT2].may_be_1 = 0;
    can->tertiary = can->exit2 = can->vmfunc = 0;
    can->basic &= ~VMX_BASIC_ERROR_CODE;
    can->misc &= ~(VMX_MISC_HLT | VMX_MISC_SHUTDOWN | VMX_MISC_WAIT_FOR_SIPI |
                   VMX_MISC_CR3_TARGETS | VMX_MISC_MSR_LIST | VMX_MISC_LENGTH_0);
    can->ept_vpid = EPT_CAP_WALK_4 | EPT_CAP_MEMORY_WB;
    can->cr4_fixed1 = CR4_VMXE | BITS(10, 0);
    can->physical_width = 36;
    can->linear_width = 48;
    machine->value[INDEX_SECONDARY_CONTROLS] = SECONDARY_EPT;
    machine->value[INDEX_EPT_POINTER] &= ~BIT(6);
    machine->value[INDEX_HOST_CR4] &= can->cr4_fixed1;
    machine->facts.perf_global_allowed = 3;
    machine->facts.s_cet_allowed = 0;
}

/* The machine `number`, below AUDIT_MACHINES. */
static inline struct recorded_machine audit_machine(unsigned number)
{
    struct recorded_machine machine = recorded_machines[number % RECORDED_MACHINES];

    if (number < RECORDED_MACHINES) {
        return machine;
    }
    machine = recorded_machines[0];
    switch ((enum made_machine)(number - RECORDED_MACHINES)) {
    case MADE_TRACING:
        make_all(&machine);
        machine.name = "tracing";
        machine.facts.tracing = true;
        break;
    case MADE_BARE:
        make_bare(&machine);
        break;
    case MADE_32_BIT:
        machine.name = "32-bit";
        machine.can.basic |= VMX_BASIC_32BIT;
        break;
    default:
        make_all(&machine);
        break;
    }
    return machine;
}

/* The machine's VMCS, prepared. The machine and the memory must outlive it. */
static inline void audit_of_machine(struct audit *audit, const struct recorded_machine *machine,
                                    const struct physical_reader *memory)
{
    memset(audit, 0, sizeof(*audit));
    audit->can = &machine->can;
    audit->facts = &machine->facts;
    audit->memory = memory;
    audit->vmcs = HPA(machine->vmcs);
    vmcs_fields_present(audit->can, audit->present);
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        audit->present[i] &= !machine->unreadable[i];
        audit->value[i] = audit->present[i] ? machine->value[i] : 0;
    }
    audit_prepare(audit);
}

#endif
