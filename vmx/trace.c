/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/trace.h"

#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/percpu.h"

#define PANIC_RECORDS 16

static const char *action_text(const struct vmx_exit *exit)
{
    static const char *const texts[] = {"advance", "resume", "stop"};

    return exit->action < ARRAY_SIZE(texts) ? texts[exit->action] : "none";
}

/* Appends ` key=0xvalue` for what this exit has. */
static void optional_text(const struct vmx_exit *exit, char *text, size_t size)
{
    uint8_t has = exit_has(exit->reason);
    size_t at = 0;

    text[0] = '\0';
    if (has & EXIT_HAS_LENGTH && exit_has_length(exit)) {
        at += format_text(text + at, size - at, " len=%u", exit->length);
    }
    if (has & EXIT_HAS_QUALIFICATION) {
        at += format_text(text + at, size - at, " qual=0x%lx", exit->qualification);
    }
    if (exit_has_linear(exit)) {
        at += format_text(text + at, size - at, " gla=0x%lx", exit->linear.value);
    }
    if (has & EXIT_HAS_PHYSICAL) {
        at += format_text(text + at, size - at, " gpa=0x%lx", exit->physical.value);
    }
    if (exit_interruption(exit) & INTERRUPTION_VALID) {
        at += format_text(text + at, size - at, " intr=0x%x", exit->interruption);
    }
    if (exit_vectoring(exit) & INTERRUPTION_VALID) {
        format_text(text + at, size - at, " vectoring=0x%x", exit->vectoring);
    }
}

void trace_log(const struct vcpu *vcpu, const struct vmx_exit *exit)
{
    bool injected = exit->injected != NOTHING_INJECTED;
    char optional[128];
    char words[96];

    optional_text(exit, optional, sizeof(optional));
    exit_text(exit, words, sizeof(words));
    log_line("exit", "n=%lu vm=%u vcpu=%u reason=%s code=%u rip=0x%lx%s action=%s%s%s%s%s%s",
             exit->n, vcpu->vm->id, vcpu->id, exit_reason_name(exit->reason), exit->reason,
             exit->rip, optional, action_text(exit), injected ? " inject=" : "",
             injected ? vector_name(exit->injected) : "", words[0] != '\0' ? " what=\"" : "", words,
             words[0] != '\0' ? "\"" : "");
}

/* Logs the records first..last, by their numbers, all of them in the ring. */
static void log_range(const struct vcpu *vcpu, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        trace_log(vcpu, &vcpu->ring[(n - 1) % TRACE_RECORDS]);
    }
}

void trace_drain(struct vcpu *vcpu)
{
    uint64_t first = vcpu->ring_printed + 1;

    if (vcpu->trace == TRACE_OFF || vcpu->exits < first) {
        return;
    }
    if (vcpu->exits - first >= TRACE_RECORDS) {
        uint64_t kept = vcpu->exits - TRACE_RECORDS + 1;
        log_line("trace", "the ring kept the newest exits vm=%u vcpu=%u lost=%lu kept=%u",
                 vcpu->vm->id, vcpu->id, kept - first, TRACE_RECORDS);
        first = kept;
    }
    log_range(vcpu, first, vcpu->exits);
    vcpu->ring_printed = vcpu->exits;
}

void trace_panic(void)
{
    const struct vcpu *vcpu = this_cpu()->tenant;
    uint64_t count;

    if (vcpu == NULL || vcpu->trace == TRACE_OFF || vcpu->exits == 0) {
        return;
    }
    count = MIN(vcpu->exits, (uint64_t)PANIC_RECORDS);
    log_line("panic", "the last exits, oldest first vm=%u vcpu=%u count=%lu", vcpu->vm->id,
             vcpu->id, count);
    log_range(vcpu, vcpu->exits - count + 1, vcpu->exits);
}

void statistics_log(const struct vcpu *vcpu)
{
    if (vcpu->ipis + vcpu->ipis_dropped != 0) {
        log_line("stat", "interrupt commands vm=%u vcpu=%u delivered=%lu dropped=%lu", vcpu->vm->id,
                 vcpu->id, vcpu->ipis, vcpu->ipis_dropped);
    }
    log_line("stat",
             "exits by reason, cost in TSC ticks from exit to next entry vm=%u vcpu=%u exits=%lu",
             vcpu->vm->id, vcpu->id, vcpu->exits);
    for (unsigned reason = 0; reason <= EXIT_REASONS; reason++) {
        const struct exit_statistics *row = &vcpu->statistics[reason];
        uint64_t tenths;

        if (row->count == 0) {
            continue;
        }
        tenths = row->count * 1000 / vcpu->exits;
        log_line("stat",
                 "vm=%u vcpu=%u reason=%s count=%lu share=%lu.%lu%% min=%lu mean=%lu max=%lu "
                 "vmx-instructions=%lu.%lu",
                 vcpu->vm->id, vcpu->id, exit_reason_name(reason), row->count, tenths / 10,
                 tenths % 10, row->least, row->ticks / row->count, row->most,
                 row->instructions / row->count, row->instructions * 10 / row->count % 10);
    }
}
