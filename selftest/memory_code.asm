; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/memory.c.

%include "selftest/code.inc"

section .rodata

CODE memory_ept
.again:
        mov rax, [PAGE_A]
        vmcall
        jmp .again
END_CODE

CODE memory_secondary
.again:
        sidt [PAGE_C]
        mov rax, [PAGE_A]
        vmcall
        rdtscp
        vmcall
        jmp .again
END_CODE
