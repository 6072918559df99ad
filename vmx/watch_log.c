/* SPDX-License-Identifier: BSD-2-Clause */
/* What watches have reported, taken one by one, or told in the log. */
#include "kernel/format.h"
#include "kernel/log.h"
#include "vmx/watch_state.h"

bool watch_take(struct vcpu *vcpu, struct watch_report *report, unsigned *lost)
{
    struct watch_state *state = vcpu->watching;

    *lost = 0;
    if (state == NULL || state->taken == state->written) {
        return false;
    }
    if (state->written - state->taken > WATCH_REPORTS) {
        *lost = state->written - state->taken - WATCH_REPORTS;
        state->taken += *lost;
    }
    *report = state->reports[state->taken++ % WATCH_REPORTS];
    return true;
}

const char *watch_access_text(uint32_t access)
{
    switch (access) {
    case WATCH_READ:
        return "read";
    case WATCH_WRITE:
        return "write";
    case WATCH_READ | WATCH_WRITE:
        return "read-write";
    case WATCH_FETCH:
        return "fetch";
    default:
        return "breakpoint";
    }
}

static const char *const policies[] = {
    [WATCH_REPORT] = "report",       [WATCH_IGNORE] = "ignore",       [WATCH_CALL] = "call",
    [WATCH_INJECT_PF] = "inject-pf", [WATCH_INJECT_GP] = "inject-gp", [WATCH_STOP] = "stop",
};

static const char *const ends[] = {
    [WATCH_REPORT] = "let-through",    [WATCH_IGNORE] = "ignored",
    [WATCH_INJECT_PF] = "injected-pf", [WATCH_INJECT_GP] = "injected-gp",
    [WATCH_STOP] = "stopped",          [WATCH_HANDLED] = "handled",
};

void watch_log_range(const struct vcpu *vcpu, const struct watch_range *range)
{
    bool any[] = {range->access & WATCH_READ, range->access & WATCH_WRITE,
                  range->access & WATCH_FETCH};

    log_line("ept", "watching vm=%u gpa=0x%lx-0x%lx access=%s%s%s policy=%s", vcpu->vm->id,
             range->from.value, range->from.value + range->length - 1, any[0] ? "read" : "",
             any[1] ? any[0] ? "-write" : "write" : "",
             any[2] ? any[0] || any[1] ? "-fetch" : "fetch" : "", policies[range->policy]);
}

static void log_one(const struct vcpu *vcpu, const struct watch_report *report)
{
    char tried[32] = "";

    if (report->done == WATCH_IGNORE && report->access & WATCH_WRITE) {
        format_text(tried, sizeof(tried), " tried=0x%lx", report->tried);
    }
    log_line("ept",
             "watch vm=%u vcpu=%u access=%s done=%s rip=0x%lx gpa=0x%lx before=0x%lx after=0x%lx%s",
             vcpu->vm->id, vcpu->id, watch_access_text(report->access), ends[report->done],
             report->rip, report->gpa.value, report->before, report->after, tried);
}

void watch_log(struct vcpu *vcpu)
{
    struct watch_report report;
    unsigned lost;

    while (watch_take(vcpu, &report, &lost)) {
        if (lost != 0) {
            log_line("ept", "watch: older reports were lost vm=%u lost=%u", vcpu->vm->id, lost);
        }
        log_one(vcpu, &report);
    }
}
