# SPDX-License-Identifier: BSD-2-Clause
"""Memory types by the MTRRs, as the log tells them."""

from __future__ import annotations

import pytest
from harness import CPUS, Run, once


def told(run: Run) -> list[dict[str, str]]:
    return [one.keys for one in run.topic("ept") if one.words.startswith("mtrr")]


@pytest.mark.parametrize("memory", [512, 2048])
@pytest.mark.parametrize("cpu", CPUS)
def test_bochs_bios_leaves_the_last_gib_below_4_gib_uncacheable(cpu: str, memory: int) -> None:
    run = once("guest=hlt", cpu=cpu, memory=memory)
    assert told(run) == [
        {"default": "wb", "fixed": "on", "variable": "1", "width": "40"},
        {"number": "0", "base": "0xc0000000", "end": "0xffffffff", "type": "uc"},
    ]


@pytest.mark.parametrize("cpu", CPUS)
def test_a_guests_memory_is_write_back(cpu: str) -> None:
    mapped = once("guest=tour", cpu=cpu).topic("ept", "mapped")
    assert mapped and all(one.keys["type"] == "wb" for one in mapped)
