/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of one exit: entry.asm, decode, a handler, and here what it answered is applied, counted
 * and traced. Nothing prints, locks or allocates on this way; slow work waits behind the one
 * attention word.
 */
#include "kernel/cpu.h"
#include "vmx/advance.h"
#include "vmx/attention.h"
#include "vmx/decode.h"
#include "vmx/entry_failure.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/run.h"
#include "vmx/trace.h"

_Static_assert(__builtin_offsetof(struct vcpu, frame) == 0, "entry.asm takes one for the other");
_Static_assert(__builtin_offsetof(struct vcpu_frame, host_rsp) == UINT64_C(16) * 8,
               "FRAME_HOST_RSP");

/*
 * Enters the guest, whose VMCS is current, and decodes the exit into vcpu->exit; `row` is its row
 * in tables by reason. Only after VMX_SUCCEED is there an exit.
 */
NODISCARD static enum vmx_result vmx_run(struct vcpu *vcpu, unsigned *row, uint64_t *start)
{
    enum vmx_result result;

    vmx_count();
    result = vmx_enter(&vcpu->frame, vcpu->launched);
    *start = rdtsc();
    if (__builtin_expect(result == VMX_SUCCEED, 1)) {
        vcpu->launched = true;
        *row = exit_decode(vcpu, vcpu->exit);
    }
    return result;
}

static enum action handle(struct vcpu *vcpu, unsigned row)
{
    if (__builtin_expect(exit_handlers[row] == NULL, 0)) {
        return handle_unexpected(vcpu);
    }
    return exit_handlers[row](vcpu);
}

/* Applies what the handler answered. */
static void apply(const struct vcpu *vcpu, struct vmx_exit *exit, enum action action)
{
    exit->action = action;
    if (action == ACTION_ADVANCE) {
        advance(exit);
    } else if (action == ACTION_RESUME && exit_vectoring(exit) & INTERRUPTION_VALID &&
               exit->injected == NOTHING_INJECTED) {
        reinject_vectored_event(vcpu);
    }
}

/* The way of the exit itself: slow work behind the attention word is not part of it. */
static void count_cost(struct exit_statistics *row, uint64_t ticks)
{
    row->instructions += vmx_count_take();
    row->count++;
    row->ticks += ticks;
    if (ticks > row->most) {
        row->most = ticks;
    }
    if (ticks < row->least) {
        row->least = ticks;
    }
}

/* Counts, traces and serves the attention word; answers whether the VM has ended. */
static bool finish(struct vcpu *vcpu)
{
    if (__builtin_expect(vcpu->exits >= vcpu->limit, 0)) {
        vcpu->attention |= ATTENTION_LIMIT;
    }
    if (__builtin_expect(vcpu->attention != 0, 0) && attention_serve(vcpu)) {
        return true;
    }
    trace_next(vcpu);
    return false;
}

void vcpu_loop(struct vcpu *vcpu)
{
    do {
        unsigned row = EXIT_REASONS;
        uint64_t start;
        enum vmx_result result = vmx_run(vcpu, &row, &start);
        struct vmx_exit *exit = vcpu->exit;

        if (__builtin_expect(result != VMX_SUCCEED, 0)) {
            entry_refused(vcpu, result);
            return;
        }
        if (__builtin_expect(row == EXIT_REASONS && exit->entry_failed, 0)) {
            entry_failed(vcpu);
            return;
        }
        apply(vcpu, exit, handle(vcpu, row));
        count_cost(&vcpu->statistics[row], rdtsc() - start);
    } while (!finish(vcpu));
}
