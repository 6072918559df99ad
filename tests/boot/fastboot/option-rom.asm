; SPDX-License-Identifier: BSD-2-Clause
;
; An option ROM for Bochs that starts a flat kernel image, already in memory, as a Multiboot 1
; loader would: no disk, no GRUB. rom.py appends, at `block`, the whole Multiboot information as it
; has to stand at BLOCK_AT, and this code only adds what it alone can know, the memory map.
;
; It never returns to the BIOS: what it overwrites below 640 KiB is nobody's any more.
; Multiboot Specification 0.6.96, "Machine state" and "Boot information format".

ROM_AT          equ 0xD0000     ; where rom.py lets Bochs put it
BLOCK_AT        equ 0x8000      ; the information structure's place in RAM
MAP_AT          equ 0x7000      ; the memory map's, up to BLOCK_AT
MAP_MOST        equ BLOCK_AT - 24
MAP_LENGTH      equ BLOCK_AT + 4 + 44   ; fields, behind the block's first word: the entry point
MAP_ADDRESS     equ BLOCK_AT + 4 + 48

        org 0
        bits 16
        dw 0xAA55
        db 0                    ; length in 512-byte units: rom.py
        jmp near start
        dw 0                    ; length of the block: rom.py
block_length equ $ - 2
        times 0x1C - ($ - $$) db 0      ; no PCI, no PnP structure (pointers at 18H and 1AH)

start:  cli
        cld
        xor ax, ax
        mov es, ax
        push cs
        pop ds
        mov si, block           ; the block to its place
        mov di, BLOCK_AT
        mov cx, [block_length]
        rep movsb

        mov di, MAP_AT          ; one entry: its size, 20, then what E820 gives
        xor ebx, ebx
.entry: mov dword [es:di], 20
        add di, 4
        mov eax, 0xE820
        mov edx, 0x534D4150     ; "SMAP"
        mov ecx, 20
        int 0x15
        jc .past_end
        add di, 20
        cmp di, MAP_MOST
        jae .done
        test ebx, ebx
        jnz .entry
        jmp .done
.past_end:
        sub di, 4
.done:  movzx eax, di
        sub eax, MAP_AT
        mov [es:MAP_LENGTH], eax
        mov dword [es:MAP_ADDRESS], MAP_AT

        cli                     ; the BIOS may have let interrupts in
        in al, 0x92             ; A20 on, without the reset bit
        or al, 2
        and al, 0xFE
        out 0x92, al
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:ROM_AT + protected

        bits 32
protected:
        mov eax, 16
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov fs, eax
        mov gs, eax
        mov eax, 0x2BADB002
        mov ebx, BLOCK_AT + 4
        jmp [BLOCK_AT]

        align 8
gdt:    dq 0
        dq 0x00CF9A000000FFFF   ; code, flat
        dq 0x00CF92000000FFFF   ; data, flat
gdt_pointer:
        dw $ - gdt - 1
        dd ROM_AT + gdt

block:
