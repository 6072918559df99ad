# SPDX-License-Identifier: BSD-2-Clause
"""The results of mode=selftest, as the tests look at them."""

from __future__ import annotations

import re

from harness import Run

RESULT = re.compile(r"^(ok|not ok) (\d+) (\S+)(?: # (SKIP|TODO)?(.*))?$", re.MULTILINE)


class Test:
    """One line of KTAP."""

    __test__ = False

    def __init__(self, match: re.Match[str]) -> None:
        self.good = match[1] == "ok"
        self.number = int(match[2])
        self.name = match[3]
        self.directive = match[4] or ""
        self.note = (match[5] or "").strip()

    @property
    def passed(self) -> bool:
        """`ok`, and no skip."""
        return self.good and self.directive == ""


def ktap(run: Run) -> list[Test]:
    """The results; the version and the plan stand before them, and the plan is right."""
    head = re.search(r"^KTAP version 1\n1\.\.(\d+)$", run.log, re.MULTILINE)
    assert head is not None
    tests = [Test(match) for match in RESULT.finditer(run.log)]
    assert [one.number for one in tests] == list(range(1, int(head[1]) + 1))
    return tests


def bad(tests: list[Test]) -> list[str]:
    return [one.name for one in tests if not one.good and one.directive != "TODO"]
