; SPDX-License-Identifier: BSD-2-Clause
;
; The 256 entries of the IDT, their common path, and the recovery point.
; SDM vol. 3A, "Exception and Interrupt Handling in 64-bit Mode".

bits 64
extern exception_dispatch

section .text

; Each stub leaves the vector above the error code, 0 where the processor pushes none, and takes 16
; bytes.
%macro STUB 1
        align 16
  %if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30
  %else
        push 0
  %endif
        push %1
        jmp exception_common
%endmacro

align 16
global exception_stubs
exception_stubs:
%assign vector 0
%rep 256
        STUB vector
%assign vector vector + 1
%endrep

exception_common:
        push rax
        push rcx
        push rdx
        push rbx
        push rbp
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
        mov rdi, rsp
        cld
        call exception_dispatch
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rbp
        pop rbx
        pop rdx
        pop rcx
        pop rax
        add rsp, 16
        iretq

; bool fault_catch(struct fault_recovery *recovery)
; fault_push() links the recovery point and returns false to our caller; exception_dispatch() makes
; the same return a second time, with true.
extern fault_push
global fault_catch
fault_catch:
        mov [rdi], rbx
        mov [rdi + 8], rbp
        mov [rdi + 16], r12
        mov [rdi + 24], r13
        mov [rdi + 32], r14
        mov [rdi + 40], r15
        lea rax, [rsp + 8]              ; RSP and RIP after the return
        mov [rdi + 48], rax
        mov rax, [rsp]
        mov [rdi + 56], rax
        jmp fault_push
