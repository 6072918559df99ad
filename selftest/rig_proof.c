/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios that are wrong on purpose, to see the rig deal with them: select="rig.*". The first
 * three must be `not ok`, each for its reason, and the last one `ok` after them.
 */
#include "selftest/rig.h"

extern const char code_rig_hang[], code_rig_hang_end[];
extern const char code_rig_cpuid[], code_rig_cpuid_end[];

static void hang(struct rig *rig)
{
    if (!(rig->vcpu->controls.bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER)) {
        rig_skip(rig, "pin.preemption_timer (IA32_VMX_TRUE_PINBASED_CTLS bit 6)");
    }
    (void)rig_expect(rig, EXIT_VMCALL);
}

static void host_fault(struct rig *rig)
{
    if (rig_expect_and_skip(rig, EXIT_CPUID)) {
        (void)*(volatile uint8_t *)UINT64_C(0x8000000000000000); /* not canonical: #GP */
    }
}

static void other_exit(struct rig *rig)
{
    (void)rig_expect(rig, EXIT_VMCALL);
}

static void good(struct rig *rig)
{
    (void)rig_expect(rig, EXIT_CPUID);
}

static const struct scenario scenarios[] = {
    {"rig.hang", SCENARIO_CODE(rig_hang), .run = hang},
    {"rig.host_fault", SCENARIO_CODE(rig_cpuid), .run = host_fault},
    {"rig.other_exit", SCENARIO_CODE(rig_cpuid), .run = other_exit},
    {"rig.good", SCENARIO_CODE(rig_cpuid), .run = good},
};

SCENARIO_SUITE_WITH(selftest_rig, scenarios, .only_with = "rig.");
