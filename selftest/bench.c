/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/bench.h"

#include "ept/mtrr.h"
#include "kernel/glob.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/processors.h"
#include "selftest/rig.h"
#include "vmx/audit_read.h"

#define TURNS       8 /* the cheapest one is told: the others had a cache or a TLB to fill */
#define NOTHING_YET UINT64_MAX

extern const char code_ept_hole[], code_ept_hole_end[];

/* One figure. It is measured within a scenario, whose guest is never entered. */
struct bench {
    struct scenario scenario;
    uint64_t limit; /* instructions */
};

/* The cheapest turn of the scenario that was measured last, less what reading the TSC costs. */
static uint64_t cheapest;

static void took(uint64_t from, uint64_t to)
{
    uint64_t before = rdtsc();
    uint64_t reading = rdtsc() - before;

    cheapest = MIN(cheapest, to - from > reading ? to - from - reading : 0);
}

static bool empty_space(struct rig *rig, struct ept *ept)
{
    bool made = ept_init(ept, &rig->vm.ept_abilities) == STATUS_OK;

    rig_want(rig, "an empty space", made, true);
    return made;
}

/* The same guest-physical addresses as host-physical, in the largest pages of one memory type. */
static void identity(struct rig *rig)
{
    for (unsigned i = 0; i < TURNS; i++) {
        struct ept ept;
        enum status status;
        uint64_t from;

        if (!empty_space(rig, &ept)) {
            return;
        }
        from = rdtsc();
        status = ept_map_typed(&ept, GPA(0), HPA(0), 2 * GIB, EPT_RWX, rig->vm.mtrrs);
        took(from, rdtsc());
        rig_want(rig, "the status of mapping", status, STATUS_OK);
        ept_destroy(&ept);
    }
}

static void map_page(struct rig *rig)
{
    struct ept *ept = &rig->vm.ept;
    hpa_t hpa = hpa_of(rig_memory(rig, RIG_PAGE_A));

    for (unsigned i = 0; i < TURNS; i++) {
        enum status status = ept_unmap(ept, RIG_PAGE_A, PAGE_SIZE);
        uint64_t from;

        rig_want(rig, "the status of unmapping", status, STATUS_OK);
        ept_settle(ept);
        from = rdtsc();
        status = ept_map(ept, RIG_PAGE_A, hpa, PAGE_SIZE, EPT_RWX, EPT_TYPE_WB);
        took(from, rdtsc());
        rig_want(rig, "the status of mapping", status, STATUS_OK);
    }
}

static void walk(struct rig *rig)
{
    rig_protect(rig, RIG_PAGE_A, EPT_READ);
    for (unsigned i = 0; i < TURNS; i++) {
        uint64_t from = rdtsc();
        struct pt_walk walk = ept_walk(&rig->vm.ept, RIG_PAGE_A);

        took(from, rdtsc());
        rig_want(rig, "the level of the leaf", walk.level, 1);
    }
}

/* As before each launch: the VMCS is read, and every rule checked. */
static void audit(struct rig *rig)
{
    const struct vcpu *vcpu = rig->vcpu;

    for (unsigned i = 0; i < TURNS; i++) {
        struct audit_finding finding;
        struct audit audit;
        uint64_t from = rdtsc();
        unsigned broken;

        audit_read(&audit, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
        broken = audit_run(&audit, &finding, 1);
        took(from, rdtsc());
        rig_want(rig, "broken rules", broken, 0);
    }
}

#define BENCH(bench_name, function, most)                                                          \
    (struct bench)                                                                                 \
    {                                                                                              \
        .scenario = {.name = (bench_name), SCENARIO_CODE(ept_hole), .run = (function)},            \
        .limit = (most)                                                                            \
    }

static const struct bench benches[] = {
    BENCH("ept.identity.2_gib", identity, 100000),
    BENCH("ept.map.4_kib", map_page, 200),
    BENCH("ept.walk.4_levels", walk, 150),
    BENCH("audit", audit, 30000),
};

static bool is_bochs(const struct selftest_request *request)
{
    return glob_matches("bochs-*", request->machine);
}

static void run_one(const struct bench *bench, struct selftest *selftest, struct bench_tally *tally)
{
    const char *name = bench->scenario.name;
    enum ktap_status status;

    cheapest = NOTHING_YET;
    status = rig_run(selftest, &bench->scenario);
    if (status != KTAP_OK || cheapest == NOTHING_YET) {
        log_line("bench", "not measured name=%s says=\"%s\"", name, selftest->note);
        tally->skipped += status == KTAP_SKIP;
        tally->failed += status != KTAP_SKIP;
        return;
    }
    tally->measured++;
    /* With several processors, Bochs's TSC counts for all of them. */
    if (is_bochs(selftest->request) && processors_there() == 1) {
        bool within = cheapest <= bench->limit;
        log_line("bench", "measured name=%s ticks=%lu limit=%lu within=%s", name, cheapest,
                 bench->limit, within ? "yes" : "no");
        tally->failed += !within;
    } else {
        log_line("bench", "measured name=%s ticks=%lu", name, cheapest);
    }
}

struct bench_tally bench_run(const struct vmx_operation *operation,
                             const struct selftest_request *request)
{
    struct selftest selftest = {.operation = operation, .request = request};
    struct bench_tally tally = {0};

    for (unsigned i = 0; i < ARRAY_SIZE(benches); i++) {
        if (request->select[0] == '\0' || glob_matches(request->select, benches[i].scenario.name)) {
            run_one(&benches[i], &selftest, &tally);
        }
    }
    if (tally.measured + tally.skipped + tally.failed == 0) {
        log_line("bench", "no figure has a name like that select=%s", request->select);
    }
    return tally;
}
