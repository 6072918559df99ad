; SPDX-License-Identifier: BSD-2-Clause
; The guest of selftest/vmx_errors.c, and an entry of its own.

%include "selftest/code.inc"

section .text

FRAME_HOST_RSP  equ 16 * 8              ; struct vcpu_frame: vmx/entry.asm

; RDI = frame; EAX = enum vmx_result. Should the guest be entered, its exit returns from here, as it
; does from vmx_entry.
global vmx_launch_behind_mov_ss
vmx_launch_behind_mov_ss:
        push rbp
        push rbx
        push r12
        mov [rdi + FRAME_HOST_RSP], rsp
        mov eax, ss
        mov ss, eax
        vmlaunch
        mov eax, 1                      ; VMX_FAIL_INVALID
        jc .failed
        inc eax                         ; VMX_FAIL_VALID
.failed:
        pop r12
        pop rbx
        pop rbp
        ret

section .rodata

CODE vmx_errors
.again:
        vmcall
        jmp .again
END_CODE
