; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/msr_areas.c.

%include "selftest/code.inc"

section .rodata

CODE msr_area
.again:
        EXCHANGE r8, 0xC0000081, 0      ; IA32_STAR
        EXCHANGE r9, 0xC0000082, 1      ; IA32_LSTAR
        EXCHANGE r10, 0xC0000083, 2     ; IA32_CSTAR
        EXCHANGE r11, 0xC0000102, 3     ; IA32_KERNEL_GS_BASE
        vmcall
        jmp .again
END_CODE
