; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/apic_access.c. The APIC-access page is at PAGE_A.

%include "selftest/code.inc"

section .rodata

CODE apic_access
        mov eax, [PAGE_A + 0x20]        ; of 7 bytes
        mov [PAGE_A + 0x31], bl
        vmcall
END_CODE

; RSI is where the next exit comes, RDI where it goes on.
CODE apic_tpr
        mov eax, [PAGE_A + 0x80]
        mov dword [PAGE_A + 0x80], 0xFFFFFF54
        vmcall
        lea rsi, [rel .below]
        lea rdi, [rel .eoi]
        mov byte [PAGE_A + 0x80], 0x4F
.below: mov rax, [PAGE_A + 0x80]
.eoi:   mov dword [PAGE_A + 0xB0], 1
        vmcall
END_CODE

CODE apic_fetch
        mov eax, PAGE_A + 0x40
        jmp rax
END_CODE

CODE apic_event
        ud2
END_CODE

CODE apic_interrupt
        int 0x44
END_CODE
