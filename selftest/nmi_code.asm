; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/nmi.c.

%include "selftest/event.inc"

section .rodata

; RBX: a handler of NMIs. It does not exit with its first instruction: see pin.nmi.handler.
CODE nmi_self
        lea rbx, [rel .handler]
        vmcall
        SELF_NMI
.wait:
        pause
        jmp .wait                       ; until it comes
.handler:
        nop
        vmcall
END_CODE

CODE nmi_vmcall
        vmcall
END_CODE

; The same. Then RBX says where IRET leads to, and RSI what the handler is to return to.
CODE nmi_blocked
        lea rbx, [rel .handler]
        vmcall
        SELF_NMI
        mov ecx, 100000
.wait:
        dec ecx
        jnz .wait                       ; time enough for it to come
        vmcall
        IRET_TO .open
.open:
        mov ecx, 1000
.still:
        dec ecx
        jnz .still
        vmcall
.handler:
        mov rsi, [rsp]
        vmcall
END_CODE

CODE nmi_iret
        iretq
END_CODE
