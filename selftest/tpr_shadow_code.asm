; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/tpr_shadow.c.

%include "selftest/code.inc"

section .rodata

; RDX goes to CR8, RBX is what it was.
CODE tpr_cr8
.again:
        mov rbx, cr8
        mov cr8, rdx
        vmcall
        jmp .again
END_CODE

CODE tpr_threshold
        lea rsi, [rel .behind]
        mov cr8, rdx
        vmcall
        mov cr8, rdx
.behind:
        vmcall
END_CODE
