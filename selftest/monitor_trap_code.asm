; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/monitor_trap.c, which knows the lengths of these instructions.

%include "selftest/code.inc"

section .rodata

CODE trap_plain
        nop
        mov eax, 1
        jmp short .on
        hlt
.on:
        vmcall
        jmp short code_trap_plain
END_CODE

CODE trap_fault
        ud2
END_CODE

CODE trap_rep
        rep stosb
        vmcall
END_CODE
