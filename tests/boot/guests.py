# SPDX-License-Identifier: BSD-2-Clause
"""Flat guests for the tests, assembled with NASM: small programs that show what they see.

SHOW "name", value      prints name=VALUE; changes no register. Value: anything MOV RAX can take
TRY "name", instruction shows which exception the instruction raises, or all ones if none; wants
                        IDT once before it, and R13 to R15 for itself. The exception's error code,
                        RIP and CR2 stand in [fault_error], [fault_rip] and [fault_cr2] afterwards

    run = boot(args=["trace=off"], guest=assemble('SHOW "cr4", cr4', "hlt"))
    assert run.shown["cr4"] == 0x620
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

NO_FAULT = 2**64 - 1
UD, DF, GP, PF = 6, 8, 13, 14

_MACROS = """
bits 64
org 0x100000
%macro SHOW 2
        push rax
        mov rax, %2
        call show
        db %1, 0
        pop rax
%endmacro
%macro TRY 2+
        lea r14, [rel %%landing]
        mov r15, rsp
        mov qword [fault_vector], -1
        %2
%%landing:
        SHOW %1, [fault_vector]
%endmacro
%macro IDT 0
        call load_idt
%endmacro
"""

_ROUTINES = """
; The name stands at the return address; RAX is the value.
show:   xchg rsi, [rsp]
        push rdx
        push rcx
        push rbx
        mov rbx, rax
        mov edx, 0x3F8
.name:  mov al, [rsi]
        inc rsi
        test al, al
        jz .value
        out dx, al
        jmp .name
.value: mov al, '='
        out dx, al
        mov ecx, 16
.digit: rol rbx, 4
        mov eax, ebx
        and eax, 15
        mov al, [.digits + rax]
        out dx, al
        loop .digit
        mov al, 10
        out dx, al
        pop rbx
        pop rcx
        pop rdx
        xchg rsi, [rsp]
        ret
.digits: db "0123456789abcdef"

load_idt:
        mov rdi, idt
        mov rax, stubs
        mov ecx, 32
.gate:  mov [rdi], ax
        mov word [rdi + 2], 0x08
        mov word [rdi + 4], 0x8E00
        mov rdx, rax
        shr rdx, 16
        mov [rdi + 6], dx
        add rdi, 16
        add rax, 32
        loop .gate
        lidt [.idtr]
        ret
.idtr:  dw 32 * 16 - 1
        dq idt

align 32
stubs:
%assign vector 0
%rep 32
        align 32
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
        pop qword [fault_error]
%else
        mov qword [fault_error], 0
%endif
        mov qword [fault_vector], vector
        jmp caught
%assign vector vector + 1
%endrep
caught: pop qword [fault_rip]
        mov r13, cr2
        mov [fault_cr2], r13
        mov rsp, r15
        jmp r14

align 8
fault_vector: dq -1
fault_error:  dq 0
fault_rip:    dq 0
fault_cr2:    dq 0
align 16
idt:    times 32 * 16 db 0
"""


@cache
def assemble(*lines: str) -> bytes:
    """A flat image that begins with these lines; SHOW, TRY and IDT stand behind them."""
    return assemble_bare(_MACROS + "\n".join(lines) + "\n" + _ROUTINES)


def assemble_bare(source: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lintel-") as folder:
        text, image = Path(folder, "guest.asm"), Path(folder, "guest.bin")
        text.write_text(source, encoding="ascii")
        done = subprocess.run(
            ["nasm", "-f", "bin", "-w+all", "-w-unknown-warning", "-w-reloc",
             "-Werror", "-o", image, text],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return image.read_bytes()
