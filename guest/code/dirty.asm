; SPDX-License-Identifier: BSD-2-Clause
; Reads one page, writes three that do not lie together, then 600 in a row: more than the
; page-modification log has room for. It uses no stack.

%include "flat.inc"

READ            equ 0x180000
WRITTEN         equ 0x188000            ; and each second page behind it: three
MANY            equ 0x1A0000            ; tests/boot/test_ept_guests.py knows them all
PAGES           equ 600

start:
        PRINT "dirty: a page is read, three are written"
        mov rax, [READ]
        mov byte [WRITTEN], 1
        inc qword [WRITTEN + 0x2008]
        mov [WRITTEN + 0x4010], rdi
        mov [WRITTEN + 0x4018], rdi     ; a second time: nothing new

        PRINT "dirty: 600 pages are written, the log has 512 records"
        mov edi, MANY
        mov ecx, PAGES
.page:
        mov byte [rdi], 1
        add edi, 0x1000
        loop .page
        END 0
