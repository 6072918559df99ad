/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMCS that enters, to be changed and tried. Trying is harmless: the last entry of its VM-entry
 * MSR-load area is one that no processor loads, so even a state that is accepted ends as a failed
 * entry (34) before an instruction of the guest runs, in every activity state. SDM vol. 3C,
 * "VM-Entry Failures During or After Loading Guest State".
 */
#ifndef SELFTEST_AUDIT_RIG_H
#define SELFTEST_AUDIT_RIG_H

#include "selftest/audit_msrs.h"
#include "selftest/selftest.h"
#include "vmx/audit_agree.h"
#include "vmx/launch.h"

/* Sums over a suite. */
struct audit_total {
    uint64_t rules, mutations, disagreements, known;
    uint64_t avoided; /* states that the emulator would not outlive */
    uint64_t rows;    /* known errors that showed: rows of the table */
};

struct audit_rig {
    struct vm vm;
    struct vcpu *vcpu;
    struct audit_sandbox sandbox;
    struct audit_msrs msrs; /* the processor's own */
    struct audit base;      /* enters, up to the poison */
    struct audit written;   /* what the VMCS holds */
    struct audit trial;     /* what is to be tried */
    struct audit_total total;
};

/* Builds it. STATUS_UNSUPPORTED: this processor lacks what it needs; in all failures `why` tells,
 * and `*rig` is NULL. */
enum status audit_rig_create(const struct vmx_operation *operation, struct audit_rig **rig,
                             char *why, size_t size) NODISCARD;

/* begin() and end() of the suites that use it. */
enum ktap_status audit_rig_begin(struct selftest *selftest);
void audit_rig_end(struct selftest *selftest);

void audit_rig_destroy(struct audit_rig *rig);

/* Makes rig->trial the base again, the sandbox too. */
void audit_rig_reset(struct audit_rig *rig);

/*
 * Writes rig->trial into the VMCS, reads it back (the auditor sees what the processor sees), audits
 * it, and tries it by VMLAUNCH. Afterwards the host is as it was, whatever was loaded: what an exit
 * loads from the host fields, and the MSRs that a failed entry leaves with the guest's values.
 */
void audit_rig_try(struct audit_rig *rig, struct audit_trial *result);

/* Logs which known errors of `machine` showed. */
void audit_rig_log_known(const struct audit_rig *rig, const char *machine);

/* Logs the fields in which rig->trial is not the base. */
void audit_rig_log_changes(const struct audit_rig *rig);

#endif
