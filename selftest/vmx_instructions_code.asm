; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/vmx_instructions.c.

%include "selftest/code.inc"

section .rodata

CODE vmx_plain
        vmcall
        vmlaunch
        vmresume
        vmxoff
        vmcall
END_CODE

CODE vmx_memory
.begin:
        vmclear [rbx]
        vmptrld [rbx + rsi * 4 + 0x1234]
        vmptrst [gs:r13 + r12 * 8 - 8]
        vmxon [fs:edi * 4 + 0x1234]
        vmclear [rsp + 0x10]
        vmptrld [PAGE_A]
        vmptrst [rel .begin]
        vmcall
END_CODE

CODE vmx_read
        vmread rdx, rbx
        vmread r9, rsi
        vmread [r10 + rcx * 8 + 0x1234], r15
        vmwrite rbx, rdx
        vmwrite r9, rsi
        vmwrite rbp, [r10 + rcx * 8 + 0x1234]
        vmcall
END_CODE

CODE vmx_invalidate
        invept rcx, [rbx]
        invvpid rcx, [rbx]
        invept r11, [rax + r14 * 2 + 0x40]
        invvpid r11, [rax + r14 * 2 + 0x40]
        vmcall
END_CODE
