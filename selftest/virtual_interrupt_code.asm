; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/virtual_interrupt.c: RBX counts instructions. The APIC-access page is at
; PAGE_A; RSI and RDI are where something is to come.

%include "selftest/code.inc"

section .rodata

CODE virtual_step
        inc ebx
        vmcall
        inc ebx
        vmcall
END_CODE

CODE virtual_sti
        sti                             ; of 1 byte
        inc ebx
        inc ebx
        vmcall
END_CODE

CODE virtual_halt
        lea rsi, [rel .behind]
        sti
        hlt
.behind:
        vmcall
END_CODE

CODE virtual_cr8
        lea rsi, [rel .behind]
        vmcall
        mov cr8, rdx
.behind:
        vmcall
END_CODE

CODE virtual_eoi
        lea rsi, [rel .first]
        lea rdi, [rel .second]
        vmcall
        mov dword [PAGE_A + 0xB0], 0
.first:
        mov dword [PAGE_A + 0xB0], 0
.second:
        vmcall
END_CODE

CODE virtual_self
        lea rsi, [rel .delivered]
        lea rdi, [rel .too_low]
        mov dword [PAGE_A + 0x300], 0x40061
        vmcall
        mov dword [PAGE_A + 0x300], 0x44083     ; asserted, as software writes it
.delivered:
        mov dword [PAGE_A + 0x300], 0x4000F
.too_low:
        vmcall
END_CODE
