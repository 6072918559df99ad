; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/injection.c, and some of vectoring.c's.

%include "selftest/event.inc"

section .rodata

CODE event_vmcall
        vmcall
        vmcall
END_CODE

CODE event_cr2
        mov rax, cr2
        vmcall
END_CODE

CODE event_hlt
        hlt
END_CODE
