/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of an access to a watched range. */
#include "kernel/panic.h"
#include "vmx/guest_mode.h"
#include "vmx/guest_walk.h"
#include "vmx/inject.h"
#include "vmx/report.h"
#include "vmx/watch_state.h"

const struct watch *watch_decides(const struct watch_state *state, gpa_t gpa, uint64_t length,
                                  uint32_t access)
{
    const struct watch *decides = NULL;

    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &state->watches[i];
        const struct watch_range *range = &watch->range;
        bool is_about = range->access & access && gpa.value < range->from.value + range->length &&
                        range->from.value < gpa.value + length;
        if (is_about && (decides == NULL || range->policy > decides->range.policy)) {
            decides = watch;
        }
    }
    return decides;
}

/* A read of memory has nothing that could be ignored; without memory there is nothing to reach. */
static enum watch_policy adapt(const struct vcpu *vcpu, enum watch_policy policy,
                               const struct watch_report *access)
{
    if (policy != WATCH_REPORT && policy != WATCH_IGNORE) {
        return policy;
    }
    if (guest_access(vcpu->vm, access->gpa, 1) == NULL) {
        return WATCH_IGNORE;
    }
    return access->access & WATCH_WRITE ? policy : WATCH_REPORT;
}

enum watch_policy watch_judge(struct vcpu *vcpu, const struct watch *watch,
                              const struct watch_report *access)
{
    const struct watch_range *range = &watch->range;
    enum watch_policy policy =
        range->policy == WATCH_CALL ? range->handler(vcpu, access, range->context) : range->policy;

    if (policy == WATCH_CALL) {
        panic("a watch's handler answers that it is to be called gpa=0x%lx", access->gpa.value);
    }
    return adapt(vcpu, policy, access);
}

/* SDM vol. 3A, "Page-Fault Exceptions". */
static enum action page_fault(struct vcpu *vcpu, uint32_t access, const gva_t *linear)
{
    struct guest_mode mode = guest_mode_read(vcpu);
    bool tells_fetches = mode.efer & EFER_NXE || mode.cr4 & CR4_SMEP;

    if (!(mode.cr0 & CR0_PG) || linear == NULL) {
        return inject_gp(vcpu);
    }
    return inject_pf(vcpu, linear->value,
                     (uint32_t)(PF_PRESENT | (access & WATCH_WRITE ? PF_WRITE : 0) |
                                (mode.user ? PF_USER : 0) |
                                (access & WATCH_FETCH && tells_fetches ? PF_FETCH : 0)));
}

static enum action stop(struct vcpu *vcpu, const struct watch *watch,
                        const struct watch_report *access)
{
    if (!watch->range.stop_passes) {
        vcpu_report(vcpu);
    }
    return vm_stop(vcpu, !watch->range.stop_passes, 0, "%s of gpa 0x%lx by rip 0x%lx",
                   watch_access_text(access->access), access->gpa.value, access->rip);
}

enum action watch_refuse(struct vcpu *vcpu, const struct watch *watch,
                         const struct watch_report *access, const gva_t *linear)
{
    switch (access->done) {
    case WATCH_INJECT_PF:
        return page_fault(vcpu, access->access, linear);
    case WATCH_INJECT_GP:
        return inject_gp(vcpu);
    case WATCH_STOP:
        return stop(vcpu, watch, access);
    default:
        return vcpu->vm->end.ended ? ACTION_STOP : ACTION_RESUME;
    }
}
