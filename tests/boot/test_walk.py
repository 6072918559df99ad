# SPDX-License-Identifier: BSD-2-Clause
"""Step 9 of the flow: an address walked, through EPT and in both dimensions, as the log has it."""

from __future__ import annotations

import pytest
from guests import PF, assemble
from harness import ALL_CPUS, OLD_CPU, Run, boot, once

from launcher.records import Record

ANY = pytest.mark.parametrize("cpu", ALL_CPUS)
HLT = "hlt"
BEYOND = 0x1000000  # the end of a flat guest's memory, which its own tables map


def walks(run: Run) -> list[list[Record]]:
    """Each walk of the run: its header, its entries, and what came of it."""
    found: list[list[Record]] = []
    for record in run.topic("walk"):
        if "eptp" in record.keys:
            found.append([])
        if found:
            found[-1].append(record)
    return found


def one_walk(run: Run) -> tuple[Record, list[Record], dict[str, str]]:
    (walk,) = walks(run)
    return walk[0], walk[1:-1], walk[-1].keys


def levels(entries: list[Record], of: str = "ept") -> list[int]:
    return [int(one.keys["level"]) for one in entries if one.keys.get("of", "ept") == of]


def eptp(run: Run, vm: int = 0) -> str:
    (ready,) = (one for one in run.topic("ept", "ready") if one.keys["vm"] == str(vm))
    return ready.keys["eptp"]


def hpa_of(run: Run, gpa: int) -> int:
    """Where VM 0's memory was mapped to, by the records of the mapping."""
    for one in run.topic("ept", "mapped"):
        first, last = (int(part, 16) for part in one.keys["gpa"].split("-"))
        if one.keys["vm"] == "0" and first <= gpa <= last:
            return int(one.keys["hpa"], 16) + gpa - first
    raise AssertionError(f"{gpa:#x} is not mapped")


@ANY
def test_when_a_guest_ends_its_rip_is_walked_in_both_dimensions(cpu: str) -> None:
    run = once("guest=hlt", cpu=cpu)
    header, entries, end = one_walk(run)  # of VM 0: VM 1 did not fail
    assert header.words == "guest-virtual"
    assert header.keys["vm"] == "0" and header.keys["eptp"] == eptp(run)
    assert header.keys["gva"] == run.exits()[-1].keys["rip"] == "0x10000f"
    assert (header.keys["access"], header.keys["mode"]) == ("fetch", "supervisor")
    assert header.keys["paging"] == "4-level"
    assert levels(entries, "guest") == [4, 3, 2] and levels(entries) == [4, 3, 2, 1]
    assert end["fault"] == "none" and end["gpa"] == "0x10000f"
    assert int(end["hpa"], 16) == hpa_of(run, 0x10000F)
    assert (end["rights"], end["type"]) == ("rwx", "wb")
    assert (end["guest-page"], end["page"]) == ("2-MiB", "4-KiB")
    assert len(run.topic("walk")) <= 20


def test_each_table_leads_to_the_next() -> None:
    _, entries, _ = one_walk(once("guest=hlt"))
    steps = [one.keys for one in entries if one.keys.get("of") == "guest"]
    for here, below in zip(steps, steps[1:], strict=False):
        assert int(here["value"], 16) & ~0xFFF == int(below["gpa"], 16) & ~0xFFF
    steps = [one.keys for one in entries if "of" not in one.keys]
    for here, below in zip(steps, steps[1:], strict=False):
        assert int(here["value"], 16) & ~0xFFF == int(below["table"], 16)


def test_the_picture_is_indented_by_level() -> None:
    lines = [line.partition(" walk: ")[2] for line in once("guest=hlt").log.splitlines()]
    indents = [len(line) - len(line.lstrip()) for line in lines if " level=" in line]
    assert indents == [0, 2, 4, 6, 8, 10, 12]


@ANY
def test_a_guest_physical_address_is_walked(cpu: str) -> None:
    run = once("guest=hlt", "walk=gpa:0x101abc", cpu=cpu)
    header, entries, end = one_walk(run)
    assert header.words == "guest-physical" and header.keys["eptp"] == eptp(run)
    assert levels(entries) == [4, 3, 2, 1]
    assert [one.keys["next"] for one in entries] == ["table"] * 3 + ["page"]
    assert end["fault"] == "none" and int(end["hpa"], 16) == hpa_of(run, 0x101ABC)
    assert (run.status, run.end().keys["why"]) == (0, "HLT")


def test_a_large_page_ends_the_walk_early() -> None:
    run = once("guest=loop", "limit=1", "walk=gpa:0x1fffff", cpu=OLD_CPU)
    _, entries, end = one_walk(run)
    assert levels(entries) == [4, 3, 2] and end["page"] == "2-MiB"
    assert int(end["hpa"], 16) == hpa_of(run, 0x1FFFFF)


def test_a_guest_virtual_address_is_walked_with_the_walk_of_every_table() -> None:
    run = once("guest=hlt", "walk=gva:0x100005")
    header, entries, end = one_walk(run)
    assert header.keys["access"] == "read" and end["fault"] == "none"
    assert levels(entries, "guest") == [4, 3, 2] and levels(entries) == [4, 3, 2, 1] * 4
    for at, entry in enumerate(entries):
        if entry.keys.get("of") == "guest":
            below = entries[at + 1 : at + 5]
            assert {one.keys["gpa"] for one in below} == {entry.keys["gpa"]}
            leaf = int(below[-1].keys["value"], 16) & 0xFFFFFFFFFF000
            offset = int(entry.keys["gpa"], 16) & 0xFFF
            assert int(entry.keys["hpa"], 16) == leaf + offset


def test_both_may_be_asked_for_at_once() -> None:
    run = once("walk=gva:0x100000", "walk=gpa:0x163fff")
    assert [walk[0].words for walk in walks(run)] == ["guest-physical", "guest-virtual"]
    assert all(walk[-1].keys["fault"] == "none" for walk in walks(run))


@pytest.mark.parametrize(
    ("address", "fault", "why"),
    [
        (0x0, "EPT-violation", "not present at level 1 (PTE)"),
        (0x164000 + 0x600000, "EPT-violation", "not present at level 2 (PDE)"),
        (1 << 39, "EPT-violation", "not present at level 4 (PML4E)"),
        (1 << 40, "no-such-address", "40 address bits"),
        ((1 << 64) - 1, "no-such-address", "40 address bits"),
    ],
)
def test_a_guest_physical_address_that_is_not_there(address: int, fault: str, why: str) -> None:
    _, _, end = one_walk(once("guest=hlt", f"walk=gpa:{address:#x}"))
    assert end["fault"] == fault and why in end["why"]


@pytest.mark.parametrize(
    ("address", "fault", "why"),
    [
        (0x1000, "EPT-violation", "not present at level 1 (PTE)"),
        (1 << 32, "#PF", "not present at level 3 (the guest's PDPTE)"),
        (0xFFFF800000000000, "#PF", "not present at level 4 (the guest's PML4E)"),
        (0x800000000000, "#GP", "not canonical"),
        (1 << 63, "#GP", "not canonical"),
    ],
)
def test_a_guest_virtual_address_that_is_not_there(address: int, fault: str, why: str) -> None:
    _, _, end = one_walk(once("guest=hlt", f"walk=gva:{address:#x}"))
    assert end["fault"] == fault and why in end["why"]


@pytest.mark.parametrize(
    "code",
    [
        "mov rax, [rbx]",
        "mov [rbx], rax",
        "call rbx",
    ],
    ids=["read", "write", "fetch"],
)
@ANY
def test_the_walk_of_a_violation_says_what_the_processor_said(cpu: str, code: str) -> None:
    run = once(guest=assemble(f"mov ebx, {BEYOND + 0x123000}", code), cpu=cpu)
    (exit_,) = run.exits()
    walk = walks(run)[0]
    assert walk[0].keys["gva"] == exit_.keys["gla"]
    end = walk[-1].keys
    assert end["fault"] == "EPT-violation" and end["gpa"] == exit_.keys["gpa"]
    assert end["qual"] == exit_.keys["qual"]
    assert "not present at level 2 (PDE)" in end["why"]
    (violation,) = run.topic("walk", "violation")
    assert "nothing is mapped" in violation.keys["what"]


def test_a_guest_table_beyond_memory_is_named() -> None:
    """With CR3 there, the next fetch finds nothing to begin with."""
    run = once(guest=assemble(f"mov eax, {BEYOND}", "mov cr3, rax", "nop"))
    end = walks(run)[0][-1].keys
    assert end["fault"] == "EPT-violation" and end["gpa"] == hex(BEYOND)
    assert end["why"] == "reading the guest's PML4E: not present at level 2 (PDE)"
    (violation,) = run.topic("walk", "violation")
    assert "of a guest paging structure" in violation.keys["what"]
    assert walks(run)[0][1].keys["next"] == "fault"


PAGES = """
        mov dword [0x3000 + 8 * 5], 0xA00081     ; read-only, supervisor: linear A00000H
        mov dword [0x3000 + 8 * 6], 0xC02083     ; a reserved bit: linear C00000H
        mov rax, cr3
        mov cr3, rax
"""


@pytest.mark.parametrize(
    ("address", "code", "error", "why"),
    [
        (0x100000000, "mov rax, [rbx]", 0x0, "not present at level 3"),
        (0xC00008, "mov rax, [rbx]", 0x9, "PDE (level 2) has reserved bits 0x2000"),
    ],
)
@ANY
def test_a_page_fault_has_the_error_code_that_the_guest_sees(
    cpu: str, address: int, code: str, error: int, why: str
) -> None:
    guest = assemble(
        PAGES,
        "IDT",
        f"mov rbx, {address}",
        f'TRY "vector", {code}',
        'SHOW "error", [fault_error]',
        HLT,
    )
    run = once(f"walk=gva:{address:#x}", guest=guest, cpu=cpu)
    assert (run.shown["vector"], run.shown["error"]) == (PF, error)
    _, _, end = one_walk(run)
    assert (end["fault"], int(end["error"], 16)) == ("#PF", error) and why in end["why"]


def test_the_rights_of_a_guests_page_are_shown() -> None:
    _, entries, end = one_walk(once("walk=gva:0xa00010", guest=assemble(PAGES, HLT)))
    guest = [one.keys for one in entries if one.keys.get("of") == "guest"]
    assert guest[-1]["rights"] == "r-x-" and guest[-1]["page"] == "2-MiB"
    assert end["guest-rights"] == "r-x-" and end["gpa"] == "0xa00010"


@pytest.mark.parametrize("cpu", ["corei7_haswell_4770", "tigerlake"])
def test_accessed_and_dirty_flags_are_shown(cpu: str) -> None:
    run = once("walk=gpa:0x100000", guest=assemble("mov [0x100800], rax", HLT), cpu=cpu)
    _, entries, _ = one_walk(run)
    assert [one.keys["flags"] for one in entries] == ["A", "A", "A,D"]


def test_a_guest_that_failed_is_walked_but_not_twice_the_same() -> None:
    run = once(guest=assemble(f"mov eax, {BEYOND}", "jmp rax"))
    assert len(walks(run)) == 1
    run = once(guest=assemble("ud2"))
    _, _, end = one_walk(run)
    assert run.status == 1 and end["gva"] == "0x100000"


@pytest.mark.parametrize(
    "value", ["banana", "0x1000", "gpa:", "gpa:1000", "gva:0xg", "hpa:0x0", "gva:0x1" + "0" * 16]
)
def test_a_bad_value_is_complained_of_with_what_is_allowed(value: str) -> None:
    run = once(f"walk={value}")
    (complaint,) = run.topic("boot", "option")
    assert "bad value; allowed: gpa:0x" in complaint.keys["says"]
    assert run.status == 0 and one_walk(run)[0].keys["access"] == "fetch"


def test_the_second_of_a_kind_counts() -> None:
    run = boot(args=["walk=gpa:0x1000", "walk=gpa:0x100000"])
    assert "given twice" in run.topic("boot", "option")[0].keys["says"]
    assert one_walk(run)[0].keys["gpa"] == "0x100000"
