/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/rig_build.h"

#include "guest/guest.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "selftest/needs.h"
#include "vmx/handlers.h"
#include "vmx/invept.h"
#include "vmx/run.h"

#define RIG_PAGES (ALIGN_UP(sizeof(struct rig), PAGE_SIZE) / PAGE_SIZE)
/* A guest that runs longer hangs. Where an emulator is known to err, a guest that hangs is likely,
 * and not worth the wait. */
#define PATIENCE       UINT64_C(20000000)
#define PATIENCE_KNOWN UINT64_C(1000000)

void rig_fail(struct rig *rig, const char *format, ...)
{
    va_list arguments;

    if (!rig->failed && !rig->skipped) {
        rig->failed = true;
        va_start(arguments, format);
        format_text_v(rig->note, sizeof(rig->note), format, arguments);
        va_end(arguments);
    }
}

void rig_skip(struct rig *rig, const char *what)
{
    if (!rig->failed && !rig->skipped) {
        rig->skipped = true;
        format_text(rig->note, sizeof(rig->note), "needs %s", what);
    }
}

void rig_note(struct rig *rig, const char *format, ...)
{
    va_list arguments;

    if (!rig->failed && !rig->skipped) {
        va_start(arguments, format);
        format_text_v(rig->note, sizeof(rig->note), format, arguments);
        va_end(arguments);
    }
}

uint64_t rig_gpr(const struct rig *rig, unsigned gpr)
{
    return vcpu_gpr(rig->vcpu, gpr);
}

void *rig_memory(const struct rig *rig, gpa_t gpa)
{
    return guest_access(&rig->vm, gpa, PAGE_SIZE);
}

void rig_set_gpr(struct rig *rig, unsigned gpr, uint64_t value)
{
    vcpu_set_gpr(rig->vcpu, gpr, value);
}

void rig_invalidate(const struct rig *rig)
{
    invept_now(rig->vcpu);
}

void rig_protect(struct rig *rig, gpa_t gpa, uint64_t rights)
{
    hpa_t hpa = hpa_of(rig_memory(rig, gpa));

    if (ept_map(&rig->vm.ept, gpa, hpa, PAGE_SIZE, rights, EPT_TYPE_WB) != STATUS_OK) {
        rig_fail(rig, "no memory to map 0x%lx", gpa.value);
    }
    ept_settle(&rig->vm.ept);
}

uint64_t *rig_leaf(struct rig *rig, gpa_t gpa)
{
    struct pt_walk walk = ept_walk(&rig->vm.ept, gpa);
    uint64_t *entries = pointer_to(walk.table[walk.level]);

    return &entries[pt_index(walk.level, gpa.value)];
}

/* Whether this is the check that provoke=spoil turns into its contrary: the first. */
static bool is_spoilt(struct rig *rig)
{
    bool is = rig->spoil == SPOIL_EXPECTATION;

    rig->spoil = is ? SPOIL_NOTHING : rig->spoil;
    return is;
}

void rig_want(struct rig *rig, const char *what, uint64_t found, uint64_t want)
{
    if ((found == want) == is_spoilt(rig)) {
        rig_fail(rig, "%s is 0x%lx, wanted 0x%lx", what, found, want);
    }
}

void rig_want_bits(struct rig *rig, const char *what, uint64_t found, uint64_t mask, uint64_t want)
{
    rig_want(rig, what, found & mask, want);
}

void rig_want_between(struct rig *rig, const char *what, uint64_t found, uint64_t low,
                      uint64_t high)
{
    if ((found - low <= high - low) == is_spoilt(rig)) {
        rig_fail(rig, "%s is 0x%lx, wanted 0x%lx to 0x%lx", what, found, low, high);
    }
}

void rig_want_field(struct rig *rig, struct vmcs_field field, uint64_t want)
{
    rig_want(rig, vmcs_field_name(field), vmread(field), want);
}

/* A guest that never exits is ended, where the processor has the timer for it. */
static void wind_timer(const struct rig *rig)
{
    if (!rig->own_timer && rig->vcpu->controls.bits[CONTROL_PIN] & PIN_PREEMPTION_TIMER) {
        vmwrite(VMCS_PREEMPTION_TIMER,
                rig->patience >> FIELD_GET(VMX_MISC_TIMER_RATE, rig->operation->capabilities.misc));
    }
}

/* The walk must come to what the processor came to: so every scenario tries it, too. */
static void check_walk(struct rig *rig)
{
    uint64_t can = rig->operation->capabilities.ept_vpid;
    bool modes = rig->vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_MODE_BASED_EXECUTE;
    uint64_t told = modes ? BITS(6, 0) : BITS(5, 0);
    enum rig_spoil spoil = rig->spoil;
    struct ept_path path;

    if (modes && !(can & EPT_CAP_EXIT_INFORMATION)) {
        return; /* it does not tell whose fetch it was */
    }
    rig->spoil = SPOIL_NOTHING; /* which is about what the scenario itself expects */
    path = walk_exit(rig->vcpu);
    if (rig->exit->reason == EXIT_EPT_MISCONFIGURATION) {
        rig_want(rig, "the walk's verdict", path.verdict, EPT_MISCONFIGURED);
    } else {
        rig_want(rig, "the walk's verdict", path.verdict, EPT_VIOLATED);
        rig_want(rig, "the walk's qualification", path.qualification & told,
                 rig->exit->qualification & told);
    }
    rig->spoil = spoil;
}

static void enter_once(struct rig *rig)
{
    enum vmx_result result;
    bool entry_failed;

    wind_timer(rig);
    result = vcpu_enter_once(rig->vcpu, &entry_failed);
    rig->exit = rig->vcpu->exit;
    if (result != VMX_SUCCEED) {
        rig_fail(rig, "VM entry refused, error %lu",
                 result == VMX_FAIL_VALID ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0);
    } else if (entry_failed) {
        rig_fail(rig, "VM entry failed, reason %u", rig->exit->reason);
    } else if (!rig->own_timer && rig->exit->reason == EXIT_PREEMPTION_TIMER) {
        rig_fail(rig, "the guest hangs at rip 0x%lx", rig->exit->rip);
    } else if (rig->exit->reason == EXIT_EPT_VIOLATION ||
               rig->exit->reason == EXIT_EPT_MISCONFIGURATION) {
        check_walk(rig);
    }
}

bool rig_enter(struct rig *rig)
{
    if (rig->failed || rig->skipped) {
        return false;
    }
    do {
        enter_once(rig);
    } while (rig_handle(rig));
    return !rig->failed;
}

/* Another exit than the wanted one, in words. */
static void fail_at_exit(struct rig *rig, enum exit_reason reason, bool event)
{
    const char *wanted = event ? "an event in the guest" : exit_reason_name(reason);
    unsigned vector;

    if (rig_is_event(rig, &vector)) {
        rig_fail(rig, "the guest was given vector %u %s, wanted %s", vector, vector_name(vector),
                 wanted);
    } else {
        rig_fail(rig, "exit %s at rip 0x%lx qual 0x%lx, wanted %s",
                 exit_reason_name(rig->exit->reason), rig->exit->rip, rig->exit->qualification,
                 wanted);
    }
}

bool rig_expect_exit(struct rig *rig, enum exit_reason reason, bool event)
{
    unsigned vector;

    if (!rig_enter(rig)) {
        return false;
    }
    if ((rig->exit->reason == reason && rig_is_event(rig, &vector) == event) == is_spoilt(rig)) {
        fail_at_exit(rig, reason, event);
    }
    return !rig->failed;
}

bool rig_expect(struct rig *rig, enum exit_reason reason)
{
    return rig_expect_exit(rig, reason, false);
}

bool rig_expect_and_skip(struct rig *rig, enum exit_reason reason)
{
    bool came = rig_expect(rig, reason);

    if (came) {
        vcpu_advance(rig->vcpu);
    }
    return came;
}

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
    const struct known_wrong *known = &rig->scenario->known_wrong;

    string_copy(selftest->note, sizeof(selftest->note), rig->note);
    if (rig->skipped) {
        return KTAP_SKIP;
    }
    if (!is_known_here(known, selftest->request)) {
        return rig->failed ? KTAP_NOT_OK : KTAP_OK;
    }
    if (!rig->failed && !rig->scenario->deadly) {
        string_copy(selftest->note, sizeof(selftest->note),
                    "a known error of the emulator did not show");
        return KTAP_NOT_OK;
    }
    if (rig->scenario->known_answer != NULL &&
        strcmp(rig->scenario->known_answer, rig->note) != 0) {
        return KTAP_NOT_OK;
    }
    format_text(selftest->note, sizeof(selftest->note), "%s: %s", known->machine, known->what);
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
    rig->patience = known ? PATIENCE_KNOWN : PATIENCE;
    if (is_offered(rig) && !(scenario->deadly && known)) {
        run_quietly(rig);
    }
    status = judge(rig, selftest);
    page_give(pages, RIG_PAGES);
    return status;
}
