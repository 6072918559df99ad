; SPDX-License-Identifier: BSD-2-Clause
; What an exit costs as the guest sees it: TSC ticks from a CPUID to the next instruction, the least
; of 64. Run it with trace=ring: printing each exit would be measured too.

%include "flat.inc"

ROUNDS  equ 64

        mov r13d, -1                    ; the least so far: of nothing between two RDTSC,
        mov r12d, ROUNDS
.empty: call read_tsc
        mov r15, rax
        call read_tsc
        sub rax, r15
        cmp rax, r13
        cmovb r13, rax
        dec r12d
        jnz .empty

        mov r14d, -1                    ; and of a CPUID between them
        mov r12d, ROUNDS
.cpuid: call read_tsc
        mov r15, rax
        xor eax, eax
        xor ecx, ecx
        cpuid
        call read_tsc
        sub rax, r15
        sub rax, 2                      ; the two XOR
        cmp rax, r14
        cmovb r14, rax
        dec r12d
        jnz .cpuid

        mov rax, r14
        sub rax, r13
        mov rdi, number_end             ; decimal digits, from the last
        mov ecx, 10
.digit: xor edx, edx
        div rcx
        add dl, '0'
        dec rdi
        mov [rdi], dl
        test rax, rax
        jnz .digit

        mov rsi, text
        mov ecx, text_end - text
        mov edx, PORT_TEXT
        rep outsb
        mov rsi, rdi
        mov rcx, unit_end
        sub rcx, rdi
        rep outsb
        hlt

; RAX = TSC. Changes RDX.
read_tsc:
        rdtsc
        shl rdx, 32
        or rax, rdx
        ret

text:       db "cost: CPUID round trip in TSC ticks: "
text_end:
number:     times 20 db ' '
number_end: db 10
unit_end:
