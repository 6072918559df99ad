; SPDX-License-Identifier: BSD-2-Clause
; One function, which the guest's own tables map twice: as a supervisor's page, and 1 GiB above as a
; user's. Through the one it may be executed as long as EPT lets supervisors, through the other as
; long as it lets users. It runs at CPL 0 all the time: the page tells the modes apart, not the CPL.

%include "flat.inc"

FUNCTION        equ 0x101000            ; guest/ept_guests.c: its rights change
ALIAS           equ 1 << 30
PTE_US          equ 1 << 2

start:
        or qword [0x1000], PTE_US       ; PML4E
        or qword [0x2008], PTE_US       ; PDPTE of the second GiB
        mov qword [0x4000], 0x87        ; its first PDE: guest-physical 0, a user's 2 MiB
        mov rax, cr3
        mov cr3, rax

        PRINT "mode-based: a call through the supervisor's page, no exit"
        mov ebx, FUNCTION
        call rbx
        cmp eax, 0x55
        jne failed
        PRINT "mode-based: the same function through the user's page, refused"
        mov ebx, FUNCTION + ALIAS
        call rbx
        cmp eax, 0x55
        jne failed
        PRINT "mode-based: now users may, through the supervisor's page it is refused"
        mov ebx, FUNCTION
        call rbx
        cmp eax, 0x55
        jne failed
        PRINT "mode-based: now both may"
        mov ebx, FUNCTION + ALIAS
        call rbx
        END 0
failed:
        END 1

        times FUNCTION - 0x100000 - ($ - $$) db 0x90
function:
        mov eax, 0x55
        ret
