; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/vmcs_shadow.c: RBX is the field to be read, RCX the one to be written.

%include "selftest/code.inc"

section .rodata

CODE vmcs_shadow
.again:
        vmread rax, rbx
        pushfq
        pop rsi
        vmwrite rcx, rdx
        pushfq
        pop rdi
        vmcall
        jmp .again
END_CODE

CODE vmcs_shadow_memory
.again:
        vmread [PAGE_A + 8], rbx
        vmwrite rcx, [PAGE_A + 8]
        vmcall
        jmp .again
END_CODE
