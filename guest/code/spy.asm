; SPDX-License-Identifier: BSD-2-Clause
; Tries to reach what is not its own: every page of guest-physical memory behind its own, up to 512
; MiB, and beyond that to 4 GiB one of each 2 MiB, by a read and a write; and every processor, by
; INIT, start-up IPI and NMI through the interrupt command register. RDI = memory size. Each access
; must be a page fault, which Lintel makes of the EPT violation; each command must reach nobody.

%include "flat.inc"

IDT             equ 0x9000
APIC            equ 0xFEE00000
APIC_ICR_LOW    equ APIC + 0x300
APIC_ICR_HIGH   equ APIC + 0x310
GIB             equ 0x40000000

; COMMAND n: to the interrupt command register. Alone, there is none: a fault that is skipped.
%macro COMMAND 1
        mov r8d, APIC_ICR_LOW
        mov r9d, %1
        mov [r8], r9d
%endmacro

start:
        mov r15, rdi
        lea rax, [rel fault]
        mov [IDT + 14 * 16], ax
        mov word [IDT + 14 * 16 + 2], 8         ; the code segment
        mov word [IDT + 14 * 16 + 4], 0x8E00    ; present, an interrupt gate
        shr rax, 16
        mov [IDT + 14 * 16 + 6], ax
        lidt [rel idtr]

        PRINT "spy: reads and writes what lies behind its memory"
        xor r12d, r12d                  ; accesses
        xor r13d, r13d                  ; faults
        mov rbx, r15
.page:  call try
        add rbx, 0x1000
        cmp rbx, GIB / 2
        jb .page
.far:   call try
        add rbx, 0x200000
        mov rax, 4 * GIB
        cmp rbx, rax
        jb .far
        cmp r12, r13
        jne reached

        PRINT "spy: sends INIT, start-up IPI and NMI to everybody else"
        mov ebx, 1
.next:  mov edx, ebx
        shl edx, 24
        mov r10d, edx
        mov r8d, APIC_ICR_HIGH
        mov [r8], r10d
        COMMAND 0x4500
        COMMAND 0x460A
        COMMAND 0x4400
        inc ebx
        cmp ebx, 255                    ; that would mean oneself too
        jb .next
        COMMAND 0xC4500                 ; all excluding self
        COMMAND 0xC460A
        COMMAND 0xC4400
        PRINT "spy: nobody was reached"
        END 0
reached:
        PRINT "spy: reached what is not its own"
        END 1

; One read and one write at RBX, but not where the local APIC would be.
try:
        mov rax, rbx
        and rax, ~0x1FFFFF
        mov ecx, APIC
        cmp rax, rcx
        je .end
        inc r12
        mov rax, [rbx]
        inc r12
        mov [rbx], rbx
.end:   ret

; The access is skipped: both are instructions of three bytes.
fault:
        inc r13
        add rsp, 8                      ; the error code
        add qword [rsp], 3
        iretq

idtr:   dw 15 * 16 - 1
        dq IDT
