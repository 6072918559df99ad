; SPDX-License-Identifier: BSD-2-Clause
; The guest of selftest/x2apic.c: a read and a write of the MSR in RCX, which the scenario begins
; one by one.

%include "selftest/code.inc"

section .rodata

CODE x2apic
        rdmsr
        vmcall
        wrmsr
.behind:
        vmcall
END_CODE
