; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/handled.c.

%include "selftest/code.inc"

section .rodata

CODE handled_blocking
        sti
        cpuid
        mov eax, ss
        mov ss, eax
        cpuid
        vmcall
END_CODE

CODE handled_single_step
        pushfq
        or qword [rsp], 1 << 8          ; TF
        popfq
        cpuid
        nop
END_CODE

CODE handled_resume_flag
        cpuid
        vmcall
END_CODE

; RSI = what the counter becomes; RAX = what it is then.
CODE handled_tsc
        mov ecx, 0x10
        mov rdx, rsi
        mov eax, esi
        shr rdx, 32
        wrmsr
        rdtsc
        shl rdx, 32
        or rax, rdx
        vmcall
END_CODE

; CR0.NE cleared, CR4.PGE and EFER.SCE set: RBX, RSI and EDI are what they are then.
CODE handled_registers
        mov rax, cr0
        btr eax, 5                      ; NE, which VMX needs
        mov cr0, rax
        mov rbx, cr0
        mov rax, cr4
        bts eax, 7                      ; PGE
        mov cr4, rax
        mov rsi, cr4
        mov ecx, 0xC0000080
        rdmsr
        or eax, 1                       ; SCE
        wrmsr
        rdmsr
        mov edi, eax
        vmcall
END_CODE
