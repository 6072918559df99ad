; SPDX-License-Identifier: BSD-2-Clause
;
; A guest of your own. Assemble and run it:
;
;     nasm -f bin guest/example/hello.asm -o hello.bin
;     make run GUEST=hello.bin
;
; It starts in 64-bit mode at its first byte, at address 100000H, with the size of its memory in RDI
; and a stack. OUT to port 3F8H prints a character; HLT ends it, as does OUT of a code to port F4H
; (0 is good, anything else is a failure).

bits 64
org 0x100000

        mov rsi, text
.next:  lodsb
        test al, al
        jz .done
        mov dx, 0x3F8
        out dx, al
        jmp .next
.done:  hlt

text:   db "Hello from a guest of my own", 10, 0
