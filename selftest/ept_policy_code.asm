; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/ept_policy.c.

%include "selftest/code.inc"

section .rodata

TSS             equ 0x8000              ; guest/flat.c

; Its own IDT at PAGE_C. Each exception comes to HANDLER's code: R8 counts them, R9 is the vector,
; R10 the error code, R11 the instruction's RIP, R12 CR2; the guest goes on at R15, on its old
; stack.
%macro TAKE 2                           ; vector, IST
        lea rax, [rel .take_%1]
        mov [PAGE_C + %1 * 16], ax
        mov word [PAGE_C + %1 * 16 + 2], 8      ; the code segment
        mov word [PAGE_C + %1 * 16 + 4], 0x8E00 | %2    ; present, an interrupt gate
        shr rax, 16
        mov [PAGE_C + %1 * 16 + 6], ax
%endmacro
%macro LOAD_IDT 0
        lea rax, [rel .idtr]
        lidt [rax]
        mov r14, rsp
        xor r8d, r8d
%endmacro
%macro HANDLER 2                        ; vector, bytes of an error code
.take_%1:
        mov r9d, %1
        %if %2 != 0
        pop r10
        %endif
        pop r11
        jmp .taken
%endmacro
%macro HANDLERS 0
.taken: inc r8d
        mov r12, cr2
        mov rsp, r14
        jmp r15
.idtr:
        dw 15 * 16 - 1
        dq PAGE_C
%endmacro

; "write of … by …": where the forbidden one stands, the scenario finds in R13.
CODE ept_policy_stop
        mov rbx, [PAGE_B]               ; reads are allowed
        mov qword [PAGE_B + 0x100], 1   ; and what is beside the 8 bytes
        lea r13, [rel .forbidden]
        mov rax, 0x8888888888888888
.forbidden:
        mov [PAGE_B - 4], rax           ; from one page into the other
        vmcall
END_CODE

; 24 bytes from PAGE_B - 8 on are kept.
CODE ept_policy_ignore
        mov r15, rsp
        mov qword [PAGE_B], 0x11        ; 1
        mov rax, [PAGE_B]               ; what stood there
        mov ebx, 1
        lock xadd [PAGE_B], rbx         ; 2: it too gives what stood there
        mov rcx, 0x2222222222222222
        mov [PAGE_B - 4], rcx           ; 3 and 4: across the two pages
        mov [PAGE_B + 12], rcx          ; 5: 4 bytes within, 4 behind
        mov [PAGE_B - 12], rcx          ; begins before them: 4 bytes are written, 4 are kept
        mov edi, PAGE_B - 24
        mov ecx, 48
        mov al, 0x33
        rep stosb                       ; 24 of them ignored, 16 before them and 8 behind not
        mov esi, PAGE_B
        mov edi, PAGE_B + 0x100
        movsq                           ; from the kept bytes, which are real, to the same page
        mov esi, PAGE_B + 0x200
        mov edi, PAGE_B - 4
        movsq                           ; into them, across the two pages
        mov rsp, PAGE_B + 8
        push rsi                        ; ignored; so what is popped is what stood there
        pop rdx
        mov rsp, r15
        mov rsi, [PAGE_B]
        vmcall
END_CODE

CODE ept_policy_inject
        TAKE 6, 0
        TAKE 8, 1
        TAKE 13, 0
        TAKE 14, 0
        mov qword [TSS + 0x24], PAGE_A + 0x1000 ; IST 1
        LOAD_IDT

        lea r15, [rel .after_write]
        lea r13, [rel .write]
.write: mov qword [PAGE_B], 1           ; #GP(0)
.after_write:
        vmcall

        lea r15, [rel .after_crossing]
        lea r13, [rel .crossing]
        mov rax, 0x4444444444444444
.crossing:
        mov [PAGE_B - 4], rax           ; #GP(0): nothing of it is done
.after_crossing:
        vmcall

        lea r15, [rel .after_fault]
        lea r13, [rel .fault]
.fault: mov qword [CODE_B + 8], 1       ; #PF
.after_fault:
        vmcall

        lea r15, [rel .after_string]
        lea r13, [rel .string]
        mov esi, CODE_B - 4
        mov edi, MANY
        mov ecx, 8
.string:
        rep movsb                       ; #PF at the fifth byte
.after_string:
        vmcall

        lea r15, [rel .after_double]
        lea r13, [rel .double]
        mov esp, PAGE_B + 0x800
.double:
        ud2                             ; cannot be pushed: #GP(0), which cannot be either: #DF
.after_double:
        vmcall

        HANDLER 6, 0
        HANDLER 8, 8
        HANDLER 13, 8
        HANDLER 14, 8
        HANDLERS
END_CODE

; Four writes of which the handler makes four things, and a fifth that ends it.
CODE ept_policy_handler
        TAKE 6, 0
        TAKE 13, 0
        LOAD_IDT
        mov byte [PAGE_B], 1            ; let through
        mov byte [PAGE_B + 1], 2        ; ignored
        lea r15, [rel .after_inject]
        mov byte [PAGE_B + 2], 3        ; #GP(0)
.after_inject:
        mov ebx, r9d
        lea r15, [rel .after_own]
        mov byte [PAGE_B + 3], 4        ; the handler's own #UD
.after_own:
        mov edx, r9d
        mov byte [PAGE_B + 4], 5        ; the end
        vmcall
        HANDLER 6, 0
        HANDLER 13, 8
        HANDLERS
END_CODE

; Behind the memory: two pages where writes are ignored, one where accesses are refused.
CODE ept_policy_hole
        TAKE 13, 0
        LOAD_IDT
        mov rax, [BEYOND + 8]           ; all ones
        mov qword [BEYOND + 8], 1       ; goes nowhere
        mov rbx, [BEYOND + 8]
        mov edi, BEYOND + 0x1000 - 2
        mov ecx, 4
        rep stosb                       ; into the second page
        mov rdx, [BEYOND + 0x1000 - 4]  ; from both
        mov rcx, [BEYOND - 4]           ; from memory into the first
        lea r15, [rel .after_inject]
        mov [BEYOND + 0x2000], al
.after_inject:
        vmcall
        mov [BEYOND + 0x3000], al       ; nobody's
        HANDLER 13, 8
        HANDLERS
END_CODE
