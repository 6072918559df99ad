; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/instructions.c and selftest/unconditional.c.

%include "selftest/code.inc"

section .rodata

REPEATED hlt, hlt
REPEATED invlpg, invlpg [fs:rbx + rsi * 4 - 16]
REPEATED rdpmc, rdpmc
REPEATED pause, pause

CODE wbinvd
        wbinvd
        db 0xF3, 0x0F, 0x09             ; wbnoinvd
        vmcall
        jmp code_wbinvd
END_CODE

REPEATED monitor, monitor
REPEATED mwait, mwait

CODE mwait_armed
.again:
        mov eax, PAGE_A
        monitor
        xor eax, eax
        mwait
        vmcall
        jmp .again
END_CODE

REPEATED rdrand_16, rdrand dx

CODE rdrand
.again:
        rdrand esi
        rdrand r11
        vmcall
        jmp .again
END_CODE

REPEATED rdseed_16, rdseed dx

CODE rdseed
.again:
        rdseed esi
        rdseed r11
        vmcall
        jmp .again
END_CODE

REPEATED cpuid, cpuid
REPEATED invd, invd
REPEATED getsec, getsec
REPEATED xsetbv, xsetbv

CODE user
        cpuid
        vmcall
        vmxoff
        vmlaunch
        vmresume
        vmread rbx, rdx
        vmwrite rbx, rdx
        vmcall
END_CODE

; What selftest/unconditional.c has a table of: each is a fault at CPL 3.
CODE privileged
        hlt
        invlpg [rbx]
        rdpmc
        rdtsc
        mov cr3, rbx
        mov rbx, cr3
        mov cr8, rbx
        mov rbx, cr8
        in al, 0x80
        out dx, al
        rdmsr
        wrmsr
        invd
        wbinvd
        lgdt [rbx]
        lidt [rbx]
        lldt bx
        ltr bx
        monitor
        mwait
        vmcall
END_CODE
