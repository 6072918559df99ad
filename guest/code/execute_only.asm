; SPDX-License-Identifier: BSD-2-Clause
; Calls a function in a page that may be executed and not read, then reads the function's first
; byte: the first makes no exit, the second does, and the page is opened. It ends with a code where
; it sees anything else than without EPT.

%include "flat.inc"

FUNCTION        equ 0x101000            ; guest/ept_guests.c: execute-only

start:
        PRINT "execute-only: a call of the function, no exit"
        mov ebx, FUNCTION
        call rbx
        cmp eax, 0x55
        jne failed
        PRINT "execute-only: a read of its first byte, refused"
        cmp byte [rbx], 0xB8
        jne failed
        PRINT "execute-only: the page is open now: read, and called again"
        cmp byte [rbx + 1], 0x55
        jne failed
        xor eax, eax
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
