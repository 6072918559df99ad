# SPDX-License-Identifier: BSD-2-Clause
"""docs/emulators.md proves each known error that a scenario has, and no other."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = re.compile(r'^    \{"([^"]+)",(.*?)\}(?:,|$)(?=\n    \{"|\n\};)', re.MULTILINE | re.DOTALL)


def scenarios() -> dict[str, str]:
    """The rows of all tables of scenarios, by their names."""
    found: dict[str, str] = {}
    for source in sorted((REPOSITORY / "selftest").glob("*.c")):
        head, table, rest = source.read_text().partition("struct scenario scenarios[] = {")
        rows = ROW.findall(rest)
        assert len(rows) == rest.count("SCENARIO_CODE(") or not table, source
        assert sum(".known_wrong = " in row for _, row in rows) == rest.count(".known_wrong = ")
        assert ".known_wrong = " not in head, source
        for name, row in rows if table else ():
            assert name not in found
            found[name] = row
    return found


def proved() -> list[str]:
    """What stands in the first columns of the tables about known errors."""
    text = (REPOSITORY / "docs/emulators.md").read_text()
    section = text[text.index("### Of scenarios") : text.index("### When auditor and processor")]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_each_known_error_of_a_scenario_is_proved_once() -> None:
    rows = scenarios()
    assert len(rows) >= 120
    wrong = [name for name, row in rows.items() if ".known_wrong" in row]
    assert sorted(proved()) == sorted(wrong)
