; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/msr_areas.c.

%include "selftest/code.inc"

section .rodata

; %1 = the MSR's value, which becomes RSI + %3.
%macro EXCHANGE 3
        mov ecx, %2
        rdmsr
        shl rdx, 32
        lea %1, [rax + rdx]
        lea eax, [rsi + %3]
        xor edx, edx
        wrmsr
%endmacro

CODE msr_area
.again:
        EXCHANGE r8, 0xC0000081, 0      ; IA32_STAR
        EXCHANGE r9, 0xC0000082, 1      ; IA32_LSTAR
        EXCHANGE r10, 0xC0000083, 2     ; IA32_CSTAR
        EXCHANGE r11, 0xC0000102, 3     ; IA32_KERNEL_GS_BASE
        vmcall
        jmp .again
END_CODE
