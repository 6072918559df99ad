; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/interrupts.c: RBX counts instructions.

%include "selftest/code.inc"

section .rodata

CODE interrupt_step
        inc ebx
        inc ebx
        vmcall
END_CODE

CODE interrupt_sti
        vmcall
        sti
        inc ebx
        inc ebx
        vmcall
END_CODE

CODE interrupt_cli
        cli                             ; of 1 byte
        inc ebx
        inc ebx
        vmcall
END_CODE

CODE interrupt_halt
        hlt                             ; of 1 byte
        vmcall
END_CODE

CODE interrupt_cr8
        lea rsi, [rel .behind]
        mov rbx, cr8
        vmcall
        mov cr8, rdx
.behind:
        vmcall
END_CODE
