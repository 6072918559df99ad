; SPDX-License-Identifier: BSD-2-Clause
;
; The first steps of a processor that a start-up IPI started: from real-address mode into 64-bit
; mode, at once, and to its own stack. SDM vol. 3A, "Initializing IA-32e Mode".

IA32_EFER       equ 0xC0000080
PROCESSOR_BYTES equ 64                  ; struct processor, of which these are members
APIC_ID         equ 0
STACK           equ 8

extern processor_list, processor_count, processor_main

section .rodata

; Copied to a page below 1 MiB, where it begins at offset 0 of CS. Addresses are offsets in it.
bits 16
align 16
global trampoline, trampoline_long, trampoline_gdt, trampoline_data, trampoline_bytes
trampoline:
        cli
        cld
        mov ax, cs
        mov ds, ax
        mov eax, [data.cr4 - trampoline]
        mov cr4, eax
        mov eax, [data.cr3 - trampoline]
        mov cr3, eax
        mov ecx, IA32_EFER
        mov eax, [data.efer - trampoline]
        xor edx, edx
        wrmsr
        o32 lgdt [data.gdtr - trampoline]
        mov eax, [data.cr0 - trampoline]
        mov cr0, eax
        jmp dword far [data.far - trampoline]

bits 64
long_mode:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        jmp [rel data.entry]

align 8
gdt:
        dq 0
        dq 0x00AF9B000000FFFF           ; 08H: 64-bit code
        dq 0x00CF93000000FFFF           ; 10H: data
data:   ; struct trampoline_data
.cr0:   dd 0
.cr3:   dd 0
.cr4:   dd 0
.efer:  dd 0
.far:   dd 0
        dw 0
.gdtr:  dw 0
        dd 0
.entry: dq 0
end:

align 4
trampoline_long:  dd long_mode - trampoline
trampoline_gdt:   dd gdt - trampoline
trampoline_data:  dd data - trampoline
trampoline_bytes: dd end - trampoline

section .text

; Who am I? The processor's own identifier says, and with it which stack is mine.
global processor_entry
processor_entry:
        xor eax, eax
        cpuid
        cmp eax, 0xB
        jb .initial
        mov eax, 0xB                    ; the x2APIC identifier, if the leaf is not empty
        xor ecx, ecx
        cpuid
        test ebx, ebx
        jnz .found
.initial:
        mov eax, 1
        cpuid
        mov edx, ebx
        shr edx, 24
.found: mov rdi, [rel processor_list]
        mov ecx, [rel processor_count]
.next:  cmp [rdi + APIC_ID], edx
        je .mine
        add rdi, PROCESSOR_BYTES
        dec ecx
        jnz .next
.stop:  hlt                             ; nobody named us
        jmp .stop
.mine:  mov rsp, [rdi + STACK]
        xor ebp, ebp
        call processor_main
        ud2                             ; processor_main() does not return
