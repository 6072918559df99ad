# SPDX-License-Identifier: BSD-2-Clause
"""The tour: one of each common exit, each with what is valid for it and no more."""

from __future__ import annotations

import re

import pytest
from harness import CPUS, Run, once
from launcher.records import Record

ALWAYS = {"n", "vm", "vcpu", "reason", "code", "rip", "action"}
ALLOWED = {  # beside ALWAYS and what=; those in brackets only sometimes
    "CPUID": ("len", ""),
    "HLT": ("len", ""),
    "INVD": ("len", ""),
    "VMCALL": ("len", ""),
    "VMXON": ("len qual", ""),
    "CONTROL_REGISTER": ("len qual", ""),
    "IO_INSTRUCTION": ("len qual", "gla"),  # gla: of the string instructions
    "RDMSR": ("len", ""),
    "WRMSR": ("len", ""),
    "XSETBV": ("len", ""),
    "EPT_VIOLATION": ("qual gla gpa", "vectoring"),
}
CODES = {
    "CPUID": 10,
    "HLT": 12,
    "INVD": 13,
    "VMCALL": 18,
    "VMXON": 27,
    "CONTROL_REGISTER": 28,
    "IO_INSTRUCTION": 30,
    "RDMSR": 31,
    "WRMSR": 32,
    "EPT_VIOLATION": 48,
    "XSETBV": 55,
}
ANY = pytest.mark.parametrize("cpu", CPUS)


def tour(cpu: str) -> Run:
    return once("guest=tour", cpu=cpu)


def of(cpu: str, reason: str) -> list[Record]:
    return [one for one in tour(cpu).exits() if one.keys["reason"] == reason]


@ANY
def test_it_passes_and_ends_by_hlt(cpu: str) -> None:
    run = tour(cpu)
    assert run.status == 0
    assert (run.end().keys["why"], run.end().keys["code"]) == ("HLT", "0")
    assert run.exits()[-1].keys["reason"] == "HLT"
    assert run.exits()[-1].keys["action"] == "stop"
    assert run.printed[-1] == "tour: done"


@ANY
def test_the_sequence_of_reasons(cpu: str) -> None:
    reasons = [
        one.keys["reason"]
        for one in tour(cpu).exits()
        if "0x3f8" not in one.keys.get("what", "")  # its own text
    ]
    xsave = cpu != CPUS[0]
    assert reasons == [
        *["CPUID"] * 2,
        *["RDMSR", "WRMSR", "RDMSR"],
        *["IO_INSTRUCTION"] * 3,
        *["CONTROL_REGISTER"] * 5,
        *["VMCALL", "VMXON", "RDMSR"],
        *["EPT_VIOLATION"] * 2,
        "CPUID",
        *(["CPUID", "XSETBV", "XSETBV"] if xsave else []),
        "INVD",
        "HLT",
    ]


@ANY
def test_numbers_count_and_the_end_record_has_their_sum(cpu: str) -> None:
    run = tour(cpu)
    assert [int(one.keys["n"]) for one in run.exits()] == list(range(1, len(run.exits()) + 1))
    assert run.result is not None
    assert run.end().keys["exits"] == str(len(run.exits()))
    assert run.result.keys["exits"] == str(len(run.exits()) + 16)


@ANY
def test_each_exit_has_the_keys_that_are_valid_for_it(cpu: str) -> None:
    for one in tour(cpu).exits():
        required, optional = ALLOWED[one.keys["reason"]]
        keys = set(one.keys) - {"what"}
        if one.keys["action"] == "resume":
            keys -= {"inject"}  # where, the test at the end looks at
        assert ALWAYS | set(required.split()) <= keys, one
        assert keys <= ALWAYS | set(required.split()) | set(optional.split()), one
        assert int(one.keys["code"]) == CODES[one.keys["reason"]]
        if one.keys["reason"] == "IO_INSTRUCTION":
            assert ("gla" in one.keys) == (int(one.keys["qual"], 16) >> 4 & 1 == 1)


@ANY
def test_lengths_are_the_instructions(cpu: str) -> None:
    lengths = {"CPUID": {2}, "RDMSR": {2}, "WRMSR": {2}, "VMCALL": {3}, "INVD": {2}, "XSETBV": {3}}
    for reason, expected in lengths.items():
        assert {int(one.keys["len"]) for one in of(cpu, reason)} <= expected


@ANY
def test_an_advanced_exit_goes_on_behind_its_instruction(cpu: str) -> None:
    """In straight code, the next exit never lies before the end of the instruction passed over."""
    exits = tour(cpu).exits()
    for one, after in zip(exits, exits[1:], strict=False):
        end = int(one.keys["rip"], 16) + int(one.keys.get("len", "0"))
        if one.keys["action"] == "advance":
            assert int(after.keys["rip"], 16) >= end, (one, after)


@ANY
def test_vmx_instructions_and_absent_msrs_are_answered_not_passed_over(cpu: str) -> None:
    assert [one.keys["action"] for one in of(cpu, "VMCALL") + of(cpu, "VMXON")] == ["resume"] * 2
    actions = [one.keys["action"] for one in of(cpu, "RDMSR")]
    assert actions == ["advance", "advance", "resume"]  # IA32_EFER twice, IA32_VMX_BASIC
    assert [one.keys["action"] for one in of(cpu, "WRMSR")] == ["advance"]


@ANY
def test_control_registers_in_words(cpu: str) -> None:
    found = [(one.keys["what"], one.keys["action"]) for one in of(cpu, "CONTROL_REGISTER")]
    assert found[:5] == [
        ("MOV to CR0 from RAX", "advance"),
        ("MOV to CR0 from RAX", "advance"),
        ("MOV from CR3 to RAX", "advance"),
        ("MOV to CR3 from RAX", "advance"),
        ("MOV to CR4 from RAX", "resume"),  # VMXE: #GP
    ]


@ANY
def test_ports_in_words(cpu: str) -> None:
    found = [one.keys["what"] for one in of(cpu, "IO_INSTRUCTION")]
    assert "IN port 0x3fd, 1 byte" in found
    assert "IN port 0x80, 4 bytes" in found
    assert "OUT port 0x80, 1 byte" in found
    assert "REP OUTS port 0x3f8, 1 byte" in found


@ANY
def test_ept_violations_in_words_and_a_fault_in_event_delivery(cpu: str) -> None:
    touch, push = of(cpu, "EPT_VIOLATION")
    assert touch.keys["gpa"] == touch.keys["gla"] == "0x200000"
    assert re.match("read\\b.*, nothing is mapped", touch.keys["what"])
    assert "vectoring" not in touch.keys
    # A trap's frame goes to a stack that is not there: #DB is on its way, and comes only once.
    assert int(push.keys["vectoring"], 16) == 0x80000301
    assert push.keys["gpa"] == push.keys["gla"] == "0x203ff8"
    assert push.keys["action"] == "resume"
    assert re.match("write\\b.*, nothing is mapped", push.keys["what"])


@ANY
def test_the_pages_that_were_touched_are_told(cpu: str) -> None:
    populated = [one for one in tour(cpu).topic("ept") if "populated" in one.words]
    assert [one.keys["gpa"] for one in populated] == ["0x200000", "0x203000"]
    assert all(re.fullmatch("0x[0-9a-f]+000", one.keys["hpa"]) for one in populated)


@pytest.mark.parametrize("cpu", CPUS[1:])
def test_xsetbv_good_and_bad(cpu: str) -> None:
    assert [one.keys["action"] for one in of(cpu, "XSETBV")] == ["advance", "resume"]


@ANY
def test_every_step_says_what_it_does(cpu: str) -> None:
    said = " ".join(tour(cpu).printed)
    for word in ("CPUID", "RDMSR", "WRMSR", "ports", "CR0, CR3 and CR4", "VMCALL", "a trap"):
        assert word in said
    assert all(line.startswith("tour: ") for line in tour(cpu).printed)


@pytest.mark.parametrize("cpu", CPUS)
def test_an_injected_exception_is_named_and_so_is_the_msr(cpu: str) -> None:
    injected = [
        (one.keys["reason"], one.keys["inject"], one.keys["action"])
        for one in tour(cpu).exits()
        if "inject" in one.keys
    ]
    assert ("CONTROL_REGISTER", "#GP", "resume") in injected
    assert ("VMCALL", "#UD", "resume") in injected and ("VMXON", "#UD", "resume") in injected
    words = [one.keys.get("what") for one in tour(cpu).exits() if one.keys["reason"] == "RDMSR"]
    assert words == ["MSR 0xc0000080", "MSR 0xc0000080", "MSR 0x480"]
