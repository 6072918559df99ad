; SPDX-License-Identifier: BSD-2-Clause
; Writes to a page that is watched, by a plain store, a read-modify-write, a string and a store that
; begins on the page before; and calls a function on which a hidden breakpoint stands, whose bytes
; it reads too. It checks that all went as without a watcher, else it ends with a code.

%include "flat.inc"

WATCHED         equ 0x180000            ; builtin.c: the first 64 bytes are watched for writes
FUNCTION        equ 0x101000            ; and a breakpoint stands here

start:
        PRINT "watch: a store, an increment"
        mov qword [WATCHED], 0x1111
        inc qword [WATCHED]
        cmp qword [WATCHED], 0x1112
        jne failed

        PRINT "watch: a store beside the watched bytes is not told"
        mov qword [WATCHED + 0x800], 1

        PRINT "watch: a string of three, one exit each"
        mov rdi, WATCHED + 16
        mov ecx, 3
        mov eax, 0x33
        rep stosb
        cmp dword [WATCHED + 16], 0x333333
        jne failed

        PRINT "watch: a store that begins on the page before"
        mov rax, 0x4444444444444444
        mov [WATCHED - 4], rax
        cmp [WATCHED - 4], rax
        jne failed

        PRINT "watch: a function with a hidden breakpoint, called twice"
        mov ebx, FUNCTION
        cmp byte [rbx], 0xB8            ; it reads as it was written
        jne failed
        call rbx
        call rbx
        cmp eax, 0x55
        jne failed
        END 0
failed:
        END 1

        times FUNCTION - 0x100000 - ($ - $$) db 0x90
function:
        mov eax, 0x55
        ret
