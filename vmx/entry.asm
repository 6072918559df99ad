; SPDX-License-Identifier: BSD-2-Clause
;
; VM entry as a function. SDM vol. 3C, "VMLAUNCH/VMRESUME—Launch/Resume Virtual Machine".

bits 64
section .text

FRAME_HOST_RSP  equ 16 * 8              ; struct vcpu_frame; pinned in vmx/loop.c

; Saved and loaded in hardware order. RSP's slot is passed over: the VMCS holds it.
%macro LOAD_GUEST 0                     ; changes no flag
        pop rax
        pop rcx
        pop rdx
        pop rbx
        lea rsp, [rsp + 8]
        pop rbp
        pop rsi
        pop rdi
  %assign n 8
  %rep 8
        pop r%[n]
    %assign n n + 1
  %endrep
%endmacro

%macro SAVE_GUEST 0
  %assign n 15
  %rep 8
        push r%[n]
    %assign n n - 1
  %endrep
        push rdi
        push rsi
        push rbp
        lea rsp, [rsp - 8]
        push rbx
        push rdx
        push rcx
        push rax
%endmacro

; Called by vmx_enter() in run.h: RDI = frame, SIL = launched; EAX = enum vmx_result. RSP, RBP, RBX
; and R12 are as before. HOST_RSP in the VMCS is &frame->host_rsp: an exit pushes the guest's
; registers into the frame. NMI, double fault and machine check have stacks of their own, and
; nothing else comes.
global vmx_entry, vmx_exit_entry
vmx_entry:
        push rbp
        push rbx
        push r12
        mov [rdi + FRAME_HOST_RSP], rsp
        mov rsp, rdi
        test sil, sil
        LOAD_GUEST
        jnz .resume
        vmlaunch
        jmp .failed
.resume:
        vmresume
.failed:                                ; RSP is where LOAD_GUEST left it, CF and ZF tell the rest
        mov rsp, [rsp]
        mov eax, 1                      ; VMX_FAIL_INVALID
        jc restore_host
        inc eax                         ; VMX_FAIL_VALID
        jmp restore_host
vmx_exit_entry:
        SAVE_GUEST
        mov rsp, [rsp + FRAME_HOST_RSP]
        xor eax, eax                    ; VMX_SUCCEED
restore_host:
        pop r12
        pop rbx
        pop rbp
        ret
