; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/guest_state.c.

%include "selftest/code.inc"

section .rodata

SPARE           equ 0x40                ; RIG_SPARE

CODE segments
        mov eax, SPARE
        mov fs, eax
        mov eax, SPARE + 8
        mov gs, eax
        mov eax, SPARE + 16
        lldt ax
        xor eax, eax
        mov es, eax
        vmcall
END_CODE

CODE segments_loaded
        xor eax, eax
        xor edx, edx
        xor esi, esi
        mov ax, fs
        mov rbx, [fs:0]
        mov rcx, [gs:0]
        sldt dx
        str si
        mov edi, 4                      ; the first of the local table
        mov es, edi
        vmcall
        mov edi, 12                     ; the second: there is none
        mov es, edi
END_CODE

CODE state_tables
        sgdt [PAGE_A]
        sidt [PAGE_A + 10]
        lgdt [PAGE_B]
        lidt [PAGE_B + 10]
        vmcall
END_CODE

CODE cr3
        mov rbx, cr3
        mov cr3, rsi
        vmcall
END_CODE

CODE rflags
        pushfq
        pop rbx
        push rsi
        popfq
        vmcall
END_CODE

CODE sysenter
        EXCHANGE r8, 0x174, 0           ; IA32_SYSENTER_CS
        EXCHANGE r9, 0x175, 1           ; IA32_SYSENTER_ESP
        EXCHANGE r10, 0x176, 2          ; IA32_SYSENTER_EIP
        vmcall
END_CODE

CODE bases
        EXCHANGE r8, 0xC0000100, 0      ; IA32_FS_BASE
        EXCHANGE r9, 0xC0000101, 1      ; IA32_GS_BASE
        vmcall
END_CODE

CODE untouched
        mov r8, cr2
        mov r9, dr0
        mov r10, dr3
        mov cr2, rsi
        mov dr0, rsi
        mov dr3, rsi
        vmcall
END_CODE

bits 32
CODE limits
        mov ebx, [fs:0xFFC]
        vmcall
        mov ebx, [fs:0xFFD]             ; its last byte is beyond
END_CODE
