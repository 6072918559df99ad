; SPDX-License-Identifier: BSD-2-Clause
; Starts the VM's other processors, as one does on bare metal: INIT and two start-up IPIs, through
; the interrupt command register of the local APIC. RSI = how many processors there are; their APIC
; identifiers stand at 9000H. Each counts to a thousand with the others; then the last one is
; started once more.

%include "flat.inc"

IDENTIFIERS     equ 0x9000              ; guest/processors.c: a doubleword each
OTHERS          equ 0xA000              ; where the others begin, in real-address mode
APIC_ICR_LOW    equ 0xFEE00300
APIC_ICR_HIGH   equ 0xFEE00310
INIT            equ 0x4500
STARTUP         equ 0x4600
ROUNDS          equ 1000

; DELAY n: some n turns of a loop.
%macro DELAY 1
        mov ecx, %1
%%wait: pause
        dec ecx
        jnz %%wait
%endmacro

; START: INIT and two start-up IPIs to the processor whose index is in EBX.
%macro START 0
        mov edx, [IDENTIFIERS + rbx * 4]
        shl edx, 24
        mov eax, APIC_ICR_HIGH
        mov [rax], edx
        mov eax, APIC_ICR_LOW
        mov dword [rax], INIT
        DELAY 10000                     ; bare metal wants 10 ms here, and 200 microseconds there
        mov dword [rax], STARTUP | OTHERS >> 12
        DELAY 2000
        mov dword [rax], STARTUP | OTHERS >> 12
%endmacro

; AWAIT n: until the others have come to count R13 starts, or the patience is at its end.
%macro AWAIT 0
        mov ecx, 20000000
%%wait: pause
        dec ecx
        jz late
        cmp [abs OTHERS + finished - others], r13d
        jne %%wait
%endmacro

start:
        mov r12, rsi
        mov rsi, others
        mov edi, OTHERS
        mov ecx, others_end - others
        rep movsb

        PRINT "smp: starts the other processors"
        mov ebx, 1
.next:  cmp ebx, r12d
        jae .started
        START
        inc ebx
        jmp .next
.started:
        lea r13d, [r12 - 1]
        AWAIT
        mov eax, ROUNDS
        mul r13d
        cmp [abs OTHERS + sum - others], eax
        jne wrong
        cmp r12d, 1
        je .alone
        PRINT "smp: all have come, and counted together"
        lea ebx, [r12 - 1]
        START
        inc r13d
        AWAIT
        PRINT "smp: the last one was started once more"
.done:  END 0
.alone: PRINT "smp: there is no other processor to start"
        END 0
late:   PRINT "smp: not all processors have come"
        END 1
wrong:  PRINT "smp: the others counted wrong"
        END 2

bits 16
others:                                 ; copied: data is reached by its offset
        mov ax, cs
        mov ds, ax
        mov cx, ROUNDS
.count: lock inc dword [sum - others]
        loop .count
        xor eax, eax
        cpuid                           ; an exit of its own
        lock inc dword [finished - others]
.stop:  cli
        hlt
        jmp .stop
align 4
sum:    dd 0
finished: dd 0
others_end:
