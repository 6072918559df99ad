; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/posted.c.

%include "selftest/code.inc"

section .rodata

CODE posted_nop
        nop
        nop
        vmcall
END_CODE

CODE posted_cli
        cli
        nop
        vmcall
END_CODE

; The processor's local APIC is at BEYOND.
CODE posted_send
        mov [BEYOND + 0x300], eax
.wait:
        pause
        jmp .wait
END_CODE

; The APIC-access page is at PAGE_A. IPIs with vector 61H to the virtual processors 1, 1 and 2; RSI
; is where the last one begins.
CODE posted_ipi
        lea rsi, [rel .beyond]
        lea rdi, [rel .behind]
        mov dword [PAGE_A + 0x310], 1 << 24
        mov dword [PAGE_A + 0x300], 0x4061
        vmcall
        mov dword [PAGE_A + 0x300], 0x4061
.wait:
        pause
        jmp .wait
.beyond:
        mov dword [PAGE_A + 0x310], 2 << 24
        mov dword [PAGE_A + 0x300], 0x4061
.behind:
        vmcall
END_CODE
