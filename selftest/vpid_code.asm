; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/vpid.c and selftest/invept.c.

%include "selftest/code.inc"

WINDOW          equ 0x600000
WINDOW_GLOBAL   equ 0x800000

section .rodata

CODE vpid_windows
.again:
        mov rax, [WINDOW + PAGE_A]
        mov rbx, [WINDOW_GLOBAL + PAGE_A]
        vmcall
        jmp .again
END_CODE

CODE vpid_none                          ; only the hypervisor does something
END_CODE

CODE vpid_page
.again:
        mov rax, [PAGE_A]
        vmcall
        jmp .again
END_CODE
