; SPDX-License-Identifier: BSD-2-Clause
; The guest of selftest/spp.c.

%include "selftest/code.inc"

section .rodata

CODE spp
.again:
        mov [PAGE_A + 0x80], rdi        ; sub-page 1
        vmcall
        mov [PAGE_A + 0x100], rdi       ; sub-page 2
        vmcall
        jmp .again
END_CODE
