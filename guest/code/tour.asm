; SPDX-License-Identifier: BSD-2-Clause
; One of each common exit, for a log worth reading. It checks what it can see, and ends by HLT if
; all was as on a processor without VT-x, else with a code: the number of the step.

%include "flat.inc"

IA32_EFER       equ 0xC0000080
IA32_VMX_BASIC  equ 0x480
EFER_SCE        equ 1
CR0_CD          equ 1 << 30
CR4_VMXE        equ 1 << 13
CR4_OSXSAVE     equ 1 << 18
RFLAGS_TF       equ 1 << 8

TSS             equ 0x8000              ; the loader's TSS; IST1 stands at 24H in it
TSS_IST1        equ 0x24
LAZY            equ 0x200000            ; pages that appear when they are first touched
LAZY_STACK      equ LAZY + 0x4000       ; top of one of them
CODE_SELECTOR   equ 0x08

; Runs the rest of the line, which must fault: its handler goes on at the next line.
%macro FAULTS 1+
        lea r14, [rel %%landing]
        %1
        END step                        ; it did not fault
%%landing:
%endmacro

%assign step 1
start:
        PRINT "tour: CPUID, where VMX is hidden"
        xor eax, eax
        cpuid
        mov eax, 1
        cpuid
        bt ecx, 5
        jc failed1

%assign step 2
        PRINT "tour: RDMSR and WRMSR of IA32_EFER"
        mov ecx, IA32_EFER
        rdmsr
        or eax, EFER_SCE
        wrmsr
        rdmsr
        test eax, EFER_SCE
        jz failed2

%assign step 3
        PRINT "tour: ports, one that is there and one that is not"
        mov edx, PORT_TEXT + 5
        in al, dx
        cmp al, 0x60
        jne failed3
        in eax, 0x80
        cmp eax, -1
        jne failed3
        mov al, 0x55
        out 0x80, al

        call load_idt
%assign step 4
        PRINT "tour: CR0, CR3 and CR4; setting CR4.VMXE is #GP, as VMX is hidden"
        mov rax, cr0
        bts rax, 30                     ; CD
        mov cr0, rax
        btr rax, 30
        mov cr0, rax
        mov rax, cr3
        mov cr3, rax
        mov rax, cr4
        or rax, CR4_VMXE
        FAULTS mov cr4, rax
        mov rax, cr4
        bt eax, 13
        jc failed4

%assign step 5
        PRINT "tour: VMCALL and VMXON are #UD, an absent MSR is #GP"
        FAULTS vmcall
        FAULTS vmxon [rel start]
        mov ecx, IA32_VMX_BASIC
        FAULTS rdmsr

%assign step 6
        PRINT "tour: a page that is not there until it is touched"
        mov rax, [abs LAZY]
        test rax, rax
        jnz failed6
        mov qword [abs LAZY], 1

%assign step 7
        PRINT "tour: a trap onto a stack that is not there: the event is delivered again"
        mov rax, LAZY_STACK
        mov [abs TSS + TSS_IST1], rax
        pushfq
        pushfq
        or qword [rsp], RFLAGS_TF
        popfq                           ; TF on
        popfq                           ; TF off: #DB after this one, and once only

%assign step 8
        mov eax, 1
        cpuid
        bt ecx, 26
        jnc .no_xsave
        PRINT "tour: XSETBV with a good value and with a bad one"
        mov rax, cr4
        or rax, CR4_OSXSAVE
        mov cr4, rax
        mov eax, 1
        cpuid
        bt ecx, 27                      ; OSXSAVE follows this CR4
        jnc failed8
        xor ecx, ecx
        xgetbv
        xsetbv
        xor eax, eax                    ; x87 state cannot be switched off
        xor edx, edx
        FAULTS xsetbv
.no_xsave:
        invd

%assign step 9
        cmp byte [rel traps], 1
        jne failed9
        mov al, [rel faults]
        cmp al, 4
        jb failed9
        PRINT "tour: done"
        hlt

%assign n 1
%rep 9
failed%[n]: END n
%assign n n + 1
%endrep

; Exceptions go to the address in R14.
fault_with_error:
        add rsp, 8
fault:
        inc byte [rel faults]
        mov [rsp], r14
        iretq

single_step:
        inc byte [rel traps]
        iretq

; GATE vector, handler, IST: fills one entry of the IDT.
%macro GATE 3
        mov rax, %2
        mov rbx, idt + 16 * %1
        mov [rbx], ax
        mov word [rbx + 2], CODE_SELECTOR
        mov word [rbx + 4], 0x8E00 | %3
        shr rax, 16
        mov [rbx + 6], ax
%endmacro

load_idt:
        GATE 1, single_step, 1
        GATE 6, fault, 0
        GATE 13, fault_with_error, 0
        lidt [rel idtr]
        ret

faults: db 0
traps:  db 0
idtr:   dw 16 * 32 - 1
        dq idt
align 16
idt:    times 16 * 32 db 0
