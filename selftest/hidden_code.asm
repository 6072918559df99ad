; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/hidden.c.

%include "selftest/code.inc"

section .rodata

CODE hidden_cpuid
.again:
        mov eax, esi
        xor ecx, ecx
        cpuid
        vmcall
        jmp .again
END_CODE

CODE hidden_cr4
        mov rbx, cr4
        vmcall
        lea rdi, [rel .set]
        mov rax, rbx
        or eax, 1 << 13                 ; VMXE
.set:
        mov cr4, rax
        mov rsi, cr4
        vmcall
END_CODE

CODE hidden_msr
.again:
        mov ecx, esi
        rdmsr
        wrmsr
        jmp .again
END_CODE

%macro IN_16 1+
        align 16
        %1
%endmacro

CODE hidden_instructions
        IN_16 vmclear [PAGE_A]
        IN_16 vmlaunch
        IN_16 vmptrld [PAGE_A]
        IN_16 vmptrst [PAGE_A]
        IN_16 vmread rax, rcx
        IN_16 vmread [PAGE_A], rcx
        IN_16 vmresume
        IN_16 vmwrite rcx, rax
        IN_16 vmwrite rcx, [PAGE_A]
        IN_16 vmxoff
        IN_16 vmxon [PAGE_A]
        IN_16 invept rax, [PAGE_A]
        IN_16 invvpid rax, [PAGE_A]
        IN_16 vmfunc
        IN_16 getsec
        IN_16 vmcall
        align 16
END_CODE

; RSI = a port: EBX, EDI, EBP = a byte, a word and a doubleword of it, which are then written.
CODE hidden_port
.again:
        mov edx, esi
        xor eax, eax
        in al, dx
        mov ebx, eax
        xor eax, eax
        in ax, dx
        mov edi, eax
        in eax, dx
        mov ebp, eax
        mov eax, 0x80001234
        out dx, al
        out dx, ax
        out dx, eax
        vmcall
        jmp .again
END_CODE

CODE hidden_memory
        mov rax, [rsi]
        vmcall
END_CODE

; RCX = an MSR, which becomes RSI where EDI is 1; RBX = what is read then.
CODE hidden_given_msr
.again:
        test edi, edi
        jz .read
        mov rdx, rsi
        mov eax, esi
        shr rdx, 32
        wrmsr
.read:
        rdmsr
        shl rdx, 32
        lea rbx, [rax + rdx]
        vmcall
        jmp .again
END_CODE
