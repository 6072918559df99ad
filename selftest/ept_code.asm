; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/ept_*.c.

%include "selftest/code.inc"

DISTANT         equ 0x320000            ; selftest/ept_formats.c

section .rodata

CODE ept_hole
        mov rax, [BEYOND + 8]
END_CODE

CODE ept_rights
        mov rax, [PAGE_A]               ; allowed
        mov qword [PAGE_A + 16], 1      ; a violation; then allowed
        mov rbx, [PAGE_A + 16]
        vmcall
        mov eax, PAGE_A
        call rax                        ; a fetch that is not allowed
END_CODE

CODE ept_misconfiguration
        mov rax, [PAGE_A + 24]
END_CODE

CODE ept_execute_only
        mov eax, CODE_B
        call rax                        ; runs: RBX = 1234H
        vmcall
        mov rcx, [CODE_B]               ; cannot be read
END_CODE

CODE ept_mode_based
.again:
        mov eax, CODE_B
        call rax                        ; RBX = 1234H
        vmcall
        jmp .again
END_CODE

CODE ept_touch
        mov rax, [PAGE_A]
        mov qword [PAGE_B], 1
        vmcall
        mov rax, [PAGE_C]
        vmcall
END_CODE

; RCX pages from MANY on are written, then it says so.
CODE ept_many
        mov edi, MANY
.page:
        mov qword [rdi], 1
        add edi, 0x1000
        dec ecx
        jnz .page
        vmcall
END_CODE

CODE ept_count
.again:
        inc qword [PAGE_A]
        vmcall
        jmp .again
END_CODE

; Reads the quadword at RDI, then writes RAX + 1 there.
CODE ept_table_accesses
        mov rax, [rdi]
        vmcall
        inc rax
        mov [rdi], rax
        vmcall
END_CODE

; What the scenario says, over and over: RCX = 0, read at RDI; 1, write RAX there; 2, call it.
CODE ept_linear
.again:
        vmcall
        cmp ecx, 1
        je .write
        ja .call
        mov rax, [rdi]
        jmp .again
.write:
        mov [rdi], rax
        jmp .again
.call:
        call rdi
        jmp .again
END_CODE

CODE ept_pages
        mov rax, [PAGE_A]
        vmcall
END_CODE

; RSI = seed, RCX = how many: writes to pages of MANY, of which the seed chooses.
CODE ept_random
.write:
        imul rsi, rsi, 1103515245
        add rsi, 12345
        mov rax, rsi
        shr rax, 16
        and eax, 0x7F                   ; one of 128 pages
        shl eax, 12
        mov byte [rax + MANY], 1
        dec ecx
        jnz .write
        vmcall
END_CODE

; Its own IDT at PAGE_C, with a handler of exception 20, which looks into the information area at
; PAGE_B: RBX, RDX, RSI, RDI say what stood there. Then the access is tried again.
CODE ept_ve
        lea rax, [rel .handler]
        mov [PAGE_C + 20 * 16], ax
        mov word [PAGE_C + 20 * 16 + 2], 8      ; the code segment
        mov word [PAGE_C + 20 * 16 + 4], 0x8E00 ; present, an interrupt gate
        shr rax, 16
        mov [PAGE_C + 20 * 16 + 6], ax
        lea rax, [rel .idtr]
        lidt [rax]
        xor r8d, r8d
        mov rax, [PAGE_A + 8]           ; #VE, then 1234H
        vmcall
        mov rax, [PAGE_A + 16]          ; with #VE suppressed: a VM exit
        vmcall
.handler:
        inc r8d
        mov ebx, [PAGE_B]               ; reason
        mov edx, [PAGE_B + 4]           ; busy
        mov rsi, [PAGE_B + 8]           ; qualification
        mov rdi, [PAGE_B + 24]          ; guest-physical address
        mov dword [PAGE_B + 4], 0
        vmcall
        iretq
.idtr:
        dw 21 * 16 - 1
        dq PAGE_C
END_CODE

CODE ept_vmfunc
        mov rbx, [PAGE_A]               ; by EPT 0
        xor eax, eax
        mov ecx, 1
        vmfunc
        mov rdx, [PAGE_A]               ; by EPT 1
        xor eax, eax
        xor ecx, ecx
        vmfunc
        mov rsi, [PAGE_A]               ; by EPT 0 again
        vmcall
        xor eax, eax
        mov ecx, 2                      ; nothing stands there
        vmfunc
        xor eax, eax
        mov ecx, 512                    ; beyond the list
        vmfunc
        mov eax, 1                      ; no such function
        xor ecx, ecx
        vmfunc
        vmcall
END_CODE

CODE ept_vmfunc_loop
.again:
        vmfunc
        vmcall
        jmp .again
END_CODE

; Accesses to PAGE_A and PAGE_B, of which the scenario watches the first 8 bytes of PAGE_B.
CODE ept_watch
        mov qword [PAGE_B], 0x11        ; 1
        mov rax, [PAGE_B]               ; 2
        add qword [PAGE_B], 1           ; 3: read and written
        mov qword [PAGE_B + 0x100], 1   ; beside the watched bytes
        mov edi, PAGE_B - 2
        mov ecx, 4
        mov al, 0x77
        rep stosb                       ; 4 and 5: two of its four bytes
        mov rax, 0x8888888888888888
        mov [PAGE_B - 4], rax           ; 6: across the two pages
        mov rbx, [PAGE_B]               ; 7
        vmcall
END_CODE

; Calls CODE_B twice, after a look at its first byte.
CODE ept_breakpoint
        movzx edx, byte [CODE_B]
        mov ecx, CODE_B
        call rcx
        call rcx
        mov byte [CODE_B + 1], 0x99     ; it rewrites its own code
        call rcx
        vmcall
END_CODE

CODE ept_far
.again:
        mov rax, [DISTANT]
        vmcall
        jmp .again
END_CODE

; The last 8 bytes of the 2 MiB, too.
CODE ept_far_write
        mov rax, [DISTANT]
        inc qword [DISTANT]
        mov rbx, [DISTANT]
        mov [0x400000 - 8], rbx
        vmcall
        mov [DISTANT], rax                  ; refused
END_CODE
