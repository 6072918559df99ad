; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/debug.c.

%include "selftest/event.inc"

section .rodata

CODE shadow_sti
        sti
        vmcall
        nop
        vmcall
END_CODE

CODE shadow_mov_ss
        mov ss, eax
        vmcall
        nop
        vmcall
END_CODE

CODE debug_nops
        nop
        nop
        vmcall
END_CODE

CODE debug_cpuid
        cpuid
        nop
        vmcall
END_CODE

; RDI is where.
CODE debug_write
        mov [rdi], eax
        vmcall
END_CODE

CODE debug_dr7
        mov rax, dr7
        vmcall
END_CODE
