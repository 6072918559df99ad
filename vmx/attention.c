/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/attention.h"

#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/entry_audit.h"
#include "vmx/inject.h"
#include "vmx/report.h"
#include "vmx/request.h"
#include "vmx/trace.h"
#include "vmx/watch.h"

void guest_text_byte(struct vcpu *vcpu, char byte)
{
    if (byte == '\r') {
        return;
    }
    if (byte == '\n' && vcpu->line_split && vcpu->line_length == 0) {
        vcpu->line_split = false; /* it ends what has been logged already */
        return;
    }
    if (byte != '\n') {
        vcpu->line[vcpu->line_length++] = byte;
    }
    if (byte == '\n' || vcpu->line_length == GUEST_LINE) {
        memcpy(vcpu->printed, vcpu->line, vcpu->line_length);
        vcpu->printed_length = vcpu->line_length;
        vcpu->line_length = 0;
        vcpu->line_split = byte != '\n';
        vcpu->attention |= ATTENTION_TEXT;
    }
}

/* As many records as the escaped text needs. */
static void log_text(const struct vcpu *vcpu, const char *bytes, size_t length)
{
    size_t done = 0;

    do {
        char text[GUEST_LINE + 8];
        done += format_escaped(text, sizeof(text), bytes + done, length - done);
        log_line("guest", "vm=%u text=\"%s\"", vcpu->vm->id, text);
    } while (done < length);
}

void guest_text_flush(struct vcpu *vcpu)
{
    if (vcpu->line_length != 0) {
        log_text(vcpu, vcpu->line, vcpu->line_length);
        vcpu->line_length = 0;
    }
}

bool is_lazy(const struct vm *vm, gpa_t gpa)
{
    return gpa.value - vm->lazy_gpa.value < vm->lazy_length && guest_access(vm, gpa, 1) == NULL;
}

enum action vcpu_populate(struct vcpu *vcpu, gpa_t gpa)
{
    vcpu->populate = gpa;
    vcpu->attention |= ATTENTION_POPULATE;
    return ACTION_RESUME;
}

/* Memory that appears on first touch. */
static void populate(struct vcpu *vcpu)
{
    gpa_t gpa = GPA(ALIGN_DOWN(vcpu->populate.value, PAGE_SIZE));
    void *page;

    request_lock(vcpu);
    if (guest_access(vcpu->vm, gpa, 1) != NULL) {
        /* another virtual CPU's touch was first */
    } else if (page_take_cleared(&page) != STATUS_OK) {
        (void)vm_stop(vcpu, true, 0, "out of memory for the guest");
    } else if (vm_add_memory(vcpu->vm, gpa, hpa_of(page), PAGE_SIZE) != STATUS_OK) {
        page_give(hpa_of(page), 1);
        (void)vm_stop(vcpu, true, 0, "no room to map guest memory");
    } else {
        log_line("ept", "populated on first touch vm=%u gpa=0x%lx hpa=0x%lx", vcpu->vm->id,
                 gpa.value, hpa_of(page).value);
    }
    lock_give(&vcpu->vm->lock, true);
}

/* To see what a panic says of the last exits. */
static void provoke_exception(void)
{
    __asm__ volatile("ud2");
}

static bool serve_once(struct vcpu *vcpu)
{
    uint32_t attention;

    if (vcpu->hurries && vcpu->attention == ATTENTION_TRACE) {
        vcpu->hurries = false;
        return false;
    }
    vcpu->hurries = false;
    if (vcpu->attention & ATTENTION_STEP) {
        watch_settle(vcpu);
    }
    attention = vcpu->attention;
    /* An NMI may set a bit in between. */
    __atomic_fetch_and(&vcpu->attention, ~attention | ATTENTION_TRACE | ATTENTION_STEP,
                       __ATOMIC_RELAXED);
    if (attention & ATTENTION_ASKED) {
        request_serve(vcpu);
        offer_nmi(vcpu);
    }
    if (attention & ATTENTION_TRACE) {
        trace_drain(vcpu);
    }
    if (attention & ATTENTION_AUDIT) {
        audit_after_entry(vcpu);
    }
    if (attention & ATTENTION_WATCH) {
        watch_log(vcpu);
    }
    if (attention & ATTENTION_GUEST) {
        vcpu->vm->hooks->attend(vcpu);
    }
    if (attention & ATTENTION_REPORT) {
        report_log(vcpu);
    }
    if (attention & ATTENTION_TEXT) {
        log_text(vcpu, vcpu->printed, vcpu->printed_length);
    }
    if (attention & ATTENTION_POPULATE) {
        populate(vcpu);
    }
    if (attention & ATTENTION_LIMIT && vcpu->provoke) {
        provoke_exception();
    }
    if (attention & ATTENTION_LIMIT && !vcpu->vm->end.ended) {
        (void)vm_stop(vcpu, false, 0, "limit");
    }
    return vcpu->vm->end.ended;
}

/* Again where another processor has asked something meanwhile: printing takes long. */
bool attention_serve(struct vcpu *vcpu)
{
    bool ended;

    do {
        ended = serve_once(vcpu);
    } while (!ended && vcpu->attention & ATTENTION_ASKED);
    return ended;
}
