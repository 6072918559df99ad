; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/exceptions.c.

%include "selftest/event.inc"

section .rodata

; One exception after the other, in the order of the scenario's table.
CODE exceptions
        xor ecx, ecx
        FAULT div ecx                   ; #DE
        FAULT ud2                       ; #UD
        FAULT fninit                    ; #NM, while CR0.TS is set
        mov eax, SPARE
        FAULT mov ds, eax               ; #NP
        mov rbp, 0x800000000000
        FAULT mov rax, [rbp]            ; #SS: not canonical
        mov eax, BAD_SELECTOR
        FAULT mov ds, eax               ; #GP
        mov esi, NOT_PRESENT
        FAULT mov rax, [rsi]            ; #PF
        fninit
        mov word [PAGE_A], 0x037B       ; division by zero is not masked
        fldcw [PAGE_A]
        fld1
        fldz
        fdivp
        FAULT fwait                     ; #MF
        fnclex
        mov dword [PAGE_A], 0x1D80      ; likewise
        ldmxcsr [PAGE_A]
        xorps xmm0, xmm0
        mov eax, 0x3F800000             ; 1.0
        movd xmm1, eax
        FAULT divss xmm1, xmm0          ; #XM
        vmcall
END_CODE

; In protected mode. R9 and R10 of FAULT are here ESI and EDI.
%macro TRAP 1+
        mov esi, %%this - code_exceptions_software + 0x100000
        mov edi, %%next - code_exceptions_software + 0x100000
%%this:
        %1
%%next:
%endmacro

bits 32
CODE exceptions_software
        TRAP int3
        mov al, 0x7F
        add al, 1                       ; overflows
        TRAP into
        TRAP int1
        mov dword [PAGE_A], 1
        mov dword [PAGE_A + 4], 2
        mov eax, 5
        TRAP bound eax, [PAGE_A]
        vmcall
END_CODE

bits 64
CODE exceptions_int_n
        db 0xCD, 3                      ; INT 3, and not INT3
        db 0xCD, 1
END_CODE

CODE exceptions_length
        int3
        db 0x66
        int3
        db 0x2E, 0x66
        int1
END_CODE

CODE exceptions_alignment
        mov eax, [PAGE_A + 1]
END_CODE

CODE exceptions_page_fault
        mov esi, NOT_PRESENT
        FAULT mov rax, [rsi]
        FAULT mov [rsi], rax
        jmp code_exceptions_page_fault
END_CODE

CODE exceptions_double
        mov eax, BAD_SELECTOR
        mov ds, eax                     ; at offset 5
END_CODE
