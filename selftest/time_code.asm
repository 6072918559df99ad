; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/time.c and selftest/pause.c.

%include "selftest/code.inc"

section .rodata

REPEATED rdtscp, rdtscp

; ESI: whether there is RDTSCP.
CODE rdtsc
        rdtsc
        vmcall
        test esi, esi
        jz code_rdtsc
        rdtscp
        vmcall
        jmp code_rdtsc
END_CODE

; The same; ECX = IA32_TIME_STAMP_COUNTER.
CODE read_tsc
        rdtsc
        vmcall
        rdmsr
        vmcall
        test esi, esi
        jz code_read_tsc
        mov edi, ecx
        rdtscp
        mov ecx, edi
        vmcall
        jmp code_read_tsc
END_CODE

; RCX times PAUSE.
CODE pause_loop
        pause
        dec rcx
        jnz code_pause_loop
        vmcall
        jmp code_pause_loop
END_CODE

; The same, with more than RSI ticks before each.
CODE pause_slowly
.begin:
        mov rdi, rcx
.again:
        rdtsc
        mov ebx, eax
.wait:
        rdtsc
        sub eax, ebx
        cmp eax, esi
        jbe .wait
        pause
        dec rdi
        jnz .again
        vmcall
        jmp .begin
END_CODE

CODE user_wait
        db 0xF3, 0x0F, 0xAE, 0xF3       ; umonitor rbx
        db 0x66, 0x0F, 0xAE, 0xF7       ; tpause edi
        db 0xF2, 0x0F, 0xAE, 0xF6       ; umwait esi
        vmcall
        jmp code_user_wait
END_CODE
