; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/vectoring.c.

%include "selftest/event.inc"

section .rodata

CODE vectoring_gp
        mov eax, BAD_SELECTOR
        mov ds, eax                     ; at offset 5
        vmcall
END_CODE

CODE vectoring_pf
        mov eax, NOT_PRESENT
        mov [rax], eax                  ; at offset 5
END_CODE

CODE vectoring_int
        int 0x81
END_CODE

CODE vectoring_int3
        int3
END_CODE

CODE vectoring_int1
        int1
END_CODE

CODE vectoring_ud2
        ud2
END_CODE
