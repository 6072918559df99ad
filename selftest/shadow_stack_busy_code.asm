; SPDX-License-Identifier: BSD-2-Clause
; The guest of selftest/shadow_stack_busy.c.

%include "selftest/code.inc"

section .rodata

CODE busy
        int 0x21
END_CODE
