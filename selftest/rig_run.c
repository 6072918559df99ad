/* SPDX-License-Identifier: BSD-2-Clause */
/* Around a scenario: whether the processor can do it, its VM, and what becomes of it. */
#include "guest/guest.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "selftest/needs.h"
#include "selftest/rig_build.h"
#include "vmx/run.h"

#define RIG_PAGES (ALIGN_UP(sizeof(struct rig), PAGE_SIZE) / PAGE_SIZE)

/* A guest that runs longer hangs. Where an emulator is known to err, a guest that hangs is likely,
 * and not worth the wait. */
#define PATIENCE       UINT64_C(20000000)
#define PATIENCE_MS    500 /* and at least as long as this */
#define PATIENCE_KNOWN UINT64_C(1000000)

/* Names the first control or capability that the scenario needs and the processor lacks; no VM is
 * without EPT. */
static bool is_offered(struct rig *rig)
{
    const struct vmx_capabilities *capabilities = &rig->operation->capabilities;
    uint64_t missing = rig->scenario->needs_ept & ~capabilities->ept_vpid;
    struct controls needs = rig->scenario->needs;
    char what[80];

    needs.bits[CONTROL_SECONDARY] |= SECONDARY_EPT; /* every guest of Lintel's has it */
    rig_activate(&needs);

    for (unsigned group = 0; group < CONTROL_GROUPS; group++) {
        const struct control_range *range = &capabilities->range[group];
        uint32_t refused = needs.bits[group] & ~range->may_be_1;
        if (refused != 0) {
            unsigned bit = (unsigned)__builtin_ctz(refused);
            needs_text(capabilities, (enum control_group)group, bit, what, sizeof(what));
            rig_skip(rig, what);
            return false;
        }
    }
    if (missing != 0) {
        format_text(what, sizeof(what), "IA32_VMX_EPT_VPID_CAP bit %d", __builtin_ctzll(missing));
        rig_skip(rig, what);
    }
    return missing == 0;
}

static bool build(struct rig *rig)
{
    const struct scenario *scenario = rig->scenario;
    const struct guest guest = {.name = "scenario",
                                .image = scenario->code,
                                .image_end = scenario->code_end,
                                .memory = scenario->roomy ? RIG_ROOMY : RIG_MEMORY,
                                .extra = scenario->needs,
                                .hooks = &guest_flat_hooks};
    const struct run_request request = {
        .trace = TRACE_OFF, .provoke = "", .breaks = "", .audit = AUDIT_OFF};
    char why[64] = "";

    if (vm_create(&rig->vm, 0, guest.name, rig->operation, why, sizeof(why)) != STATUS_OK ||
        guest_build(&rig->vm, &guest, NULL, 0, why, sizeof(why)) != STATUS_OK) {
        rig_fail(rig, "%s", why);
        return false;
    }
    if (rig->operation->capabilities.range[CONTROL_PIN].may_be_1 & PIN_PREEMPTION_TIMER) {
        rig->vm.extra.bits[CONTROL_PIN] |= PIN_PREEMPTION_TIMER;
    }
    rig_activate(&rig->vm.extra);
    rig_fill_guest(rig);
    rig->vcpu = vm_prepare(&rig->vm, rig->operation, &request);
    if (rig->vcpu == NULL) {
        rig_fail(rig, "%s", rig->vm.end.why);
        return false;
    }
    rig_point_guest(rig);
    if (rig->spoil == SPOIL_CONTROL && !rig_leave_out_controls(rig)) {
        rig->spoil = SPOIL_EXPECTATION;
    }
    return true;
}

/* An exception of the hypervisor inside a scenario is the scenario's failure alone. */
static void play(struct rig *rig)
{
    struct fault_recovery recovery;

    vcpu_begin(rig->vcpu);
    if (fault_catch(&recovery)) {
        rig->broken = true;
        rig_fail(rig, "the hypervisor faulted: vector %u %s error 0x%lx", recovery.vector,
                 vector_name(recovery.vector), recovery.error);
    } else {
        rig->scenario->run(rig);
        fault_release(&recovery);
    }
    vcpu_end(rig->vcpu);
}

/* What is built for one scenario is not worth a line of the log each time. */
static void run_quietly(struct rig *rig)
{
    log_mute(true);
    if (build(rig)) {
        play(rig);
        vm_release(rig->vcpu);
    }
    rig_give_host_pages(rig);
    if (rig->vm.guest != NULL) {
        vm_destroy(&rig->vm);
    }
    log_mute(false);
}

static bool is_known_here(const struct known_wrong *known, const struct selftest_request *request)
{
    return known->machine != NULL && !request->spoil &&
           strcmp(known->machine, request->machine) == 0;
}

/* A known error of the emulator that we run in makes of a failure a TODO. */
static enum ktap_status judge(const struct rig *rig, struct selftest *selftest)
{
    const struct scenario *scenario = rig->scenario;
    struct known_wrong known = scenario->known_wrong;
    bool of_many = scenario->known_of_many != NULL && processors_there() > 1;

    if (of_many) {
        known = (struct known_wrong){KNOWN_OF_MANY_MACHINE, scenario->known_of_many};
    }
    string_copy(selftest->note, sizeof(selftest->note), rig->note);
    if (rig->skipped) {
        return KTAP_SKIP;
    }
    if (!is_known_here(&known, selftest->request) || (of_many && !rig->failed)) {
        return rig->failed ? KTAP_NOT_OK : KTAP_OK;
    }
    if (!rig->failed && !scenario->deadly) {
        string_copy(selftest->note, sizeof(selftest->note),
                    "a known error of the emulator did not show");
        return KTAP_NOT_OK;
    }
    if (rig->broken ||
        (scenario->known_answer != NULL && strcmp(scenario->known_answer, rig->note) != 0)) {
        return KTAP_NOT_OK;
    }
    format_text(selftest->note, sizeof(selftest->note), "%s: %s", known.machine, known.what);
    return KTAP_TODO;
}

enum ktap_status rig_run(struct selftest *selftest, const struct scenario *scenario)
{
    enum ktap_status status;
    bool known = is_known_here(&scenario->known_wrong, selftest->request);
    struct rig *rig;
    hpa_t pages;

    if (page_take(RIG_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &pages) != STATUS_OK) {
        string_copy(selftest->note, sizeof(selftest->note), "too little memory");
        return KTAP_NOT_OK;
    }
    rig = memset(pointer_to(pages), 0, sizeof(*rig));
    rig->scenario = scenario;
    rig->operation = selftest->operation;
    rig->spoil = selftest->request->spoil ? SPOIL_CONTROL : SPOIL_NOTHING;
    rig->seed = selftest->request->seed != 0 ? selftest->request->seed : 1;
    rig->patience = known ? PATIENCE_KNOWN : MAX(PATIENCE, time_khz() * PATIENCE_MS);
    if (is_offered(rig) && !(scenario->deadly && known)) {
        run_quietly(rig);
    }
    status = judge(rig, selftest);
    page_give(pages, RIG_PAGES);
    return status;
}
