; SPDX-License-Identifier: BSD-2-Clause
;
; The .def tables as NASM reads them, laid out for test_names.c: each field of a row is an array of
; its own. Data only: C compares it with what the C compiler made of the same files.

; What exit_reasons.def refers to; the values are those of enum exit_has.
EXIT_HAS_LENGTH         equ 1
EXIT_HAS_QUALIFICATION  equ 2
EXIT_HAS_LINEAR         equ 4
EXIT_HAS_PHYSICAL       equ 8
EXIT_HAS_INTERRUPTION   equ 16
EXIT_HAS_VECTORING      equ 32
EXIT_HAS_INSTRUCTION    equ 64

CONTROL_PIN             equ 0
CONTROL_PRIMARY         equ 1
CONTROL_SECONDARY       equ 2
CONTROL_EXIT            equ 3
CONTROL_ENTRY           equ 4
CONTROL_TERTIARY        equ 5
CONTROL_EXIT2           equ 6

%define NOTE(text)

; Constants as an assembly source would use them.
%define VMCS_FIELD(symbol, name, encoding, title) VMCS_ %+ symbol equ encoding
%include "vmx/vmcs_fields.def"
%define CONTROL(group, symbol, bit, name, title) group %+ _ %+ symbol equ 1 << bit
%include "vmx/controls.def"
%define EXIT_REASON(code, symbol, has, title) EXIT_ %+ symbol equ code
%include "vmx/exit_reasons.def"

section .rodata align=8

global asm_constants
asm_constants:
        dd VMCS_GUEST_RIP, VMCS_HOST_RSP, VMCS_EXIT_REASON, VMCS_EPT_POINTER
        dd PIN_NMI, PRIMARY_SECONDARY, SECONDARY_EPT, EXIT_HOST_64, ENTRY_IA32E_GUEST
        dd EXIT_HLT, EXIT_EPT_VIOLATION, EXIT_WRMSRLIST

%macro TABLE 1
        align 8
        global %1
%1:
%endmacro

; Values are 32 bits wide, texts stand one after the other, each with its NUL.
%define VMCS_FIELD(symbol, name, encoding, title) dd encoding
TABLE asm_field_encodings
%include "vmx/vmcs_fields.def"
%define VMCS_FIELD(symbol, name, encoding, title) db name, 0
TABLE asm_field_names
%include "vmx/vmcs_fields.def"
        global asm_field_names_end
asm_field_names_end:

%define CONTROL(group, symbol, bit, name, title) dd CONTROL_ %+ group, bit
TABLE asm_control_bits
%include "vmx/controls.def"
%define CONTROL(group, symbol, bit, name, title) db name, 0
TABLE asm_control_names
%include "vmx/controls.def"
        global asm_control_names_end
asm_control_names_end:

%define EXIT_REASON(code, symbol, has, title) dd code, has
TABLE asm_reasons
%include "vmx/exit_reasons.def"
%define EXIT_REASON(code, symbol, has, title) db title, 0
TABLE asm_reason_titles
%include "vmx/exit_reasons.def"
        global asm_reason_titles_end
asm_reason_titles_end:

%define INSTRUCTION_ERROR(code, title) dd code
TABLE asm_errors
%include "vmx/instruction_errors.def"
%define INSTRUCTION_ERROR(code, title) db title, 0
TABLE asm_error_titles
%include "vmx/instruction_errors.def"
        global asm_error_titles_end
asm_error_titles_end:

section .note.GNU-stack noalloc noexec nowrite progbits
