; SPDX-License-Identifier: BSD-2-Clause
; Accesses to ranges of memory with a policy each, which guest/policy.c sets. It checks what it sees
; of each: if that is not as it must be, it ends with a code. The last access ends it.

%include "flat.inc"

IGNORED         equ 0x180000            ; 64 bytes: writes are ignored
GP_PAGE         equ 0x181000            ; writes: #GP
PF_PAGE         equ 0x182000            ; reads and writes: #PF
WRITE_ONCE      equ 0x183000            ; 64 bytes: a handler lets them be written once
FORBIDDEN       equ 0x184000            ; 64 bytes: a write ends the VM
ABSENT          equ 0x300000            ; no memory: reads see all ones, writes are ignored
FUNCTION        equ 0x101000            ; each fetch is reported
IDT             equ 0x190000
IST_1           equ 0x192000
TSS             equ 0x8000              ; guest/flat.c
PORT_ABSENT     equ 0x500               ; reads as all ones

; R8 counts the exceptions, R9 and R10 are the last one's vector and error code; then the guest goes
; on at R15.
%macro TAKE 2                           ; vector, IST
        mov rax, take_%1
        mov [IDT + %1 * 16], ax
        mov word [IDT + %1 * 16 + 2], 8         ; the code segment
        mov word [IDT + %1 * 16 + 4], 0x8E00 | %2       ; present, an interrupt gate
        shr rax, 16
        mov [IDT + %1 * 16 + 6], ax
%endmacro
%macro HANDLER 1
take_%1:
        mov r9d, %1
        pop r10
        inc r8d
        mov [rsp], r15
        iretq
%endmacro

start:
        TAKE 6, 0
        TAKE 8, 1
        TAKE 13, 0
        TAKE 14, 0
        mov qword [TSS + 0x24], IST_1
        lidt [idtr]
        xor r8d, r8d

        PRINT "policy ignore: a store, and a string that begins in front of the range"
        mov qword [IGNORED], 0x1111
        cmp qword [IGNORED], 0
        jne failed
        mov rdi, IGNORED - 2
        mov ecx, 4
        mov eax, 0x33
        rep stosb
        cmp dword [IGNORED - 2], 0x3333         ; two of its bytes, and none in the range
        jne failed

        PRINT "policy ignore: a store half behind the range, which is done half"
        mov rax, 0x4444444444444444
        mov [IGNORED + 60], rax
        shl rax, 32
        cmp [IGNORED + 60], rax
        jne failed

        PRINT "policy ignore: INS, whose writes the hypervisor makes"
        mov rdi, IGNORED + 62
        mov edx, PORT_ABSENT
        insd                                    ; all ones: 2 bytes in the range, 2 behind it
        cmp dword [IGNORED + 62], 0xFFFF0000
        jne failed

        PRINT "policy inject-gp: a store gives #GP(0), and memory is as it was"
        mov r15, .after_gp
        mov qword [GP_PAGE], 1
        jmp failed
.after_gp:
        cmp r9d, 13
        jne failed
        test r10, r10
        jnz failed
        cmp qword [GP_PAGE], 0
        jne failed

        PRINT "policy inject-gp: an exception whose frame cannot be pushed is a double fault"
        mov r15, .after_double
        mov r14, rsp
        mov rsp, GP_PAGE + 0x800
        ud2
.after_double:
        mov rsp, r14
        cmp r9d, 8
        jne failed

        PRINT "policy inject-pf: a load gives #PF, with CR2 and an error code"
        mov r15, .after_pf
        mov rax, [PF_PAGE + 8]
        jmp failed
.after_pf:
        cmp r9d, 14
        jne failed
        cmp r10, 1                              ; present, a read, by a supervisor
        jne failed
        mov rax, cr2
        cmp rax, PF_PAGE + 8
        jne failed

        PRINT "policy inject-pf: and so does OUTS"
        mov r15, .after_outs
        mov rsi, PF_PAGE - 2
        mov edx, PORT_ABSENT
        outsd
        jmp failed
.after_outs:
        cmp r9d, 14
        jne failed
        mov rax, cr2
        cmp rax, PF_PAGE
        jne failed

        PRINT "policy call: a handler lets memory be written once"
        mov qword [WRITE_ONCE], 0x5555
        mov qword [WRITE_ONCE], 0x6666
        cmp qword [WRITE_ONCE], 0x5555
        jne failed

        PRINT "policy ignore, without memory: reads see all ones, writes go nowhere"
        mov qword [ABSENT], 0x7777
        cmp qword [ABSENT], -1
        jne failed

        PRINT "policy report: a function, whose CPUID exits by itself"
        mov ebx, FUNCTION
        call rbx

        PRINT "policy stop: a store that ends it"
        cmp r8d, 4
        jne failed
        mov qword [FORBIDDEN], 0x8888
failed:
        END 1

        HANDLER 8
        HANDLER 13
        HANDLER 14
take_6: END 2                           ; it cannot be delivered
idtr:   dw 15 * 16 - 1
        dq IDT

        times FUNCTION - 0x100000 - ($ - $$) db 0x90
function:
        xor eax, eax
        cpuid
        ret
