/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of the auditor: one machine at a time, its VMCS and its memory, and what an audit
 * of it must find. State is of the file that includes this: one a test program.
 */
#ifndef TESTS_UNIT_AUDIT_FIXTURE_H
#define TESTS_UNIT_AUDIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/audit_machine.h"

#define MOST 64 /* findings that are looked at */

/* What is set up before each test. */
static struct recorded_machine machine;
static struct fake_memory memory;
static struct audit_sandbox sandbox;
static struct audit audit;
static struct audit_finding findings[MOST];

/* The VMCS and the memory of the machine as they were. */
static inline void start_again(void)
{
    audit_sandbox_fill(&sandbox, &machine.can);
    audit_of_machine(&audit, &machine, &memory.reader);
}

static inline void be_machine(unsigned number)
{
    machine = audit_machine(number);
    start_again();
}

static inline int set_up(void **state)
{
    (void)state;
    fake_memory_start(&memory);
    sandbox.hpa = HPA(SANDBOX_HPA);
    sandbox.bytes = fake_memory_add(&memory, SANDBOX_HPA, SANDBOX_SIZE);
    be_machine(0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fake_memory_end(&memory);
    return 0;
}

static inline unsigned run(void)
{
    audit_prepare(&audit);
    return audit_run(&audit, findings, MOST);
}

static inline void assert_no_finding(void)
{
    if (run() != 0) {
        fail_msg("%s: %s", machine.name, findings[0].rule->name);
    }
}

static inline void assert_only(const char *name)
{
    unsigned count = run();

    for (unsigned i = 0; i < count && i < MOST; i++) {
        if (count > 1 || strcmp(findings[i].rule->name, name) != 0) {
            print_error("found: %s\n", findings[i].rule->name);
        }
    }
    assert_int_equal(count, 1);
    assert_string_equal(findings[0].rule->name, name);
}

static inline const struct audit_rule *rule_named(const char *name)
{
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            if (strcmp(audit_sections[i]->rules[j].name, name) == 0) {
                return &audit_sections[i]->rules[j];
            }
        }
    }
    fail_msg("there is no rule %s", name);
    return NULL;
}

/* The state that mutations are made for: VM entry would load the poison, so that it fails where all
 * rules before are kept, and no guest runs. */
static inline void arm(void)
{
    start_again();
    audit.value[INDEX_ENTRY_MSR_LOAD_ADDRESS] = SANDBOX_HPA + SANDBOX_MSRS;
    audit.value[INDEX_ENTRY_MSR_LOAD_COUNT] = 1;
    audit_prepare(&audit);
}

#define AUDIT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
