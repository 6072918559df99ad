; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/features.c.

%include "selftest/code.inc"

section .rodata

REPEATED invpcid, invpcid r10, [rbx + 0x20]
REPEATED encls, encls

CODE xsaves
        xsaves [rbx + 0x40]
        xrstors [rbx + 0x40]
        vmcall
        jmp code_xsaves
END_CODE

CODE vmcall
        vmcall
END_CODE
