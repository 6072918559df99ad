; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/modes.c and selftest/modes_paging.c.

%include "selftest/code.inc"

CODE_A          equ 0x100000            ; where the code stands: RIG_CODE
SELECTOR_64     equ 0x08
SELECTOR_32     equ 0x28
WINDOW_32       equ 0x00800000
HOLE_32         equ 0x00C00000
WINDOW_PAE      equ 0x40000000
SUPERVISORS     equ 0x00600000

section .rodata

bits 16
CODE real
        mov ax, cs
        mov bx, ax
        mov eax, cr0
        vmcall
        mov cx, sp
        int 0x21
        vmcall
END_CODE

bits 32
CODE protected
        mov eax, [PAGE_A]
        mov ebx, cr0
        vmcall
        ud2
END_CODE

CODE modes_window_32
        mov eax, [WINDOW_32 + PAGE_A]
        mov ebx, cr0
        vmcall
        mov eax, [HOLE_32]              ; a page fault
END_CODE

CODE modes_pae
        mov eax, [WINDOW_PAE + PAGE_A]
        vmcall
        mov ecx, cr3
        mov cr3, ecx
        mov eax, [WINDOW_PAE + PAGE_A]  ; a page fault
END_CODE

CODE modes_compatibility
        xor eax, eax
        db 0x48, 0x90                   ; DEC EAX, NOP; in 64-bit mode one NOP
        mov ebx, cs
        vmcall
        ud2
        vmcall
END_CODE

bits 64
CODE modes_user
        mov rax, [PAGE_A]
        mov ebx, cs
        mov rcx, rsp
        vmcall
        mov rax, [SUPERVISORS]          ; a page fault
        cli                             ; #GP
        vmcall
END_CODE

bits 32
; Without paging, EFER.LME set: EBX is CR4 to come, ECX is CR3.
CODE modes_five_level
.start:
        mov cr4, ebx
        mov cr3, ecx
        mov eax, cr0
        bts eax, 31
        mov cr0, eax                    ; IA-32e mode
        jmp SELECTOR_64:CODE_A + (.wide - .start)
bits 64
.wide:
        mov rdx, (1 << 48) + PAGE_A
        mov rsi, [rdx]
        mov rdi, cr4
        push SELECTOR_32
        push CODE_A + (.narrow - .start)
        retfq
bits 32
.narrow:
        mov eax, cr0
        btr eax, 31
        mov cr0, eax
        mov eax, cr4
        btr eax, 12                     ; LA57
        mov cr4, eax
        vmcall
END_CODE
