# SPDX-License-Identifier: BSD-2-Clause
"""Faults of the hypervisor itself: a whole report, a failing verdict, and never a hang."""

from __future__ import annotations

import pytest
from harness import CPUS, OLD_CPU, Run, once

#            provoke=    name, error code, CR2 (None: any), the function that did it
FAULTS = {
    "divide": ("#DE", 0, None, "divide_by_zero"),
    "ud": ("#UD", 0, None, "undefined_instruction"),
    "gp": ("#GP", 0, None, "general_protection"),
    "page": ("#PF", 2, 8, "null_page"),
    "text": ("#PF", 3, None, "write_text"),
    "data": ("#PF", 0x11, None, None),
    "stack-guard": ("#DF", 0, None, "overflow"),
}
ALL = pytest.mark.parametrize("fault", [*FAULTS, "free-twice"])
EXCEPTIONS = pytest.mark.parametrize("fault", FAULTS)
GENERAL = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()


def panic(fault: str, cpu: str = "tigerlake") -> Run:
    return once(f"provoke={fault}", cpu=cpu, timeout=20)


def backtrace(run: Run) -> list[str]:
    frames = [one.keys for one in run.topic("panic", "backtrace")]
    assert [frame["frame"] for frame in frames] == [str(n) for n in range(len(frames))]
    return [frame["at"].partition("+")[0].partition(".")[0] for frame in frames]


@ALL
@pytest.mark.parametrize("cpu", CPUS)
def test_it_ends_with_a_failing_verdict(fault: str, cpu: str) -> None:
    run = panic(fault, cpu)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["status"] == "fail"
    assert run.records[-1] == run.result
    assert run.topic("vm") == []


@EXCEPTIONS
@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_the_exception_is_named_with_its_error_code_and_cr2(fault: str, cpu: str) -> None:
    run = panic(fault, cpu)
    name, error, cr2, _ = FAULTS[fault]
    keys = run.topic("panic")[0].keys
    assert keys["name"] == name and int(keys["error"], 16) == error
    if cr2 is not None:
        assert int(keys["cr2"], 16) == cr2
    assert run.result is not None and name in run.result.keys["why"]


@EXCEPTIONS
def test_all_registers_are_there(fault: str) -> None:
    keys = {key for one in panic(fault).topic("panic") for key in one.keys}
    assert {*GENERAL, "rip", "rflags", "cs", "ss", "cr0", "cr2", "cr3", "cr4"} <= keys


@EXCEPTIONS
def test_the_backtrace_begins_with_the_function_that_did_it(fault: str) -> None:
    function = FAULTS[fault][3]
    names = backtrace(panic(fault))
    if function is not None:
        assert names[0] == function


@ALL
def test_the_backtrace_goes_back_to_the_boot(fault: str) -> None:
    names = backtrace(panic(fault))
    if fault == "stack-guard":  # deeper than a backtrace may be
        assert set(names[:5]) == {"overflow"}
        return
    assert [name for name in names if name in ("provoke", "on_own_stack", "boot_main")] == [
        "provoke",
        "on_own_stack",
        "boot_main",
    ]


def stack_pointer(run: Run) -> int:
    return next(int(one.keys["rsp"], 16) for one in run.topic("panic") if "rsp" in one.keys)


@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_a_stack_that_overflows_hits_its_guard_page(cpu: str) -> None:
    run = panic("stack-guard", cpu)
    address = int(run.topic("panic")[0].keys["cr2"], 16)
    assert abs(address - stack_pointer(run)) < 4096
    # Another fault on the same stack, right below its top: the guard page is not far.
    assert 4096 < stack_pointer(panic("page", cpu)) - address <= 32 * 1024


def test_pages_that_are_given_back_twice_are_noticed() -> None:
    run = panic("free-twice")
    assert "pages given back that are not taken" in run.log
    assert "free_twice" in backtrace(run)
    assert run.result is not None  # and what is quoted within why= stays within it
    assert set(run.result.keys) == {"status", "why", "exits", "guest", "token"}


@pytest.mark.parametrize("cpu", CPUS)
def test_the_last_exits_are_shown_where_a_vm_was_running(cpu: str) -> None:
    run = panic("exit", cpu)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"].startswith("panic: #UD in ")
    (words,) = run.topic("panic", "the last exits, oldest first")
    after = [one for one in run.topic("exit") if one.seconds >= words.seconds]
    assert words.keys["count"] == "3" and [one.keys["n"] for one in after] == ["1", "2", "3"]
    assert "vm_run" in backtrace(run)
