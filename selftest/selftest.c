/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/selftest.h"

#include "kernel/format.h"
#include "kernel/glob.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"

static const struct selftest_suite *const suites[] = {
#define NOTE(text)
#define SUITE(suite) &(suite),
#include "selftest/suites.def"
#undef SUITE
#undef NOTE
};

static bool is_selected(const struct selftest_suite *suite, unsigned test,
                        const struct selftest_request *request)
{
    char name[SELFTEST_NAME];

    suite->name(test, name, sizeof(name));
    if (suite->only_with != NULL &&
        strncmp(request->select, suite->only_with, strlen(suite->only_with)) != 0) {
        return false;
    }
    return request->select[0] == '\0' || glob_matches(request->select, name);
}

static unsigned count_selected(const struct selftest_suite *suite,
                               const struct selftest_request *request)
{
    unsigned count = 0;

    for (unsigned test = 0; test < suite->count(); test++) {
        count += is_selected(suite, test, request);
    }
    return count;
}

static void tally_one(struct selftest_tally *tally, enum ktap_status status)
{
    switch (status) {
    case KTAP_OK:
        tally->ok++;
        break;
    case KTAP_NOT_OK:
        tally->not_ok++;
        break;
    case KTAP_SKIP:
        tally->skip++;
        break;
    case KTAP_TODO:
        tally->todo++;
        break;
    }
}

static void run_suite(const struct selftest_suite *suite, struct selftest *selftest,
                      unsigned *number, struct selftest_tally *tally)
{
    enum ktap_status ground = suite->begin != NULL ? suite->begin(selftest) : KTAP_OK;
    char why[SELFTEST_NOTE];

    string_copy(why, sizeof(why), selftest->note);
    for (unsigned test = 0; test < suite->count(); test++) {
        enum ktap_status status = ground;
        char name[SELFTEST_NAME];

        if (!is_selected(suite, test, selftest->request)) {
            continue;
        }
        suite->name(test, name, sizeof(name));
        string_copy(selftest->note, sizeof(selftest->note), ground == KTAP_OK ? "" : why);
        if (ground == KTAP_OK) {
            status = suite->run(selftest, test);
        }
        ktap_result(++*number, status, name, selftest->note);
        tally_one(tally, status);
    }
    if (ground == KTAP_OK && suite->end != NULL) {
        suite->end(selftest);
    }
}

struct selftest_tally selftest_run(const struct vmx_operation *operation,
                                   const struct selftest_request *request)
{
    struct selftest selftest = {.operation = operation, .request = request};
    struct selftest_tally tally = {0};
    unsigned planned = 0;
    unsigned number = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(suites); i++) {
        planned += count_selected(suites[i], request);
    }
    if (request->spoil) {
        log_line("selftest", "provoke: every scenario is spoiled, and must fail");
    }
    ktap_begin(planned);
    if (planned == 0) {
        log_line("selftest", "no test has a name like that select=%s", request->select);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(suites); i++) {
        if (count_selected(suites[i], request) != 0) {
            run_suite(suites[i], &selftest, &number, &tally);
        }
    }
    log_line("selftest", "tests=%u ok=%u not-ok=%u skip=%u todo=%u", planned, tally.ok,
             tally.not_ok, tally.skip, tally.todo);
    return tally;
}
