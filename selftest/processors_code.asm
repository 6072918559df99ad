; SPDX-License-Identifier: BSD-2-Clause
; The guest of selftest/processors.c.

%include "selftest/code.inc"

section .rodata

CODE processors_loop
.again: pause
        jmp .again
END_CODE

CODE processors_read
.again: mov rax, [PAGE_A]
        mov [PAGE_C], rax
        jmp .again
END_CODE
