# SPDX-License-Identifier: BSD-2-Clause
"""guest=watch: who wrote a watched page, and a breakpoint that the guest cannot see."""

from __future__ import annotations

from harness import OLD_CPU, Run, boot, once


def watched(run: Run, access: str) -> list[dict[str, str]]:
    return [one.keys for one in run.topic("ept", "watch") if one.keys["access"] == access]


def test_each_write_is_told_with_who_made_it_and_what_stood_there() -> None:
    run = once("guest=watch")
    assert run.status == 0
    writes = watched(run, "write")
    values = [(one["gpa"], one["before"], one["after"]) for one in writes]
    assert values == [
        ("0x180000", "0x0", "0x1111"),
        ("0x180000", "0x1111", "0x1112"),
        ("0x180010", "0x0", "0x33"),
        ("0x180011", "0x0", "0x33"),
        ("0x180012", "0x0", "0x33"),
        ("0x180000", "0x1112", "0x44444444"),
    ]
    rips = [int(one["rip"], 16) for one in writes]
    assert rips == sorted(rips) and all(0x100000 <= rip < 0x101000 for rip in rips)
    assert len(set(rips[2:5])) == 1  # the string instruction, an iteration at a time


def test_a_hidden_breakpoint_is_met_each_time_and_not_seen() -> None:
    run = once("guest=watch")
    hits = watched(run, "breakpoint")
    assert [one["rip"] for one in hits] == ["0x101000", "0x101000"]
    # The guest compares its code, and what the function gave it: it would end with code 1.
    assert run.end().keys["code"] == "0" and run.end().keys["why"] == "OUT to port 0xf4"


def test_watching_gives_back_what_it_took() -> None:
    for cpu in (OLD_CPU, "sapphire_rapids"):
        run = boot(args=["guest=watch", "trace=ring"], cpu=cpu)
        assert run.status == 0
        assert len(watched(run, "write")) == 6
        assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))
