/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of what becomes of accesses to watched memory. */
#include "kernel/format.h"
#include "kernel/string.h"
#include "selftest/rig_watch.h"
#include "vmx/guest_walk.h"
#include "vmx/inject.h"

extern const char code_ept_policy_stop[], code_ept_policy_stop_end[];
extern const char code_ept_policy_ignore[], code_ept_policy_ignore_end[];
extern const char code_ept_policy_inject[], code_ept_policy_inject_end[];
extern const char code_ept_policy_handler[], code_ept_policy_handler_end[];
extern const char code_ept_policy_hole[], code_ept_policy_hole_end[];

#define EITHER (WATCH_READ | WATCH_WRITE)

static gpa_t at(gpa_t page, int64_t offset)
{
    return GPA(page.value + (uint64_t)offset);
}

static void add(struct rig *rig, const struct watch_range *range)
{
    rig_want(rig, "the watch", watch_add_range(rig->vcpu, range), STATUS_OK);
}

static void want_end(struct rig *rig, bool failed, const char *how, gpa_t gpa, uint64_t rip)
{
    const struct vm_end *end = &rig->vm.end;
    char why[sizeof(end->why)];

    format_text(why, sizeof(why), "%s of gpa 0x%lx by rip 0x%lx", how, gpa.value, rip);
    rig_want(rig, "whether the VM has ended", end->ended, true);
    rig_want(rig, "whether it has failed", end->failed, failed);
    rig_want(rig, "whether the sentence says who and what", strcmp(end->why, why) == 0, true);
}

static void stop(struct rig *rig)
{
    const struct watch_range range = {
        .from = RIG_PAGE_B, .length = 8, .access = WATCH_WRITE, .policy = WATCH_STOP};

    if (!rig_has_trap(rig)) {
        return;
    }
    add(rig, &range);
    rig_want(rig, "the answer to the exit", rig_run_watched(rig), ACTION_STOP);
    want_end(rig, true, "write", RIG_PAGE_B, rig_gpr(rig, R13));
    rig_want_report(rig, WATCH_WRITE, WATCH_STOP, RIG_PAGE_B, 0, 0);
    rig_want_no_report(rig);
    rig_want(rig, "what is beside it", *(uint64_t *)rig_memory(rig, RIG_PAGE_B), 0);
    rig_want(rig, "what lies on the page before",
             *(uint64_t *)guest_access(&rig->vm, at(RIG_PAGE_B, -8), 8), 0);
}

/* What the guest's code leaves around PAGE_B, of bytes that were their own addresses' lowest. */
static void want_kept(struct rig *rig, const uint8_t *bytes, int64_t from, int64_t to)
{
    for (int64_t offset = from; offset < to; offset++) {
        bool written = (offset >= -24 && offset < -8) || (offset >= 16 && offset < 24);
        uint8_t want = written ? 0x33 : (uint8_t)offset;

        if (offset >= 0x100 && offset < 0x108) {
            want = (uint8_t)(offset - 0x100); /* copied from the kept ones */
        }
        rig_want(rig, "a byte around the range", bytes[offset - from], want);
    }
}

static void want_ignored(struct rig *rig)
{
    uint64_t first = 0x0706050403020100, last = 0xFFFEFDFCFBFAF9F8;
    uint64_t twos = 0x2222222222222222;
    gpa_t b = RIG_PAGE_B;

    rig_want_tried(rig, b, first, 0x11);
    rig_want_tried(rig, b, first, first + 1);
    rig_want_tried(rig, at(b, -4), last >> 32, twos >> 32);
    rig_want_tried(rig, b, first, (first >> 32 << 32) | twos >> 32);
    rig_want_report(rig, WATCH_WRITE, WATCH_IGNORE, at(b, 12), 0x131211100F0E0D0C,
                    (twos & ~(uint64_t)UINT32_MAX) | 0x0F0E0D0C); /* those behind are written */
}

static void want_all_ignored(struct rig *rig, unsigned count)
{
    struct watch_report report;
    unsigned lost, found = 0;

    while (watch_take(rig->vcpu, &report, &lost)) {
        rig_want(rig, "what became of a further access", report.done, WATCH_IGNORE);
        rig_want(rig, "what stood there after it", report.after, report.before);
        found++;
    }
    rig_want(rig, "further accesses", found, count);
}

static void ignore_writes(struct rig *rig)
{
    const struct watch_range range = {
        .from = at(RIG_PAGE_B, -8), .length = 24, .access = WATCH_WRITE, .policy = WATCH_IGNORE};
    uint8_t *a = rig_memory(rig, RIG_PAGE_A), *b = rig_memory(rig, RIG_PAGE_B);
    uint64_t first = 0x0706050403020100;

    if (!rig_has_trap(rig)) {
        return;
    }
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        a[i] = b[i] = (uint8_t)i;
    }
    add(rig, &range);
    rig_run_to_vmcall(rig);
    want_ignored(rig);
    want_all_ignored(rig, 24 + 2 + 1); /* of STOSB, MOVSQ and PUSH */
    rig_want(rig, "what a read gives afterwards", rig_gpr(rig, RSI), first);
    rig_want(rig, "what LOCK XADD gives", rig_gpr(rig, RBX), first);
    rig_want(rig, "what is popped", rig_gpr(rig, RDX), first);
    want_kept(rig, a, -(int64_t)PAGE_SIZE, 0);
    want_kept(rig, b, 0, PAGE_SIZE);
}

/* The guest has taken an exception, at the instruction that R13 points to. */
static void want_exception(struct rig *rig, unsigned vector, uint64_t error_code)
{
    rig_run_to_vmcall(rig);
    rig_want(rig, "the vector", rig_gpr(rig, R9), vector);
    rig_want(rig, "the error code", rig_gpr(rig, R10), error_code);
    rig_want(rig, "the RIP that was pushed", rig_gpr(rig, R11), rig_gpr(rig, R13));
}

static void inject_faults(struct rig *rig)
{
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_GP, RIG_PAGE_B, 0, 0);
    rig_want(rig, "what was written", *(uint64_t *)rig_memory(rig, RIG_PAGE_B), 0);
    rig_skip_vmcall(rig);

    want_exception(rig, VECTOR_GP, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_GP, RIG_PAGE_B, 0, 0);
    rig_want(rig, "what was written on the page before",
             *(uint32_t *)guest_access(&rig->vm, at(RIG_PAGE_B, -4), 4), 0);
    rig_skip_vmcall(rig);

    want_exception(rig, VECTOR_PF, PF_PRESENT | PF_WRITE);
    rig_want(rig, "CR2", rig_gpr(rig, R12), RIG_CODE_B.value + 8);
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_PF, at(RIG_CODE_B, 8), 0, 0);
    rig_skip_vmcall(rig);

    want_exception(rig, VECTOR_PF, PF_PRESENT);
    rig_want(rig, "CR2", rig_gpr(rig, R12), RIG_CODE_B.value);
    rig_want(rig, "what is left of the string", rig_gpr(rig, RCX), 4);
    rig_want_report(rig, WATCH_READ, WATCH_INJECT_PF, RIG_CODE_B, 0, 0);
    rig_skip_vmcall(rig);
}

static void inject(struct rig *rig)
{
    const struct watch_range gp = {
        .from = RIG_PAGE_B, .length = PAGE_SIZE, .access = WATCH_WRITE, .policy = WATCH_INJECT_GP};
    const struct watch_range pf = {
        .from = RIG_CODE_B, .length = 16, .access = EITHER, .policy = WATCH_INJECT_PF};

    if (!rig_has_trap(rig)) {
        return;
    }
    add(rig, &gp);
    add(rig, &pf);
    want_exception(rig, VECTOR_GP, 0);
    inject_faults(rig);
    want_exception(rig, VECTOR_DF, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_GP, at(RIG_PAGE_B, 0x7F8), 0, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_GP, at(RIG_PAGE_B, 0x7F8), 0, 0);
    rig_want_no_report(rig);
    rig_want(rig, "exceptions in all", rig_gpr(rig, R8), 5);
}

/* What the handler has been told, and what it makes of one access after the other. */
struct told {
    unsigned count;
    uint64_t offsets, access, before; /* sums */
};

static enum watch_policy one_of_each(struct vcpu *vcpu, const struct watch_report *access,
                                     void *context)
{
    static const enum watch_policy answers[] = {WATCH_REPORT, WATCH_IGNORE, WATCH_INJECT_GP,
                                                WATCH_HANDLED, WATCH_STOP};
    struct told *told = context;
    enum watch_policy answer = answers[told->count++ % ARRAY_SIZE(answers)];

    told->offsets += access->gpa.value - RIG_PAGE_B.value;
    told->access |= access->access;
    told->before += access->before;
    if (answer == WATCH_HANDLED) {
        (void)inject_ud(vcpu);
    }
    return answer;
}

static void handler(struct rig *rig)
{
    struct told told = {0};
    const struct watch_range range = {.from = RIG_PAGE_B,
                                      .length = 8,
                                      .access = WATCH_WRITE,
                                      .policy = WATCH_CALL,
                                      .stop_passes = true,
                                      .handler = one_of_each,
                                      .context = &told};
    gpa_t b = RIG_PAGE_B;

    if (!rig_has_trap(rig)) {
        return;
    }
    add(rig, &range);
    rig_want(rig, "the answer to the exit", rig_run_watched(rig), ACTION_STOP);
    want_end(rig, false, "write", at(b, 4), rig->exit->rip);
    rig_want(rig, "calls", told.count, 5);
    rig_want(rig, "the sum of the offsets told", told.offsets, 10);
    rig_want(rig, "the access told", told.access, WATCH_WRITE);
    rig_want(rig, "the sum of what was told to stand there", told.before, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_REPORT, b, 0, 1);
    rig_want_tried(rig, at(b, 1), 0, 2);
    rig_want_report(rig, WATCH_WRITE, WATCH_INJECT_GP, at(b, 2), 0, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_HANDLED, at(b, 3), 0, 0);
    rig_want_report(rig, WATCH_WRITE, WATCH_STOP, at(b, 4), 0, 0);
    rig_want_no_report(rig);
    rig_want(rig, "the first exception", rig_gpr(rig, RBX), VECTOR_GP);
    rig_want(rig, "the second exception", rig_gpr(rig, RDX), VECTOR_UD);
    rig_want(rig, "what stands there", *(uint64_t *)rig_memory(rig, b), 1);
}

static void hole(struct rig *rig)
{
    const struct watch_range ignored = {
        .from = RIG_BEYOND, .length = 2 * PAGE_SIZE, .access = EITHER, .policy = WATCH_IGNORE};
    const struct watch_range refused = {.from = at(RIG_BEYOND, 2 * PAGE_SIZE),
                                        .length = 8,
                                        .access = EITHER,
                                        .policy = WATCH_INJECT_GP};
    uint64_t ones = UINT64_MAX;
    enum action action;

    if (!rig_has_trap(rig)) {
        return;
    }
    rig_want(rig, "a watch that lets through to nothing",
             watch_add(rig->vcpu, RIG_BEYOND, 8, WATCH_READ), STATUS_INVALID);
    add(rig, &ignored);
    add(rig, &refused);
    rig_run_to_vmcall(rig);
    rig_want_report(rig, WATCH_READ, WATCH_IGNORE, at(RIG_BEYOND, 8), ones, ones);
    rig_want_tried(rig, at(RIG_BEYOND, 8), ones, 1);
    rig_want(rig, "what is read", rig_gpr(rig, RAX), ones);
    rig_want(rig, "what is read after a write", rig_gpr(rig, RBX), ones);
    rig_want(rig, "what is read across the pages", rig_gpr(rig, RDX), ones);
    rig_want(rig, "what is read across the end of memory", rig_gpr(rig, RCX), ones << 32);
    rig_want(rig, "the exception beyond", rig_gpr(rig, R9), VECTOR_GP);
    rig_skip_vmcall(rig);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "whether the rest is a watch's", watch_exit(rig->vcpu, &action), false);
    }
}

static const struct scenario scenarios[] = {
    {"ept.policy_stop", SCENARIO_CODE(ept_policy_stop), .run = stop},
    {"ept.policy_ignore_writes", SCENARIO_CODE(ept_policy_ignore), .run = ignore_writes},
    {"ept.policy_inject", SCENARIO_CODE(ept_policy_inject), .run = inject},
    {"ept.policy_handler", SCENARIO_CODE(ept_policy_handler), .run = handler},
    {"ept.policy_hole", SCENARIO_CODE(ept_policy_hole), .run = hole},
};

SCENARIO_SUITE(selftest_ept_policy, scenarios);
