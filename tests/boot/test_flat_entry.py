# SPDX-License-Identifier: BSD-2-Clause
"""What a flat guest finds at entry: the contract's section, register by register."""

from __future__ import annotations

import pytest
from guests import assemble
from harness import CPUS, Run, once

GENERAL = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()
IA32_EFER = 0xC0000080
MIB = 1 << 20

REGISTERS = assemble(
    *(f"mov [saved + 8 * {i}], {name}" for i, name in enumerate(GENERAL)),
    "pushfq",
    "pop qword [saved + 8 * 16]",
    *(f'SHOW "{name}", [saved + 8 * {i}]' for i, name in enumerate([*GENERAL, "rflags"])),
    "lea rax, [rel $$]",
    'SHOW "rip", rax',
    *(f'SHOW "{name}", {name}' for name in ("cs", "ss", "ds", "es", "cr0", "cr3", "cr4")),
    f"mov ecx, {IA32_EFER}",
    "rdmsr",
    "shl rdx, 32",
    "or rax, rdx",
    'SHOW "efer", rax',
    "sidt [table]",
    "movzx eax, word [table]",
    'SHOW "idt_limit", rax',
    "sgdt [table]",
    "movzx eax, word [table]",
    'SHOW "gdt_limit", rax',
    'SHOW "gdt_base", [table + 2]',
    "mov rbx, [table + 2]",
    'SHOW "descriptor_08", [rbx + 8]',
    'SHOW "descriptor_10", [rbx + 16]',
    "hlt",
    "align 8",
    "saved: times 17 dq 0",
    "table: times 10 db 0",
)

# Counts the page-directory entries that map the first 4 GiB to themselves, and what else is there.
TABLES = assemble(
    "        mov rax, cr3",
    "        and rax, ~0xFFF",
    "        mov rbx, [rax]",
    "        mov ecx, 511",
    ".pml4:  cmp qword [rax + rcx * 8], 0",
    "        jne .bad",
    "        loop .pml4",
    "        and rbx, ~0xFFF",
    "        mov ecx, 508",
    ".pdpt:  cmp qword [rbx + rcx * 8 + 24], 0",
    "        jne .bad",
    "        loop .pdpt",
    "        xor r8d, r8d                    ; how many are right",
    "        xor r9d, r9d                    ; the address that comes next",
    ".table: mov rsi, [rbx]",
    "        and rsi, ~0xFFF",
    "        mov ecx, 512",
    ".entry: mov rax, [rsi]",
    "        and rax, ~0x60                  ; accessed, dirty",
    "        mov rdx, r9",
    "        or rdx, 0x83                    ; present, writable, 2 MiB",
    "        cmp rax, rdx",
    "        jne .next",
    "        inc r8",
    ".next:  add r9, 0x200000",
    "        add rsi, 8",
    "        loop .entry",
    "        add rbx, 8",
    "        bt r9, 32",
    "        jnc .table",
    '        SHOW "right", r8',
    "        hlt",
    '.bad:   SHOW "bad", rcx',
    "        hlt",
)

ANY = pytest.mark.parametrize("cpu", CPUS)


def registers(cpu: str) -> dict[str, int]:
    return seen(cpu).shown


def seen(cpu: str) -> Run:
    run = once("trace=off", guest=REGISTERS, cpu=cpu)
    assert run.status == 0
    return run


@ANY
def test_general_registers(cpu: str) -> None:
    found = registers(cpu)
    assert found["rdi"] == 16 * MIB  # memory='s default
    assert found["rsp"] == 0xFFFF8
    assert {name: found[name] for name in GENERAL if name not in ("rdi", "rsp")} == {
        name: 0 for name in GENERAL if name not in ("rdi", "rsp")
    }


@ANY
def test_it_is_entered_at_its_first_byte_with_rflags_2(cpu: str) -> None:
    assert registers(cpu)["rip"] == 0x100000
    assert registers(cpu)["rflags"] == 2


@ANY
def test_segments_and_descriptor_tables(cpu: str) -> None:
    found = registers(cpu)
    assert (found["cs"], found["ss"], found["ds"], found["es"]) == (0x08, 0x10, 0x10, 0x10)
    assert found["idt_limit"] == 0
    assert 0 < found["gdt_base"] < 0x100000 and found["gdt_limit"] >= 0x17
    assert found["descriptor_08"] >> 53 & 1  # L: 64-bit code
    assert found["descriptor_10"] >> 47 & 1  # present


@ANY
def test_control_registers_and_efer_without_what_vmx_fixes(cpu: str) -> None:
    found = registers(cpu)
    assert found["cr0"] == 0x80010033  # PG WP NE ET MP PE
    assert found["cr4"] == 0x620  # OSXMMEXCPT OSFXSR PAE; VMXE is hidden
    assert found["efer"] == 0xD00  # NXE LMA LME
    assert 0 < found["cr3"] < 0x100000


@ANY
def test_its_page_tables_map_the_first_4_gib_to_themselves_and_no_more(cpu: str) -> None:
    run = once("trace=off", guest=TABLES, cpu=cpu)
    assert run.shown == {"right": 4 * 512}


@pytest.mark.parametrize(
    ("option", "size"), [("memory=2M", 2), ("memory=64M", 64), ("memory=65536K", 64)]
)
def test_memory_is_what_was_asked_for_and_rdi_says_so(option: str, size: int) -> None:
    run = once("trace=off", option, guest=REGISTERS)
    assert run.status == 0
    assert run.shown["rdi"] == size * MIB


def test_all_of_its_memory_can_be_read_and_written() -> None:
    guest = assemble(
        "        mov rbx, 0x200000",
        ".page:  mov [rbx], rbx",
        "        mov [rbx + 0xFF8], rbx",
        "        add rbx, 0x1000",
        "        cmp rbx, rdi",
        "        jb .page",
        "        mov rbx, 0x200000",
        ".check: cmp [rbx], rbx",
        "        jne .bad",
        "        cmp [rbx + 0xFF8], rbx",
        "        jne .bad",
        "        add rbx, 0x1000",
        "        cmp rbx, rdi",
        "        jb .check",
        "        hlt",
        ".bad:   mov al, 1",
        "        out 0xF4, al",
    )
    run = once("memory=64M", guest=guest, memory=128)
    assert run.status == 0
    assert [one.keys["reason"] for one in run.exits()] == ["HLT"]


def test_an_image_of_several_mib_is_copied_whole() -> None:
    data = bytes(range(251)) * 20000
    guest = assemble(
        "        mov rsi, 0x100000 + 4096",
        "        xor eax, eax",
        "        mov ecx, length",
        ".add:   movzx edx, byte [rsi]",
        "        add rax, rdx",
        "        rol rax, 1",
        "        inc rsi",
        "        loop .add",
        '        SHOW "sum", rax',
        "        hlt",
        f"length  equ {len(data)}",
    )
    expected = 0
    for byte in data:
        expected = (expected + byte) % 2**64
        expected = (expected << 1 | expected >> 63) % 2**64
    assert len(guest) <= 4096
    run = once("trace=off", guest=guest.ljust(4096, b"\0") + data)
    assert run.shown["sum"] == expected
