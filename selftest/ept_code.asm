; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/ept_*.c.

%include "selftest/code.inc"

section .rodata

CODE ept_hole
        mov rax, [BEYOND + 8]
END_CODE

CODE ept_rights
        mov rax, [PAGE_A]               ; allowed
        mov qword [PAGE_A + 16], 1      ; a violation; then allowed
        mov rbx, [PAGE_A + 16]
        vmcall
        mov eax, PAGE_A
        call rax                        ; a fetch that is not allowed
END_CODE

CODE ept_misconfiguration
        mov rax, [PAGE_A + 24]
END_CODE

CODE ept_execute_only
        mov eax, CODE_B
        call rax                        ; runs: RBX = 1234H
        vmcall
        mov rcx, [CODE_B]               ; cannot be read
END_CODE

CODE ept_touch
        mov rax, [PAGE_A]
        mov qword [PAGE_B], 1
        vmcall
        mov rax, [PAGE_C]
        vmcall
END_CODE

; RCX pages from MANY on are written, then it says so.
CODE ept_many
        mov edi, MANY
.page:
        mov qword [rdi], 1
        add edi, 0x1000
        dec ecx
        jnz .page
        vmcall
END_CODE

CODE ept_pages
        mov rax, [PAGE_A]
        vmcall
END_CODE
