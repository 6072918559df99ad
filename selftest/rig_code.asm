; SPDX-License-Identifier: BSD-2-Clause
; The guests of selftest/rig_proof.c.

%include "selftest/code.inc"

section .rodata

CODE rig_hang
        jmp $
END_CODE

CODE rig_cpuid
        cpuid
END_CODE
