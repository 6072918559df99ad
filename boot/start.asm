; SPDX-License-Identifier: BSD-2-Clause
;
; From GRUB to the first line of C: both Multiboot headers, the check for 64-bit mode, boot page
; tables (the first 4 GiB identity-mapped, the image at its linked address), long mode.
; Multiboot Specification 0.6.96, "OS image format" and "Machine state"; Multiboot2 Specification
; 2.0, the same sections; SDM vol. 3A, "Initializing IA-32e Mode".

IMAGE_VMA       equ 0xFFFFFFFF80000000

MB1_MAGIC       equ 0x1BADB002
MB1_FLAGS       equ 3                   ; modules on page boundaries; memory information
MB2_MAGIC       equ 0xE85250D6

PTE_PRESENT     equ 1
PTE_WRITE       equ 2
PTE_LARGE       equ 0x80

IA32_EFER       equ 0xC0000080
EFER_LME        equ 0x100
CR0_PE_MP_NE_WP equ 0x10023             ; plus PG below
CR0_PG          equ 0x80000000
CR4_PAE         equ 0x20

COM1            equ 0x3F8

extern boot_main
extern bss_physical, bss_size

; ---------------------------------------------------------------------------------------------
section .multiboot progbits alloc noexec nowrite align=8

multiboot1_header:
        dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

        align 8
multiboot2_header:
        dd MB2_MAGIC, 0, .end - multiboot2_header
        dd -(MB2_MAGIC + 0 + (.end - multiboot2_header))
        ; Console: text mode is fine for us (bit 1), a console is not required.
        align 8
        dw 4, 1
        dd 12, 2
        ; Framebuffer, optional: any size, any depth. UEFI has no text mode.
        align 8
        dw 5, 1
        dd 20, 0, 0, 0
        align 8
        dw 0, 0
        dd 8
.end:

; ---------------------------------------------------------------------------------------------
section .boot progbits alloc exec write align=16
bits 32

global boot_entry
boot_entry:
        cli
        cld
        mov [multiboot_magic], eax
        mov [multiboot_info], ebx
        rdtsc
        mov [first_tsc], eax
        mov [first_tsc + 4], edx

        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000001
        jb no_long_mode
        mov eax, 0x80000001
        cpuid
        bt edx, 29
        jnc no_long_mode

        mov edi, bss_physical           ; loaders differ in whether they clear it
        mov ecx, bss_size
        shr ecx, 2
        xor eax, eax
        rep stosd

        ; PML4[0] and PML4[511] share a PDPT: entries 0 to 3 map the first 4 GiB, entry 510 maps
        ; the image's linked address to the first GiB.
        PHYSICAL equ -IMAGE_VMA
        mov eax, boot_pdpt + PHYSICAL + (PTE_PRESENT | PTE_WRITE)
        mov [boot_pml4 + PHYSICAL], eax
        mov [boot_pml4 + PHYSICAL + 511 * 8], eax
        mov eax, boot_pd + PHYSICAL + (PTE_PRESENT | PTE_WRITE)
        mov [boot_pdpt + PHYSICAL + 510 * 8], eax
        xor ecx, ecx
.pdpt:  mov [boot_pdpt + PHYSICAL + ecx * 8], eax
        add eax, 0x1000
        inc ecx
        cmp ecx, 4
        jb .pdpt
        mov eax, PTE_PRESENT | PTE_WRITE | PTE_LARGE
        xor ecx, ecx
.pd:    mov [boot_pd + PHYSICAL + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 4 * 512
        jb .pd

        mov eax, boot_pml4 + PHYSICAL
        mov cr3, eax
        mov eax, CR4_PAE
        mov cr4, eax
        mov ecx, IA32_EFER
        rdmsr
        or eax, EFER_LME
        wrmsr
        mov eax, CR0_PG | CR0_PE_MP_NE_WP
        mov cr0, eax
        lgdt [boot_gdtr]
        jmp 0x08:.long

bits 64
.long:  mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        mov edi, [abs multiboot_magic]
        mov esi, [abs multiboot_info]
        mov rdx, [abs first_tsc]
        mov rsp, boot_stack_top
        xor ebp, ebp                    ; the end of every backtrace
        mov rax, boot_main
        call rax
        ud2                             ; boot_main() does not return

bits 32
; A processor without 64-bit mode still gets its sentence, on COM1 as the firmware left it.
no_long_mode:
        mov esi, .port                  ; 115200 bits a second, 8N1
.init:  lodsw
        movzx edx, al
        cmp dl, 0xFF
        je .print
        add edx, COM1
        mov al, ah
        out dx, al
        jmp .init
.print: mov esi, .text
.next:  lodsb
        test al, al
        jz .stop
        mov bl, al
        mov ecx, 0x100000               ; a port that is missing or stuck hangs nothing
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20
        loopz .wait
        mov dx, COM1
        mov al, bl
        out dx, al
        jmp .next
.stop:  hlt
        jmp .stop
; Register and value: DLAB on, divisor 1, DLAB off.
.port:  db 3, 0x83, 0, 1, 1, 0, 3, 0x03, 0xFF, 0
.text:  db "[000000.000000] cpu0 boot: this processor has no 64-bit mode "
        db "(CPUID.80000001H:EDX[29]); Lintel needs one with VT-x", 13, 10
        db '[000000.000000] cpu0 result: status=fail why="no 64-bit mode" exits=0 '
        db 'guest=none', 13, 10
        db 0

align 8
boot_gdt:
        dq 0
        dq 0x00AF9A000000FFFF           ; 08H: 64-bit code
        dq 0x00CF92000000FFFF           ; 10H: data
boot_gdtr:
        dw $ - boot_gdt - 1
        dd boot_gdt
align 8
first_tsc:       dq 0
multiboot_magic: dd 0
multiboot_info:  dd 0

; ---------------------------------------------------------------------------------------------
section .text
bits 64

; void image_move(uint64_t to, uint64_t from, uint64_t length, uint64_t tables)
; Copies the running image (host-physical, identity-mapped) and goes on in the copy: `tables` is the
; offset of boot_pml4 in the image. Nothing is pushed between the copy and the switch, so the copy's
; stack is the stack that we return on.
global image_move
image_move:
        mov r8, rdi
        mov r9, rcx
        mov rcx, rdx
        shr rcx, 3                      ; the image is whole pages
        rep movsq
        lea rax, [r8 + r9]              ; the copy's PML4, then its PDPT, four PDs, the image's PD
        lea rcx, [rax + 0x1000 + (PTE_PRESENT | PTE_WRITE)]
        mov [rax], rcx
        mov [rax + 511 * 8], rcx
%assign i 0
%rep 4
        add rcx, 0x1000
        mov [rax + 0x1000 + i * 8], rcx
%assign i i + 1
%endrep
        add rcx, 0x1000
        mov [rax + 0x1000 + 510 * 8], rcx
        and r8, ~0x1FFFFF
        or r8, PTE_PRESENT | PTE_WRITE | PTE_LARGE
        mov [rax + 0x6000], r8
        mov cr3, rax
        ret

; ---------------------------------------------------------------------------------------------
section .bss nobits alloc noexec write align=4096
global boot_pml4, boot_stack_top
boot_pml4:      resb 4096
boot_pdpt:      resb 4096
boot_pd:        resb 4 * 4096
boot_image_pd:  resb 4096               ; used by the moved image only
boot_stack:     resb 8192
boot_stack_top:
