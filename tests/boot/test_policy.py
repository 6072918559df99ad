# SPDX-License-Identifier: BSD-2-Clause
"""guest=policy: what becomes of accesses to watched memory, by each range's policy."""

from __future__ import annotations

import pytest
from harness import ALL_CPUS, OLD_CPU, Run, boot, once


def watched(run: Run, done: str) -> list[tuple[str, ...]]:
    """What is told of each access of which that became: how, where, before, after, and tried."""
    keys = ("access", "gpa", "before", "after", "tried")
    records = [one.keys for one in run.topic("ept", "watch") if one.keys["done"] == done]
    return [tuple(one[key] for key in keys if key in one) for one in records]


def test_the_ranges_and_their_policies_are_told() -> None:
    told = {one.keys["gpa"]: one.keys for one in once("guest=policy").topic("ept", "watching")}
    assert {gpa: (keys["access"], keys["policy"]) for gpa, keys in told.items()} == {
        "0x180000-0x18003f": ("write", "ignore"),
        "0x181000-0x181fff": ("write", "inject-gp"),
        "0x182000-0x182fff": ("read-write", "inject-pf"),
        "0x183000-0x18303f": ("write", "call"),
        "0x300000-0x300fff": ("read-write", "ignore"),
        "0x101000-0x10103f": ("fetch", "report"),
        "0x184000-0x18403f": ("write", "stop"),
    }


@pytest.mark.parametrize("cpu", [OLD_CPU, "corei7_haswell_4770", "tigerlake", "sapphire_rapids"])
def test_ignored_writes_leave_memory_as_it_was_and_say_what_was_tried(cpu: str) -> None:
    run = once("guest=policy", cpu=cpu)
    ones = "0xffffffffffffffff"
    assert watched(run, "ignored") == [
        ("write", "0x180000", "0x0", "0x0", "0x1111"),
        ("write", "0x180000", "0x0", "0x0", "0x33"),  # the string, where it comes into the range
        ("write", "0x180001", "0x0", "0x0", "0x33"),
        # 4 bytes in the range, which stay, and 4 behind it, which are written.
        ("write", "0x18003c", "0x0", "0x4444444400000000", "0x4444444444444444"),
        ("write", "0x18003e", "0x444444440000", "0x4444ffff0000", "0x4444ffffffff"),  # INS
        ("write", "0x183000", "0x5555", "0x5555", "0x6666"),  # so the handler said
        ("write", "0x300000", ones, ones, "0x7777"),  # there is no memory
        ("read", "0x300000", ones, ones),
    ]
    # The guest has looked at all of it, too: else it ends with code 1, and not by its last store.
    assert run.end().keys["why"].startswith("write of gpa 0x184000 by rip 0x10")


@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_faults_are_injected_and_memory_stays(cpu: str) -> None:
    run = once("guest=policy", cpu=cpu)
    assert watched(run, "injected-gp") == [
        ("write", "0x181000", "0x0", "0x0"),
        ("write", "0x1817f8", "0x0", "0x0"),  # #UD cannot be pushed,
        ("write", "0x1817f8", "0x0", "0x0"),  # nor can #GP, so it is #DF
    ]
    assert watched(run, "injected-pf") == [
        ("read", "0x182008", "0x0", "0x0"),
        ("read", "0x182000", "0x0", "0x0"),  # OUTS, whose reads Lintel makes
    ]
    injected = [one.keys for one in run.exits() if "inject" in one.keys]
    assert [(one["reason"], one["inject"]) for one in injected] == [
        ("EPT_VIOLATION", "#GP"),
        ("EPT_VIOLATION", "#GP"),
        ("EPT_VIOLATION", "#DF"),
        ("EPT_VIOLATION", "#PF"),
        ("IO_INSTRUCTION", "#PF"),
    ]


def test_a_handler_lets_through_what_it_likes() -> None:
    through = watched(once("guest=policy"), "let-through")
    assert through[0] == ("write", "0x183000", "0x0", "0x5555")


def test_an_instruction_that_exits_does_not_hide_the_next_one() -> None:
    run = once("guest=policy")
    fetched = [gpa for access, gpa, *_ in watched(run, "let-through") if access == "fetch"]
    assert fetched == ["0x101000", "0x101002", "0x101004"]
    assert "CPUID" in [one.keys["reason"] for one in run.exits()]


def test_stop_ends_the_vm_and_says_who_accessed_what() -> None:
    run = once("guest=policy")
    assert run.status == 0 and run.result is not None  # as its description says
    assert watched(run, "stopped") == [("write", "0x184000", "0x0", "0x0")]
    *_, last = run.exits()
    assert (last.keys["reason"], last.keys["action"]) == ("EPT_VIOLATION", "stop")
    why = f"write of gpa 0x184000 by rip {last.keys['rip']}"
    assert run.end().keys["why"] == run.result.keys["why"] == why


@pytest.mark.parametrize("trace", ["ring", "off"])
@pytest.mark.parametrize("cpu", [cpu for cpu in ALL_CPUS if cpu != "corei5_lynnfield_750"])
def test_policies_give_back_what_they_took(cpu: str, trace: str) -> None:
    run = boot(args=["guest=policy", f"trace={trace}"], cpu=cpu)
    assert run.status == 0
    assert len(run.topic("ept", "watch")) == 18
    assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))
