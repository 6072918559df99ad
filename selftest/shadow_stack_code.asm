; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/shadow_stack.c.

%include "selftest/code.inc"

section .rodata

CODE busy
        int 0x21
END_CODE

CODE cet_ssp
        db 0xF3, 0x48, 0x0F, 0x1E, 0xCB ; rdsspq rbx
        mov eax, 1
        db 0xF3, 0x48, 0x0F, 0xAE, 0xE8 ; incsspq rax
        vmcall
END_CODE
