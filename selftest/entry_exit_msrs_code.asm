; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/entry_exit_msrs.c.

%include "selftest/code.inc"

section .rodata

; RCX = an MSR: RBX = its value, which becomes RSI.
CODE kept_msr
.again:
        rdmsr
        shl rdx, 32
        lea rbx, [rax + rdx]
        mov rdx, rsi
        mov eax, esi
        shr rdx, 32
        wrmsr
        vmcall
        jmp .again
END_CODE
