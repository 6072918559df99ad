/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mode=selftest: suites of tests, each test a line of KTAP. A test's name begins with its suite's;
 * select= takes a glob over them. Runs in VMX operation, on an emulator as on a real machine.
 */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include "selftest/ktap.h"
#include "vmx/operation.h"

#define SELFTEST_NAME 64
#define SELFTEST_NOTE 160

/* provoke=spoil: every scenario is spoiled, and must fail: by leaving the controls that it is about
 * as they are or, where it has none that could be left out, by another expectation. */
enum rig_spoil { SPOIL_NOTHING, SPOIL_CONTROL, SPOIL_EXPECTATION };

struct selftest_request {
    const char *select;   /* a glob; "": all but those that run only when named */
    const char *machine;  /* such as bochs-3.0: whose known errors are expected; "": none */
    bool spoil;           /* provoke=spoil */
    uint64_t seed, count; /* of random tests; 0: the test's own */
};

/* What a running test knows and says. */
struct selftest {
    const struct vmx_operation *operation;
    const struct selftest_request *request;
    char note[SELFTEST_NOTE]; /* for its line; "": none */
    void *suite;              /* the suite's own, from begin() to end() */
};

/* Tests that share a ground. */
struct selftest_suite {
    unsigned (*count)(void);
    void (*name)(unsigned test, char *name, size_t size);
    const char *only_with; /* left out unless select= begins so; NULL: never left out */
    /* Before the first and after the last test that is selected; NULL: nothing. begin() gives what
     * becomes of all of them where it is not KTAP_OK, and says why in `note`. */
    enum ktap_status (*begin)(struct selftest *selftest);
    enum ktap_status (*run)(struct selftest *selftest, unsigned test);
    void (*end)(struct selftest *selftest);
};

struct selftest_tally {
    unsigned ok, not_ok, skip, todo;
};

/* Runs what the request selects; logs a summary. */
struct selftest_tally selftest_run(const struct vmx_operation *operation,
                                   const struct selftest_request *request);

/* The suites. */
extern const struct selftest_suite selftest_rig, selftest_modes, selftest_ept, selftest_ept_watch,
    selftest_ept_touched, selftest_ept_features, selftest_entry_exit, selftest_entry_exit_msrs,
    selftest_msr_areas, selftest_shadow_stack_busy, selftest_guest_state, selftest_host_state_seen,
    selftest_cr_masks, selftest_vmx_errors, selftest_hidden, selftest_audit_rules,
    selftest_audit_random;

#endif
