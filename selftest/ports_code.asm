; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/ports.c.

%include "selftest/code.inc"

section .rodata

; The second time, port 80H alone.
CODE io
        in al, 0x80
        in ax, 0xEC
        in eax, 0xEC
        out 0x80, al
        out 0xEC, ax
        out 0xEC, eax
        in al, dx
        in ax, dx
        in eax, dx
        out dx, al
        out dx, ax
        out dx, eax
        out dx, al
.again:
        vmcall
        in al, 0x80
        jmp .again
END_CODE

; The high half of RDI is nothing to addresses of 32 bits.
CODE io_string
        insb
        insw
        rep insd
        mov rax, 1 << 36
        or rdi, rax
        a32 rep insb
        outsb
        rep outsw
        fs outsd
        a32 outsd
        vmcall
END_CODE

; The ports that are read, and how wide, are told by selftest/ports.c.
CODE io_bitmap
        in al, 0x80
        in al, 0xED
        in al, 0xEE
        in ax, 0xED
        in eax, 0xEB
        mov edx, 0x7FFF
        in al, dx
        mov edx, 0x8000
        in al, dx
        mov edx, 0x7FFE
        in al, dx
        in ax, dx
        mov edx, 0xFFFF
        in al, dx
        in ax, dx
        mov edx, 0xFFFD
        in eax, dx
        out 0x80, al                    ; where nothing listens but a POST display
        out 0xEE, al
        mov edx, 0x7FFF
        mov esi, PAGE_A
        outsb
        vmcall
        in al, 0xEE
        mov edx, 0x7FFF
        in al, dx
.again:
        vmcall
        in al, 0x80
        jmp .again
END_CODE

; RSI: whether ECX is written.
CODE msr_bitmap
        test esi, esi
        jnz .write
        rdmsr
        vmcall
        jmp code_msr_bitmap
.write:
        wrmsr
        vmcall
        jmp code_msr_bitmap
END_CODE

bits 16
CODE io_real
        insb
        rep outsw
        es outsb
END_CODE
