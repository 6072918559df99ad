; SPDX-License-Identifier: BSD-2-Clause
; Switches by VMFUNC between two EPTs, in which one guest-physical page is different memory, with no
; exit; then asks for what the list has not, which exits.

%include "flat.inc"

VIEWED          equ 0x180000            ; guest/ept_guests.c: by EPT 0 this page, by EPT 1 the next
OTHER           equ 0x181000

; SWITCH index: VM function 0
%macro SWITCH 1
        xor eax, eax
        mov ecx, %1
        vmfunc
%endmacro

start:
        mov qword [VIEWED], 0xAAAA
        mov qword [OTHER], 0xBBBB
        PRINT "vmfunc: by EPT 0 the page reads AAAA"
        cmp qword [VIEWED], 0xAAAA
        jne failed
        SWITCH 1
        cmp qword [VIEWED], 0xBBBB
        jne failed
        mov qword [VIEWED], 0xCCCC
        PRINT "vmfunc: by EPT 1 it reads BBBB, no exit; CCCC is written"
        SWITCH 0
        cmp qword [VIEWED], 0xAAAA
        jne failed
        cmp qword [OTHER], 0xCCCC
        jne failed
        PRINT "vmfunc: by EPT 0 it reads AAAA again, and the other page CCCC"

        PRINT "vmfunc: EPT 2, which the list has not: an exit"
        SWITCH 2
        PRINT "vmfunc: EPT 512, beyond the list: an exit"
        SWITCH 512
        cmp qword [VIEWED], 0xAAAA
        jne failed
        END 0
failed:
        END 1
