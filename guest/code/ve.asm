; SPDX-License-Identifier: BSD-2-Clause
; Reads from a page that is not there. The violation comes to the guest itself, as exception 20, and
; its handler answers in the page's stead, as a device would: there is no exit. On a page with #VE
; suppressed, a violation is an exit as ever.

%include "flat.inc"

DEVICE          equ 0x180000            ; guest/ept_guests.c: not mapped
SUPPRESSED      equ 0x181000            ; may be read, with #VE suppressed
INFORMATION     equ 0x182000            ; the processor tells of the access here
TABLE           equ 0x183000            ; the IDT
VECTOR_VE       equ 20
EPT_VIOLATION   equ 48
ANSWER          equ 0x1234

start:
        mov eax, handler
        mov [TABLE + VECTOR_VE * 16], ax
        mov word [TABLE + VECTOR_VE * 16 + 2], 8        ; the code segment
        mov word [TABLE + VECTOR_VE * 16 + 4], 0x8E00   ; present, an interrupt gate
        shr eax, 16
        mov [TABLE + VECTOR_VE * 16 + 6], ax
        lidt [table_register]
        xor r8d, r8d                    ; exceptions so far

        PRINT "ve: a read from a page that is not there"
        xor eax, eax
read:
        mov rax, [DEVICE + 8]
read_end:
        cmp rax, ANSWER
        jne failed
        cmp r8d, 1
        jne failed
        PRINT "ve: the guest has answered it by itself, no exit"

        PRINT "ve: a write where #VE is suppressed, an exit"
        mov qword [SUPPRESSED], 1
        cmp qword [SUPPRESSED], 1
        jne failed
        cmp r8d, 1
        jne failed
        END 0
failed:
        END 1

; What the processor tells must be what was done.
handler:
        inc r8d
        PRINT "ve: exception 20, in the guest"
        cmp dword [INFORMATION], EPT_VIOLATION
        jne failed
        cmp dword [INFORMATION + 4], -1 ; busy
        jne failed
        test byte [INFORMATION + 8], 1  ; the qualification: a read
        jz failed
        cmp qword [INFORMATION + 16], DEVICE + 8        ; the guest-linear address
        jne failed
        cmp qword [INFORMATION + 24], DEVICE + 8        ; the guest-physical one
        jne failed
        cmp qword [rsp], read
        jne failed
        mov qword [rsp], read_end       ; past the read, with its answer
        mov eax, ANSWER
        mov dword [INFORMATION + 4], 0  ; the next #VE may come
        iretq

table_register:
        dw (VECTOR_VE + 1) * 16 - 1
        dq TABLE
