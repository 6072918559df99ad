# SPDX-License-Identifier: BSD-2-Clause
"""trace= and the table of exits."""

from __future__ import annotations

import pytest
from guests import assemble
from harness import CPUS, Run, boot, once

KEPT = 256


def manner(run: Run) -> list[dict[str, str]]:
    """The exits less what differs from run to run."""
    return [one.keys for one in run.exits()]


@pytest.mark.parametrize("cpu", CPUS)
def test_the_ring_tells_at_the_end_what_live_tells_at_once(cpu: str) -> None:
    live = once("guest=tour", "trace=live", cpu=cpu)
    ring = once("guest=tour", "trace=ring", cpu=cpu)
    assert manner(live) == manner(ring) != []
    assert not [one for one in ring.topic("trace") if "lost" in one.keys]

    def order(run: Run) -> list[str]:
        return [one.topic for one in run.records if one.topic == "exit" or "text" in one.keys]

    assert order(live)[:2] == ["exit", "guest"]
    assert "exit" not in order(ring)[: len(ring.printed)]


def test_live_is_the_default() -> None:
    assert manner(once("guest=tour")) == manner(once("guest=tour", "trace=live"))


@pytest.mark.parametrize("count", [255, 256, 257, 1000])
def test_a_full_ring_loses_its_oldest_and_says_how_many(count: int) -> None:
    run = boot(args=["guest=loop", f"limit={count}", "trace=ring"])
    assert run.status == 0 and run.end().keys["exits"] == str(count)
    kept = min(count, KEPT)
    numbers = [int(one.keys["n"]) for one in run.exits()]
    assert numbers == list(range(count - kept + 1, count + 1))
    lost = [one.keys for one in run.topic("trace") if "lost" in one.keys]
    if count > KEPT:
        assert [(one["vm"], one["lost"], one["kept"]) for one in lost] == [
            ("0", str(count - KEPT), str(KEPT))
        ]
    else:
        assert lost == []


def test_off_tells_no_exit_but_the_statistics_and_the_guests_text() -> None:
    run = once("guest=tour", "trace=off")
    assert run.status == 0 and run.topic("exit") == []
    assert run.printed == once("guest=tour").printed
    assert run.end().keys["exits"] == once("guest=tour").end().keys["exits"]


@pytest.mark.parametrize("trace", ["live", "ring", "off"])
@pytest.mark.parametrize("cpu", CPUS)
def test_the_table_counts_every_exit(cpu: str, trace: str) -> None:
    run = once("guest=tour", f"trace={trace}", cpu=cpu)
    rows = [one.keys for one in run.topic("stat") if one.keys.get("vm") == "0"]
    rows = [row for row in rows if "reason" in row]
    assert sum(int(row["count"]) for row in rows) == int(run.end().keys["exits"])
    assert len({row["reason"] for row in rows}) == len(rows) >= 9
    shares = [float(row["share"].removesuffix("%")) for row in rows]
    assert 99 <= sum(shares) <= 100.01
    for row, share in zip(rows, shares, strict=True):
        least, mean, most = (int(row[key]) for key in ("min", "mean", "max"))
        assert 0 < least <= mean <= most
        if row["count"] == "1":
            assert least == mean == most
        assert abs(share - 100 * int(row["count"]) / int(run.end().keys["exits"])) <= 0.1


def test_the_table_agrees_with_the_trace() -> None:
    run = once("guest=tour")
    traced: dict[str, int] = {}
    for one in run.exits():
        traced[one.keys["reason"]] = traced.get(one.keys["reason"], 0) + 1
    table = {
        one.keys["reason"]: int(one.keys["count"])
        for one in run.topic("stat")
        if one.keys.get("vm") == "0" and "reason" in one.keys
    }
    assert table == traced


def test_printing_is_no_part_of_an_exits_cost() -> None:
    body = ("mov r8, rcx", "cpuid", "mov rcx, r8")
    guest = assemble("mov ecx, 100", "again:", *body, "loop again", "hlt")

    def mean(trace: str) -> int:
        run = once(f"trace={trace}", guest=guest)
        (row,) = (one.keys for one in run.topic("stat") if one.keys.get("reason") == "CPUID")
        return int(row["mean"])

    assert abs(mean("live") - mean("ring")) <= 10
