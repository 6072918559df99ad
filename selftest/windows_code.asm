; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/windows.c and selftest/timer.c.

%include "selftest/event.inc"

section .rodata

CODE window_sti
        vmcall                          ; interrupts are off: no window
        lea rbx, [rel .window]
        sti
        nop                             ; in the shadow of STI
.window:
        vmcall
END_CODE

CODE window_next
        nop
        vmcall
END_CODE

CODE window_hlt
        lea rbx, [rel .window]
        sti
        hlt                             ; in the shadow of STI
.window:
        vmcall
END_CODE

CODE window_iret
        vmcall                          ; NMIs are blocked: no window
        IRET_TO .window
.window:
        vmcall
END_CODE

; RCX turns, which is more than the timer lets it do.
CODE timer_turns
        dec rcx
        jnz code_timer_turns
        vmcall
END_CODE

; RSI ticks of the TSC: RBX is what it was at the start, RCX at the end.
CODE timer_ticks
        rdtsc
        shl rdx, 32
        lea rbx, [rax + rdx]
.again:
        rdtsc
        shl rdx, 32
        lea rcx, [rax + rdx]
        mov rax, rcx
        sub rax, rbx
        cmp rax, rsi
        jb .again
        vmcall
        jmp code_timer_ticks
END_CODE
