# SPDX-License-Identifier: BSD-2-Clause
"""mode=bench and make bench: the figures of docs/performance.md and their limits."""

from __future__ import annotations

import subprocess

import pytest
from harness import CPUS, REPOSITORY, once

FIGURES = ["ept.identity.2_gib", "ept.map.4_kib", "ept.walk.4_levels", "audit"]


@pytest.mark.parametrize("cpu", CPUS)
def test_every_figure_is_measured_and_within_its_limit(cpu: str) -> None:
    run = once("mode=bench", cpu=cpu)
    records = [record.keys for record in run.topic("bench", "measured")]
    assert [keys["name"] for keys in records] == FIGURES
    for keys in records:
        assert 0 < int(keys["ticks"]) <= int(keys["limit"]), keys["name"]
        assert keys["within"] == "yes"
    assert run.status == 0 and run.result.keys["why"] == "bench: measured 4, failed 0, skipped 0"


def test_one_figure_by_its_name() -> None:
    run = once("mode=bench", "select=*.walk.*")
    assert [record.keys["name"] for record in run.topic("bench")] == ["ept.walk.4_levels"]


def test_a_name_that_no_figure_has() -> None:
    run = once("mode=bench", "select=nosuch")
    assert run.status == 1 and run.topic("bench")[0].keys["select"] == "nosuch"
    assert run.result.keys["why"] == "bench: no figure has a name like that"


def test_the_table() -> None:
    command = [str(REPOSITORY / "tools/bench")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    rows = [line.split() for line in run.stdout.splitlines()]
    assert [row[0] for row in rows] == ["figure", *FIGURES, "exit.cpuid", "boot.first_entry"]
    for _, ticks, limit in rows[1:]:
        assert 0 < int(ticks.replace(",", "")) <= int(limit.replace(",", ""))
    assert run.returncode == 0
