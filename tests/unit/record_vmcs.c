/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs what the auditor looks at, as lines of C. tests/unit/record_vmcs.py builds it into a copy of
 * the hypervisor, which calls it just before the first VM entry; nothing else compiles it.
 */
#include "kernel/log.h"
#include "vmx/audit_read.h"

void record_vmcs(const struct vmx_capabilities *can, hpa_t vmcs);

static void record_capabilities(const struct vmx_capabilities *can)
{
    log_line("record", ".can = {.basic = 0x%lx, .misc = 0x%lx, .ept_vpid = 0x%lx,", can->basic,
             can->misc, can->ept_vpid);
    log_line("record", ".cr0_fixed0 = 0x%lx, .cr0_fixed1 = 0x%lx,", can->cr0_fixed0,
             can->cr0_fixed1);
    log_line("record", ".cr4_fixed0 = 0x%lx, .cr4_fixed1 = 0x%lx,", can->cr4_fixed0,
             can->cr4_fixed1);
    log_line("record", ".vmcs_enum = 0x%lx, .vmfunc = 0x%lx, .tertiary = 0x%lx, .exit2 = 0x%lx,",
             can->vmcs_enum, can->vmfunc, can->tertiary, can->exit2);
    log_line("record", ".physical_width = %u, .linear_width = %u, .range = {", can->physical_width,
             can->linear_width);
    for (unsigned i = 0; i < CONTROL_GROUPS; i++) {
        log_line("record", "{0x%x, 0x%x, \"%s\"},", can->range[i].must_be_1, can->range[i].may_be_1,
                 can->range[i].msr);
    }
    log_line("record", "}},");
}

static void record_facts(const struct audit_facts *facts)
{
    log_line("record", ".facts = {.efer_allowed = 0x%lx, .debugctl_allowed = 0x%lx,",
             facts->efer_allowed, facts->debugctl_allowed);
    log_line("record", ".perf_global_allowed = 0x%lx, .s_cet_allowed = 0x%lx,",
             facts->perf_global_allowed, facts->s_cet_allowed);
    log_line("record", ".rtit_ctl_allowed = 0x%lx, .lbr_ctl_allowed = 0x%lx,",
             facts->rtit_ctl_allowed, facts->lbr_ctl_allowed);
    log_line("record", ".ia32e = %u, .la57 = %u, .lam = %u, .rtm = %u, .sgx = %u,", facts->ia32e,
             facts->la57, facts->lam, facts->rtm, facts->sgx);
    log_line("record", ".bus_lock = %u, .tracing = %u},", facts->bus_lock, facts->tracing);
}

void record_vmcs(const struct vmx_capabilities *can, hpa_t vmcs)
{
    static struct audit audit;
    static bool promised[VMCS_FIELDS];
    struct audit_facts facts;

    audit_facts_read(&facts);
    audit_read(&audit, can, &facts, vmcs);
    vmcs_fields_present(can, promised);
    record_capabilities(can);
    record_facts(&facts);
    log_line("record", ".vmcs = 0x%lx, .value = {", vmcs.value);
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (audit.present[i] && audit.value[i] != 0) {
            log_line("record", "[INDEX %s] = 0x%lx,", vmcs_field_name(vmcs_field_at(i)),
                     audit.value[i]);
        }
    }
    log_line("record", "}, .unreadable = {");
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (promised[i] && !audit.present[i]) {
            log_line("record", "[INDEX %s] = true,", vmcs_field_name(vmcs_field_at(i)));
        }
    }
    log_line("record", "},");
    log_line("record", "end");
}
