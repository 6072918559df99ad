; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/apic_register.c. The APIC-access page is at PAGE_A.

%include "selftest/code.inc"

section .rodata

CODE apic_reads
        mov eax, [rbx + PAGE_A]
        vmcall
END_CODE

; RSI is where the exit behind the write comes.
CODE apic_writes
        lea rsi, [rel .behind]
        mov [rbx + PAGE_A], eax
.behind:
        vmcall
END_CODE

CODE apic_delivery_reads
        mov eax, [PAGE_A + 0xB0]
        mov ebx, [PAGE_A + 0x300]
        vmcall
END_CODE

CODE apic_delivery_writes
        lea rsi, [rel .behind]
        mov dword [PAGE_A + 0xB0], 5
        vmcall
        mov dword [PAGE_A + 0x300], 0x000C0061  ; to all but itself
.behind:
        mov dword [PAGE_A + 0x310], 0
END_CODE
