# SPDX-License-Identifier: BSD-2-Clause
"""Two CPU models' selftests, side by side: tools/selftest-matrix on what Lintel really writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness import OLD_CPU, REPOSITORY, once
from launcher import ktap, matrix

SELECTED = ("mode=selftest", "select=secondary.*")


def test_two_models_side_by_side(tmp_path: Path) -> None:
    runs, paths = [], []
    for cpu in (OLD_CPU, "tigerlake"):
        path = tmp_path / f"{cpu}.log"
        path.write_text(once(*SELECTED, cpu=cpu, timeout=60).log)
        paths.append(str(path))
        runs.append(ktap.read(str(path), path.read_text()))
    assert [run.verdict() for run in runs] == ["pass", "pass"]
    assert [run.signature for run in runs] == ["0x20652", "0x806c1"]
    assert all((run.machine, run.hypervisor) == ("bochs-3.0", "no") for run in runs)
    both = matrix.build(runs)
    rows = {name: [cell.status for cell in cells] for name, cells in both.rows}
    assert rows["secondary.ept"] == ["ok", "ok"]
    assert rows["secondary.pml"] == ["SKIP", "ok"]
    assert rows["secondary.encls"] == ["SKIP", "SKIP"]
    assert "needs secondary.pml (IA32_VMX_PROCBASED_CTLS2 bit 17)" in both.notes
    (_, controls), *_ = both.controls
    where = {one.name: one.where for one in controls}
    assert (where["secondary.ept"], where["secondary.pml"]) == ("ok on A, B", "ok on B")

    command = [REPOSITORY / "tools/selftest-matrix", "--only-differing", *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stderr == ""
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[-1] for row in rows if row and row[0] == "secondary.xsaves"] == ["B", "ok"]
    assert sum(row[:1] == ["secondary.ept"] for row in rows) == 1  # among the controls alone


def test_a_run_that_is_cut_off_is_no_pass() -> None:
    whole = once(*SELECTED, timeout=60).log
    cut = ktap.read("cut.log", whole[: whole.index("\nok 20 ")])
    assert cut.verdict() == "INCOMPLETE" and len(cut.results) == 18
    assert any("without a result" in trouble for trouble in cut.troubles())
