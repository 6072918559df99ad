/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs made, run and taken away on all processors at once, many times over: select=processors.rounds
 * and, if you like, count=. What was taken must have been given back.
 */
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "selftest/selftest.h"
#include "vmx/launch.h"
#include "vmx/operations.h"

#define NAME           "processors.rounds"
#define DEFAULT_ROUNDS 100
#define HLT_EXITS      16

struct rounds {
    uint64_t each; /* rounds that each processor makes */
    uint32_t failed;
    char why[64]; /* of one that failed */
};

static unsigned count(void)
{
    return 1;
}

static void name(unsigned test, char *text, size_t size)
{
    (void)test;
    string_copy(text, size, NAME);
}

/* One VM, from nothing to nothing. */
static bool run_one(unsigned id, const struct vmx_operation *operation, char *why, size_t size)
{
    static const struct run_request request = {
        .trace = TRACE_OFF, .provoke = "", .breaks = "", .audit = AUDIT_OFF};
    const struct guest *guest = guest_find("hlt");
    unsigned halts = 0;
    struct vm vm;
    bool good = false;

    if (vm_create(&vm, id, guest->name, operation, why, size) == STATUS_OK) {
        vm.guest_data = &halts;
        if (guest_build(&vm, guest, NULL, 0, why, size) == STATUS_OK) {
            vm_run(&vm, operation, &request);
            string_copy(why, size, vm.end.why);
            good = !vm.end.failed && vm.exits == HLT_EXITS;
        }
    }
    vm_destroy(&vm);
    return good;
}

static void run_rounds(void *context)
{
    struct rounds *rounds = context;
    const struct vmx_operation *operation = vmx_operation_here();
    uint64_t held = this_cpu()->pages_held;
    char why[64] = "no VMX operation here";
    bool good = operation != NULL;

    log_mute(true);
    for (uint64_t i = 0; i < rounds->each && good; i++) {
        good = run_one(this_cpu()->number, operation, why, sizeof(why));
    }
    log_mute(false);
    if (good && this_cpu()->pages_held != held) {
        string_copy(why, sizeof(why), "pages were not given back");
        good = false;
    }
    if (!good && __atomic_fetch_add(&rounds->failed, 1, __ATOMIC_RELAXED) == 0) {
        string_copy(rounds->why, sizeof(rounds->why), why);
    }
}

static enum ktap_status run(struct selftest *selftest, unsigned test)
{
    uint64_t wanted = selftest->request->count != 0 ? selftest->request->count : DEFAULT_ROUNDS;
    uint64_t before = pages_free();
    struct rounds rounds = {.each = (wanted + processors_there() - 1) / processors_there()};

    (void)test;
    processors_do_all(run_rounds, &rounds);
    if (rounds.failed == 0 && pages_free() != before) {
        rounds.failed = 1;
        string_copy(rounds.why, sizeof(rounds.why), "pages were not given back");
    }
    format_text(selftest->note, sizeof(selftest->note),
                "rounds=%lu processors=%u free-pages=%lu%s%s", rounds.each * processors_there(),
                processors_there(), pages_free(), rounds.failed != 0 ? " why=" : "", rounds.why);
    return rounds.failed == 0 ? KTAP_OK : KTAP_NOT_OK;
}

const struct selftest_suite selftest_rounds = {
    .count = count, .name = name, .only_with = "processors.rounds", .run = run};
