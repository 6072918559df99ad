; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/modes.c.

%include "selftest/code.inc"

section .rodata

bits 16
CODE real
        mov ax, cs
        mov bx, ax
        mov eax, cr0
        vmcall
        mov cx, sp
        int 0x21
        vmcall
END_CODE

bits 32
CODE protected
        mov eax, [PAGE_A]
        mov ebx, cr0
        vmcall
        ud2
END_CODE
