; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/host_state_seen.c: what they leave behind, but the flags.

%include "selftest/code.inc"

section .rodata

SPARE           equ 0x40                ; RIG_SPARE
GDT             equ 0x7000              ; RIG_GDT

CODE disorder
        mov rax, 0x000082122000007F     ; a local table at PAGE_C
        mov [GDT + SPARE], rax
        mov eax, SPARE
        lldt ax
        mov eax, 0
        mov ds, eax
        mov es, eax
        mov eax, 0x10
        mov fs, eax
        mov gs, eax
        mov rax, cr0
        bts rax, 3                      ; TS
        mov cr0, rax
        mov rax, cr4
        bts rax, 3                      ; DE
        mov cr4, rax
        lea rax, [rel .table]
        lgdt [rax]
        lidt [rax]
        vmcall
.table:
        dw 0x123
        dq 0x4567890
END_CODE

CODE registers_left
        mov eax, 0x1000
        mov dr0, rax
        mov eax, 0x1111
        mov dr1, rax
        mov eax, 0x2222
        mov dr2, rax
        mov cr2, rax
        mov eax, 0x3333
        mov dr3, rax
        mov rax, dr6
        or eax, 0xE000                  ; BD, BS, BT
        mov dr6, rax
        mov eax, 4
        mov cr8, rax
        vmcall
END_CODE
