; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/entry_exit.c.

%include "selftest/code.inc"

section .rodata

; RBX = DR7, which becomes RSI.
CODE debug
.again:
        mov rbx, dr7
        mov dr7, rsi
        vmcall
        jmp .again
END_CODE

; The same twice: 64-bit code, and from byte 16 on 32-bit code. Byte 48H is a REX prefix there, and
; DEC EAX here.
CODE mode
        jmp .long
        align 16
bits 32
        mov ecx, 0xC0000080             ; IA32_EFER
        rdmsr
        mov ebx, eax
        xor eax, eax
        db 0x48
        mov esi, eax
        vmcall
        hlt
bits 64
.long:
        mov ecx, 0xC0000080
.again:
        rdmsr
        mov ebx, eax
        xor eax, eax
        db 0x48
        mov esi, eax
        vmcall
        jmp .again
END_CODE

CODE spec_ctrl
        mov ecx, 0x48
.again:
        rdmsr
        mov ebx, eax
        mov eax, esi
        xor edx, edx
        wrmsr
        rdmsr
        mov ebp, eax
        vmcall
        jmp .again
END_CODE

CODE msr_list
        mov esi, PAGE_A
        mov edi, PAGE_B
        mov ecx, 3                      ; the first two of the list
        db 0xF2, 0x0F, 0x01, 0xC6       ; rdmsrlist
END_CODE
