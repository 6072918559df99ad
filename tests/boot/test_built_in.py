# SPDX-License-Identifier: BSD-2-Clause
"""How the other built-in guests end, and the limit."""

from __future__ import annotations

import pytest
from harness import ALL_CPUS, CPUS, OLD_CPU, once


@pytest.mark.parametrize("cpu", ALL_CPUS)
def test_triple_passes_by_its_triple_fault(cpu: str) -> None:
    run = once("guest=triple", cpu=cpu)
    assert run.status == 0
    assert run.end().keys["why"] == "triple fault"
    (only,) = run.exits()
    assert (only.keys["reason"], only.keys["code"]) == ("TRIPLE_FAULT", "2")
    assert only.keys["action"] == "stop"
    assert "len" not in only.keys and "qual" not in only.keys


@pytest.mark.parametrize("trace", ["live", "ring", "off"])
@pytest.mark.parametrize("cpu", CPUS)
def test_loop_is_ended_by_its_limit_through_the_preemption_timer(cpu: str, trace: str) -> None:
    run = once("guest=loop", "limit=50", f"trace={trace}", cpu=cpu)
    assert run.status == 0 and run.result is not None
    assert run.result.keys["why"] == "limit"
    assert run.end().keys["exits"] == "50"
    assert run.end(1).keys["exits"] == "16"
    if trace != "off":
        exits = run.exits()
        assert {one.keys["reason"] for one in exits} == {"PREEMPTION_TIMER"}
        assert {one.keys["rip"] for one in exits} == {"0x100000"}
        assert "len" not in exits[0].keys


@pytest.mark.parametrize("limit", [1, 5, 15])
def test_a_limit_below_hlts_sixteen_ends_it_earlier(limit: int) -> None:
    run = once("guest=hlt", f"limit={limit}")
    assert run.status == 0 and run.result is not None
    assert run.result.keys["why"] == run.end().keys["why"] == "limit"
    assert run.end().keys["exits"] == str(limit)
    assert run.end(1).keys["exits"] == "16"  # the limit is the asked guest's


@pytest.mark.parametrize("limit", [0, 17, 1000])
def test_a_limit_that_is_not_reached_changes_nothing(limit: int) -> None:
    run = once("guest=hlt", f"limit={limit}")
    assert run.status == 0
    assert (run.end().keys["why"], run.end().keys["exits"]) == ("HLT", "16")


def test_the_preemption_timer_is_on_only_with_a_limit() -> None:
    def pin(*args: str) -> int:
        return int(once(*args).topic("vmx", "controls")[0].keys["pin"], 16)

    assert pin("guest=hlt", "limit=5") & 1 << 6
    assert not pin("guest=hlt") & 1 << 6


@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_cost_measures_an_exit(cpu: str) -> None:
    run = once("guest=cost", "trace=ring", cpu=cpu)
    assert run.status == 0
    assert run.printed[0].startswith("cost: CPUID round trip in TSC ticks: ")
