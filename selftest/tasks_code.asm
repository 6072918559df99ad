; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/tasks.c, in 32-bit protected mode.

%include "selftest/event.inc"

section .rodata

bits 32
CODE task_call
        call SPARE:0                    ; the TSS
        call SPARE + 8:0                ; by the task gate
END_CODE

CODE task_jump
        jmp SPARE:0
END_CODE

CODE task_iret
        iret
END_CODE

CODE task_int
        int 0x21
END_CODE

CODE task_gp
        mov eax, BAD_SELECTOR
        mov ds, eax                     ; at offset 5
END_CODE
