# SPDX-License-Identifier: BSD-2-Clause
"""The ways in which a user's guest ends, and the verdict that each brings."""

from __future__ import annotations

import pytest
from guests import assemble
from harness import CPUS, OLD_CPU, REPOSITORY, Run, boot, once

ANY = pytest.mark.parametrize("cpu", CPUS)


def result(run: Run) -> tuple[int, str, str]:
    assert run.result is not None
    assert run.status == (0 if run.result.keys["status"] == "pass" else 1)
    assert run.end(1).keys["why"] == "HLT"  # whatever it was, leaving was clean
    return run.status, run.end().keys["why"], run.end().keys["code"]


@ANY
def test_hlt_passes(cpu: str) -> None:
    run = once(guest=assemble("hlt"), cpu=cpu)
    assert result(run) == (0, "HLT", "0")
    assert run.end().keys["guest"] == "module"


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_out_of_a_code_ends_it_with_that_code(code: int) -> None:
    run = once(guest=assemble(f"mov eax, 0x1100 + {code}", "out 0xF4, al", "hlt"))
    status, _, reported = result(run)
    assert (status, reported) == (int(code != 0), str(code))
    assert [one.keys["action"] for one in run.exits()] == ["stop"]


@ANY
def test_hlt_with_interrupts_on_is_a_failure_that_says_why(cpu: str) -> None:
    status, why, _ = result(once(guest=assemble("sti", "hlt"), cpu=cpu))
    assert status == 1 and "HLT with interrupts on" in why


@ANY
@pytest.mark.parametrize("address", [0x1000000, 0x1000FF8, 0xFEE00000, 0xFFFFFFF8])
def test_an_address_beyond_its_memory_is_an_ept_violation(cpu: str, address: int) -> None:
    run = once(guest=assemble(f"mov rax, {address}", "mov rbx, [rax]", "hlt"), cpu=cpu)
    status, why, _ = result(run)
    assert status == 1 and "EPT violation" in why and hex(address) in why
    (only,) = run.exits()
    assert only.keys["reason"] == "EPT_VIOLATION" and only.keys["action"] == "stop"
    assert only.keys["gpa"] == only.keys["gla"] == hex(address)
    assert only.keys["what"].startswith("read")


def test_the_last_byte_of_its_memory_is_still_there() -> None:
    run = once(guest=assemble("mov al, [rdi - 1]", "mov [rdi - 1], al", "hlt"))
    assert result(run) == (0, "HLT", "0")


def test_a_write_and_a_fetch_beyond_its_memory_are_named() -> None:
    write = once(guest=assemble("mov byte [0x1000000], 1"))
    assert write.exits()[-1].keys["what"].startswith("write")
    fetch = once(guest=assemble("mov rax, 0x1000000", "jmp rax"))
    assert "fetch" in fetch.exits()[-1].keys["what"]
    assert (write.status, fetch.status) == (1, 1)


def test_the_last_exit_is_reported_whole() -> None:
    run = once(guest=assemble("mov r9, 0x1234", "mov byte [0x1000000], 1"))
    state = {key: value for one in run.topic("vm") for key, value in one.keys.items()}
    assert state["r9"] == "0x1234" and state["rsp"] == "0xffff8"
    assert {"cr0", "cr3", "cr4", "rflags", "gdtr", "segment"} <= state.keys()
    assert any("0x1000000" in one.keys.get("gpa", "") for one in run.topic("walk"))


@ANY
@pytest.mark.parametrize("address", [1 << 32, 0x7FFFFFFFF000, 0xFFFFFFFF80000000])
def test_an_address_beyond_4_gib_is_a_page_fault_so_a_triple_fault(cpu: str, address: int) -> None:
    run = once(guest=assemble(f"mov rax, {address}", "mov rbx, [rax]", "hlt"), cpu=cpu)
    status, why, _ = result(run)
    assert status == 1 and "triple fault" in why
    assert [one.keys["reason"] for one in run.exits()] == ["TRIPLE_FAULT"]


@ANY
def test_a_triple_fault_of_a_users_guest_fails(cpu: str) -> None:
    status, why, _ = result(once(guest=assemble("ud2"), cpu=cpu))
    assert status == 1 and "triple fault" in why


def test_a_limit_ends_it_as_passed() -> None:
    run = once("limit=5", guest=assemble("again: cpuid", "jmp again"))
    assert result(run)[:2] == (0, "limit")
    assert len(run.exits()) == 5


def test_a_forged_result_does_not_count() -> None:
    """Whatever it prints, in a record of its own or in the middle of one."""
    guest = assemble(
        "        mov rsi, text",
        "        mov ecx, text_end - text",
        "        mov edx, 0x3F8",
        "        rep outsb",
        "        mov al, 9",
        "        out 0xF4, al",
        'text:   db 13, 10, "[000001.000000] cpu0 result: status=pass exits=1"',
        '        db " guest=x token=0", 13, 10',
        "text_end:",
    )
    run = boot(guest=guest)
    assert result(run) == (1, "OUT to port 0xf4", "9")
    assert any("status=pass" in line for line in run.printed)


def test_the_example_guest() -> None:
    run = boot(guest=(REPOSITORY / "build/guest/hello.bin").read_bytes())
    assert result(run) == (0, "HLT", "0")
    assert run.printed == ["Hello from a guest of my own"]


def test_a_built_in_guest_may_be_asked_for_beside_a_module() -> None:
    run = boot(args=["guest=triple"], guest=assemble("hlt"))
    assert run.end().keys["guest"] == "triple"


def test_guest_module_asks_for_what_is_there_anyway() -> None:
    assert boot(args=["guest=module"], guest=assemble("hlt")).end().keys["guest"] == "module"


@pytest.mark.parametrize(
    ("image", "args", "says"),
    [
        (b"", [], "empty"),
        (b"\xf4" * (15 * 2**20 + 1), [], "does not fit"),
        (b"\xf4" * (2**20 + 1), ["memory=2M"], "does not fit"),
        (b"\xf4", ["memory=1M"], "2 MiB"),
        (b"\xf4", ["memory=4K"], "2 MiB"),
        (b"\xf4", ["memory=1G"], "too little memory"),
        (b"\xf4", ["memory=1024G"], "too little memory"),
    ],
    ids=["empty", "beyond-16M", "beyond-2M", "memory-1M", "memory-4K", "memory-1G", "memory-1024G"],
)
def test_what_does_not_fit_is_refused_before_launch(
    image: bytes, args: list[str], says: str
) -> None:
    run = boot(args=args, guest=image)
    why = run.end().keys["why"]
    assert run.status == 1 and run.end().keys["exits"] == "0"
    assert run.result is not None and run.result.keys["why"] == why
    assert any(says in line for line in run.log.splitlines() if " guest: " in line), why
    assert not [one for one in run.topic("vm") if "launch" in one.words and one.keys["vm"] == "0"]


def test_an_image_that_just_fits_runs() -> None:
    run = boot(args=["memory=2M"], guest=b"\xf4" * 2**20)
    assert result(run) == (0, "HLT", "0")


def test_the_same_guest_runs_from_the_iso() -> None:
    guest = assemble('SHOW "here", 0x1234', "hlt")
    run = boot(guest=guest, machine="bochs", cpu=OLD_CPU)
    assert run.status == 0 and run.shown == {"here": 0x1234}
    assert "GRUB" in run.log and "modules=1" in run.log
