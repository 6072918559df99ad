# SPDX-License-Identifier: BSD-2-Clause
"""A guest that leaves 64-bit mode: what only shows there is checked there."""

from __future__ import annotations

import pytest
from guests import assemble_bare
from harness import CPUS, Run, once

ANY = pytest.mark.parametrize("cpu", CPUS)

# From 64-bit code into compatibility code, and from there out of paging and long mode.
LEAVE = """
bits 64
org 0x100000
        lgdt [gdt_pointer]
        jmp far dword [to_32]
to_32:  dd compatibility
        dw 0x18
align 8
gdt:    dq 0
        dq 0x00AF9B000000FFFF           ; 08H: 64-bit code
        dq 0x00CF93000000FFFF           ; 10H: data
        dq 0x00CF9B000000FFFF           ; 18H: 32-bit code
        dq 0x0000890080000067           ; 20H: an available TSS, 32-bit, at 8000H
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dq gdt
bits 32
compatibility:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov eax, cr0
        btr eax, 31
        mov cr0, eax                    ; paging off, so long mode is no longer active
%macro SAY 1
        mov edx, 0x3F8
        mov al, %1
        out dx, al
        mov al, 10
        out dx, al
%endmacro
%macro END 1
        mov al, %1
        out 0xF4, al
%endmacro
"""

EFER = """
        mov ecx, 0xC0000080
        rdmsr
"""

LONG_AGAIN = LEAVE + EFER + """
        bt eax, 10                      ; LMA went with paging
        jc bad1
        bt eax, 8                       ; LME did not
        jnc bad1
        mov eax, cr0
        bt eax, 31
        jc bad1
        SAY 'a'
        mov eax, cr0
        bts eax, 31
        mov cr0, eax                    ; and back
        jmp 0x08:again
bad1:   END 1
bits 64
again:  mov ecx, 0xC0000080
        rdmsr
        bt eax, 10
        jnc bad2
        mov edx, 0x3F8
        mov al, 'b'
        out dx, al
        hlt
bad2:   END 2
"""

# PAE paging without long mode keeps its four PDPTEs in the VMCS.
PAE = LEAVE + EFER + """
        btr eax, 8                      ; LME
        wrmsr
        mov edi, 0x300000               ; one page-directory-pointer table of four, ours
        mov dword [edi], 0x301001
        mov dword [edi + 4], 0
        mov dword [edi + 8], {second}
        mov dword [edi + 12], 0
        mov dword [edi + 16], 0
        mov dword [edi + 24], 0
        mov dword [0x301000], 0x83      ; 2 MiB pages to themselves
        mov dword [0x301004], 0
        mov dword [0x301008], 0x200083
        mov dword [0x30100C], 0
        mov eax, edi
        mov cr3, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        SAY 'p'
        mov eax, [0x300000]
        cmp eax, 0x301001
        jne bad
        END 0
bad:    END 1
"""

# String I/O through tables of the guest's own, without long mode: a text that goes over from one
# page to another below it, and a page that is not there.
STRINGS = LEAVE + EFER + """
        btr eax, 8                      ; LME
        wrmsr
        mov edi, 0x300000
        mov ecx, 0x4000 / 4
        xor eax, eax
        rep stosd
        {tables}
        mov dword [0x303000], 0x305003  ; linear 40000000H
        mov dword [0x303000 + {entry}], 0x304003
        mov eax, 0x300000
        mov cr3, eax
        mov eax, cr0
        bts eax, 31
        mov cr0, eax

        mov word [0x305FFE], 'ab'
        mov dword [0x304000], `cd\\n`
        mov esi, 0x40000FFE
        mov ecx, 5
        mov edx, 0x3F8
        rep outsb

        mov eax, fault
        mov [0x306000 + 14 * 8], ax
        mov word [0x306000 + 14 * 8 + 2], 0x18
        mov word [0x306000 + 14 * 8 + 4], 0x8E00
        shr eax, 16
        mov [0x306000 + 14 * 8 + 6], ax
        lidt [idt_pointer]
        mov esi, 0x40002000
        outsb
bad:    END 1
fault:  pop eax                         ; the error code: not present, a read
        test eax, eax
        jnz bad
        mov eax, cr2
        cmp eax, 0x40002000
        jne bad
        END 0
idt_pointer:
        dw 15 * 8 - 1
        dd 0x306000
"""

STRINGS_PAE = STRINGS.format(entry=8, tables="""
        mov dword [0x300000], 0x301001
        mov dword [0x300008], 0x302001
        mov dword [0x301000], 0x83      ; 2 MiB pages to themselves
        mov dword [0x301008], 0x200083
        mov dword [0x302000], 0x303003
""")

STRINGS_32 = STRINGS.format(entry=4, tables="""
        mov dword [0x300000], 0x83      ; 4 MiB to themselves
        mov dword [0x300400], 0x303003
        mov eax, cr4
        btr eax, 5                      ; PAE
        bts eax, 4                      ; PSE
        mov cr4, eax
""")

TASK_SWITCH = LEAVE + """
        SAY 't'
        jmp 0x20:0
"""



def run(source: str, cpu: str) -> Run:
    return once(guest=assemble_bare(source), cpu=cpu)


@ANY
def test_long_mode_can_be_left_and_entered_again(cpu: str) -> None:
    found = run(LONG_AGAIN, cpu)
    assert (found.status, found.printed) == (0, ["a", "b"])


@ANY
def test_pae_paging_loads_its_pdptes(cpu: str) -> None:
    found = run(PAE.format(second=0), cpu)
    assert (found.status, found.printed) == (0, ["p"])


@ANY
@pytest.mark.parametrize("source", [STRINGS_PAE, STRINGS_32], ids=["PAE", "32-bit"])
def test_string_io_goes_through_the_guests_own_tables(cpu: str, source: str) -> None:
    found = run(source, cpu)
    assert (found.status, found.printed) == (0, ["abcd"])
    assert found.exits()[-2].keys["inject"] == "#PF"


@ANY
def test_a_reserved_bit_in_a_pdpte_is_general_protection(cpu: str) -> None:
    found = run(PAE.format(second=0x301003), cpu)  # bit 1
    assert found.status == 1 and found.printed == []
    assert "triple fault" in found.end().keys["why"]  # #GP, without an IDT


@ANY
def test_a_task_switch_is_reported_and_stops_the_vm(cpu: str) -> None:
    found = run(TASK_SWITCH, cpu)
    assert (found.status, found.printed) == (1, ["t"])
    last = found.exits()[-1].keys
    assert (last["reason"], last["code"], last["action"]) == ("TASK_SWITCH", "9", "stop")
    assert last["what"] == "task switch by JMP to TSS selector 0x20"
    assert int(last["qual"], 16) == 2 << 30 | 0x20
    assert "task switch" in found.end().keys["why"]
    assert found.end(1).keys["exits"] == "16"


def test_without_unrestricted_guest_it_is_told_which_control_is_missing() -> None:
    found = run(LONG_AGAIN, "corei5_lynnfield_750")
    assert found.status == 1
    assert "secondary.unrestricted" in found.end().keys["why"]
