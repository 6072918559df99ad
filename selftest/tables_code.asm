; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/tables.c.

%include "selftest/code.inc"

section .rodata

CODE tables
        sgdt [rbx]
        sidt [rbx + 0x10]
        lgdt [r8 + r9 * 8 + 0x1234]
        a32 lidt [ebx]
        sldt eax
        str r9d
        lldt cx
        ltr dx
        sldt [rbx + 0x20]
        str [rbx + 0x20]
        lldt [rbx + 0x20]
        ltr [rbx + 0x20]
        vmcall
END_CODE

; LTR wants an available TSS: its type is at byte 5 of the descriptor that it is told.
CODE tables_store
        sgdt [rbx]
        sidt [rbx + 0x10]
        sldt eax
        str ecx
        vmcall
        mov rdx, [rbx + 2]
        mov byte [rdx + rcx + 5], 0x89
        ltr cx
        xor esi, esi
        lldt si
        sub word [rbx], 8
        lgdt [rbx]
        add word [rbx], 8
        sub word [rbx + 0x10], 16
        lidt [rbx + 0x10]
        add word [rbx + 0x10], 16
        vmcall
END_CODE

bits 32
CODE tables_protected
        lgdt [ebx]
        o16 lgdt [ebx]
        sidt [bx + si + 0x1234]
        str [bx + si]
        vmcall
END_CODE
