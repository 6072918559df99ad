; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/registers.c.

%include "selftest/code.inc"

section .rodata

REPEATED cr3_load, mov cr3, r9
REPEATED cr3_store, mov rdx, cr3
REPEATED cr8_load, mov cr8, r12
REPEATED cr8_store, mov rdi, cr8

CODE mov_dr
.again:
        mov dr0, rax
        mov rsi, dr0
        mov dr1, rcx
        mov rdi, dr1
        mov dr2, rdx
        mov r8, dr2
        mov dr3, rbx
        mov r13, dr3
        mov dr6, r9
        mov r14, dr6
        mov dr7, r10
        mov r15, dr7
        vmcall
        jmp .again
END_CODE

CODE mov_dr_45
        mov dr4, rbx
        mov rbx, dr5
        vmcall
        jmp code_mov_dr_45
END_CODE
