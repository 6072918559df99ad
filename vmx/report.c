/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/report.h"

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "vmx/segment.h"
#include "vmx/trace.h"
#include "vmx/walk_log.h"

static void log_registers(const struct vcpu *vcpu)
{
    const uint64_t *gpr = vcpu->frame.gpr;

    log_line("vm", "state rip=0x%lx rsp=0x%lx rflags=0x%lx", vmread(VMCS_GUEST_RIP),
             vmread(VMCS_GUEST_RSP), vmread(VMCS_GUEST_RFLAGS));
    log_line("vm", "state rax=0x%lx rcx=0x%lx rdx=0x%lx rbx=0x%lx rbp=0x%lx rsi=0x%lx rdi=0x%lx",
             gpr[RAX], gpr[RCX], gpr[RDX], gpr[RBX], gpr[RBP], gpr[RSI], gpr[RDI]);
    log_line("vm", "state r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx", gpr[R8], gpr[R9], gpr[R10],
             gpr[R11]);
    log_line("vm", "state r12=0x%lx r13=0x%lx r14=0x%lx r15=0x%lx", gpr[R12], gpr[R13], gpr[R14],
             gpr[R15]);
    log_line("vm",
             "state cr0=0x%lx cr2=0x%lx cr3=0x%lx cr4=0x%lx cr0-shadow=0x%lx cr4-shadow=0x%lx",
             vmread(VMCS_GUEST_CR0), read_cr2(), vmread(VMCS_GUEST_CR3), vmread(VMCS_GUEST_CR4),
             vmread(VMCS_CR0_SHADOW), vmread(VMCS_CR4_SHADOW));
}

static void log_segments(void)
{
    for (unsigned segment = 0; segment < SEGMENTS; segment++) {
        uint64_t value[SEGMENT_PARTS];
        struct segment_lines lines;

        for (unsigned part = 0; part < SEGMENT_PARTS; part++) {
            value[part] = vmread(vmcs_field_at(segment_field(segment, (enum segment_part)part)));
        }
        segment_text(segment, value, LOG_ROOM - strlen("state"), &lines);
        log_line("vm", "state%s", lines.first);
        if (lines.second[0] != '\0') {
            log_line("vm", "state%s", lines.second);
        }
    }
    log_line("vm", "state gdtr=0x%lx gdtr-limit=0x%lx idtr=0x%lx idtr-limit=0x%lx",
             vmread(VMCS_GUEST_GDTR_BASE), vmread(VMCS_GUEST_GDTR_LIMIT),
             vmread(VMCS_GUEST_IDTR_BASE), vmread(VMCS_GUEST_IDTR_LIMIT));
    log_line("vm", "state interruptibility=0x%lx activity=0x%lx pending-debug=0x%lx",
             vmread(VMCS_GUEST_INTERRUPTIBILITY), vmread(VMCS_GUEST_ACTIVITY),
             vmread(VMCS_GUEST_PENDING_DEBUG));
}

void report_log(const struct vcpu *vcpu)
{
    const struct vmx_exit *exit = vcpu->exit;

    log_line("vm", "the whole state after the exit vm=%u vcpu=%u n=%lu reason=%s title=\"%s\"",
             vcpu->vm->id, vcpu->id, exit->n, exit_reason_name(exit->reason),
             exit_reason_title(exit->reason));
    if (vcpu->trace == TRACE_OFF) {
        trace_log(vcpu, exit); /* else its record stands above, or comes with the ring's */
    }
    log_registers(vcpu);
    log_segments();
    if (exit->reason == EXIT_EPT_VIOLATION || exit->reason == EXIT_EPT_MISCONFIGURATION) {
        walk_log_exit(vcpu);
    }
}
