/* SPDX-License-Identifier: BSD-2-Clause */
/* What a scenario does with its guest, and what it wants to see. */
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "selftest/rig_build.h"
#include "vmx/handlers.h"
#include "vmx/invept.h"
#include "vmx/run.h"

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
        vmwrite(
            VMCS_PREEMPTION_TIMER,
            MIN(rig->patience >> FIELD_GET(VMX_MISC_TIMER_RATE, rig->operation->capabilities.misc),
                (uint64_t)UINT32_MAX));
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
