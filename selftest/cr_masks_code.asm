; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/cr_masks.c.

%include "selftest/code.inc"

section .rodata

; RBX = the register; bit %3 is set in it, then bit %2 changed by way of R9; RDI = the register.
%macro CHANGE 3
        mov rbx, %1
        mov rax, rbx
        or rax, 1 << %3
        mov %1, rax                     ; a bit that is the guest's
        mov r9, rax
        xor r9, 1 << %2
        mov %1, r9
        mov rdi, %1
        vmcall
%endmacro

CODE cr0_mask
        CHANGE cr0, 3, 18               ; TS, AM
END_CODE

CODE cr4_mask
        CHANGE cr4, 2, 3                ; TSD, DE
END_CODE

CODE clts
.again:
        clts
        mov rbx, cr0
        vmcall
        jmp .again
END_CODE

CODE lmsw
        lmsw ax
        lmsw [PAGE_A]
        mov ax, 0x5A54                  ; TS is 0, as in the shadow; PE 0, EM
        lmsw ax
        vmcall
END_CODE

CODE smsw
.again:
        mov rax, cr0
        xor ebx, ebx
        smsw bx
        smsw [PAGE_A]
        vmcall
        jmp .again
END_CODE

bits 32
CODE pdptes
        mov ebx, [0x40000000 + PAGE_B]
        vmcall
        mov eax, PAGE_B
        mov cr3, eax
        mov ebx, [0xC0000000 + PAGE_B]
        vmcall
END_CODE
