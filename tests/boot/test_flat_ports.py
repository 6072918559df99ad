# SPDX-License-Identifier: BSD-2-Clause
"""A flat guest's ports: 3F8H prints, 3FDH is ready, F4H ends; the others are not there."""

from __future__ import annotations

import pytest
from guests import PF, assemble
from harness import CPUS, OLD_CPU, Run, boot, once
from launcher.records import Record

PRINT = (
    "        mov rsi, text",
    "        mov ecx, text_end - text",
    "        mov edx, 0x3F8",
    "        rep outsb",
    "        hlt",
)


def io(run: Run) -> list[Record]:
    return [one for one in run.exits() if one.keys["reason"] == "IO_INSTRUCTION"]


def printed(*data: str) -> Run:
    return boot(guest=assemble(*PRINT, *data, "text_end:"))


@pytest.mark.parametrize("cpu", CPUS)
def test_out_prints_a_character(cpu: str) -> None:
    guest = assemble(
        "mov dx, 0x3F8", "mov al, 'H'", "out dx, al", "mov al, 10", "out dx, al", "hlt"
    )
    run = once(guest=guest, cpu=cpu)
    assert run.status == 0 and run.printed == ["H"]
    assert {one.keys["what"] for one in io(run)} == {"OUT port 0x3f8, 1 byte"}
    assert [one.keys["action"] for one in io(run)] == ["advance"] * 2


def test_a_text_stands_behind_the_exit_that_brought_it() -> None:
    run = printed('text: db "one", 10, "two", 10')
    order = [one.topic for one in run.records if one.topic == "exit" or "text" in one.keys]
    assert order[: order.index("guest")] == ["exit"]
    assert run.printed == ["one", "two"]


def test_text_without_a_line_end_comes_at_the_end() -> None:
    run = printed('text: db "no end"')
    assert run.printed == ["no end"]
    assert run.log.index('text="no end"') < run.log.index("vm: end vm=0")


@pytest.mark.parametrize("length", [119, 120, 121, 240, 1000, 5000])
def test_a_long_line_is_split_and_nothing_of_it_is_lost(length: int) -> None:
    run = printed(f'text: times {length} db "x"', 'db 10, "next", 10')
    *parts, last = run.printed
    assert "".join(parts) == "x" * length and last == "next"
    assert "" not in parts


def test_every_byte_comes_through_its_escape() -> None:
    kept = [byte for byte in range(256) if byte not in (10, 13)]
    run = printed("text: db " + ", ".join(map(str, kept)))
    assert "".join(run.printed) == "".join(map(chr, kept))


def test_an_empty_line_is_a_record() -> None:
    assert printed("text: db 10, 10, 'x', 10").printed == ["", "", "x"]


def test_outs_goes_backwards_where_the_direction_flag_says_so() -> None:
    guest = assemble(
        "std",
        "mov rsi, text + 2",
        "mov ecx, 3",
        "mov edx, 0x3F8",
        "rep outsb",
        "sub rsi, text",
        'SHOW "rsi", rsi',
        'SHOW "rcx", rcx',
        "hlt",
        'text: db "cba"',
    )
    run = boot(args=["trace=off"], guest=guest)
    assert run.printed[0].startswith("abc")
    assert run.log.count("ffffffffffffffff") == 1  # RSI = text - 1
    assert "rcx=0000000000000000" in run.printed


def test_rep_with_a_count_of_0_prints_nothing() -> None:
    run = boot(guest=assemble("mov edx, 0x3F8", "mov rsi, 0x100000", "rep outsb", "hlt"))
    assert run.status == 0 and run.printed == []


def test_outs_with_32_bit_addresses_counts_in_ecx() -> None:
    guest = assemble(
        "mov rcx, 0xFFFFFFFF00000003",
        "mov rsi, 0xFFFFFFFF00000000 + text",
        "mov edx, 0x3F8",
        "a32 rep outsb",
        "mov al, 10",
        "out dx, al",
        "hlt",
        'text: db "abcdefgh"',
    )
    run = boot(args=["limit=1000", "trace=ring"], guest=guest, timeout=20)
    assert run.printed == ["abc"]
    assert run.end().keys["why"] == "HLT"


@pytest.mark.parametrize("cpu", CPUS)
def test_in_from_3fd_says_ready_and_changes_al_alone(cpu: str) -> None:
    guest = assemble("mov rax, -1", "mov dx, 0x3FD", "in al, dx", 'SHOW "rax", rax', "hlt")
    run = once("trace=off", guest=guest, cpu=cpu)
    assert run.shown["rax"] == 0xFFFFFFFFFFFFFF60


@pytest.mark.parametrize("port", [0x3F8, 0x60, 0x80, 0xCFC, 0x1F0, 0xF4, 0xFFF0])
def test_other_ports_read_as_all_ones_in_every_width(port: int) -> None:
    guest = assemble(
        f"mov edx, {port}",
        "mov rax, 0x1122334455660000",
        "in al, dx",
        'SHOW "in8", rax',
        "mov rax, 0x1122334455660000",
        "in ax, dx",
        'SHOW "in16", rax',
        "mov rax, 0x1122334455660000",
        "in eax, dx",
        'SHOW "in32", rax',
        "hlt",
    )
    run = once("trace=off", guest=guest)
    assert run.shown == {
        "in8": 0x11223344556600FF,
        "in16": 0x112233445566FFFF,
        "in32": 0x00000000FFFFFFFF,  # a 32-bit destination clears the upper half
    }


def test_other_ports_swallow_writes_which_are_reported() -> None:
    guest = assemble(
        "mov eax, 0x12345678", "out 0x80, al", "out 0x80, ax", "mov dx, 0xCF8", "out dx, eax", "hlt"
    )
    run = boot(guest=guest)
    assert run.status == 0
    assert [one.keys["what"] for one in io(run)] == [
        "OUT port 0x80, 1 byte",
        "OUT port 0x80, 2 bytes",
        "OUT port 0xcf8, 4 bytes",
    ]


def test_ports_of_the_machine_are_out_of_reach() -> None:
    """The machine's own power-off, reset and serial ports: a guest's writes change nothing."""
    guest = assemble(
        "mov dx, 0xB004",
        "mov ax, 0x2000",
        "out dx, ax",
        "mov dx, 0xCF9",
        "mov al, 6",
        "out dx, al",
        "mov dx, 0x3FB",
        "mov al, 0x80",
        "out dx, al",
        "hlt",
    )
    run = boot(guest=guest)
    assert run.status == 0 and len(io(run)) == 3 and run.end(1).keys["exits"] == "16"


@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_ins_fills_memory(cpu: str) -> None:
    guest = assemble(
        "mov rdi, buffer",
        "mov ecx, 3",
        "mov edx, 0x3FD",
        "rep insb",
        "mov ecx, 1",
        "mov edx, 0x60",
        "rep insd",
        'SHOW "buffer", [buffer]',
        "sub rdi, buffer",
        'SHOW "moved", rdi',
        "hlt",
        "align 8",
        "buffer: dq 0",
    )
    run = once("trace=off", guest=guest, cpu=cpu)
    assert run.shown == {"buffer": 0x00FFFFFFFF606060, "moved": 7}


def test_outs_from_an_unmapped_address_is_the_guests_page_fault() -> None:
    guest = assemble(
        "IDT",
        "mov edx, 0x3F8",
        "mov rsi, 0x100000000",
        'TRY "vector", outsb',
        'SHOW "cr2", [fault_cr2]',
        'SHOW "error", [fault_error]',
        "hlt",
    )
    run = boot(args=["trace=off"], guest=guest)
    assert run.shown == {"vector": PF, "cr2": 1 << 32, "error": 0}


def test_outs_from_beyond_memory_stops_the_guest() -> None:
    run = boot(guest=assemble("mov edx, 0x3F8", "mov rsi, 0x8000000", "outsb", "hlt"))
    assert run.status == 1
    assert "0x8000000" in run.end().keys["why"]
