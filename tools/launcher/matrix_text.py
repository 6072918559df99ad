# SPDX-License-Identifier: BSD-2-Clause
"""The matrix of selftests as text, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .matrix import LEGEND, Machine, Matrix

# What Markdown would take for its own; a _ within a word is none of it.
_MARKUP = re.compile(r"[\\`*\[\]<>|&#~]|\b_|_\b(?!\w)")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _verdict(machine: Machine) -> str:
    run = machine.run
    counts = ", ".join(f"{run.count(one)} {one}" for one in ("ok", "not ok", "SKIP", "TODO"))
    return f"{run.verdict()}: {counts}"


# --- Text -----------------------------------------------------------------------------------------


def _machines(machines: Sequence[Machine]) -> Iterator[str]:
    for machine in machines:
        facts = " ".join(f"{key}={value}" for key, value in machine.facts.items())
        yield f"{machine.head:<3}{machine.brand}"
        yield f"   {facts}"
        yield f"   {_verdict(machine)}"
        yield from (f"   ! {remark}" for remark in machine.remarks)


def _numbered(notes: Sequence[str]) -> Iterator[str]:
    width = len(str(len(notes)))
    yield from (f"{number:>{width}}  {note}" for number, note in enumerate(notes, 1))


def text(matrix: Matrix) -> str:
    lines = ["Lintel's selftest, machine by machine", "", *_machines(matrix.machines)]
    for headline, controls in matrix.controls:
        lines += ["", headline]
        lines += _aligned([(one.name, one.title, one.where) for one in controls])
    lines += ["", matrix.headline]
    heads = ["", *(machine.head for machine in matrix.machines)]
    rows = [[name, *(cell.text for cell in cells)] for name, cells in matrix.rows]
    feet = [[f"= {name}", *counts] for name, counts in matrix.feet]
    lines += _aligned([heads, *rows, *feet])
    if matrix.notes:
        lines += ["", "Notes", *_numbered(matrix.notes)]
    lines += ["", "Legend", *_aligned(LEGEND)]
    return "\n".join([*lines, ""])


# --- Markdown -------------------------------------------------------------------------------------


def _plain(words: str) -> str:
    return _MARKUP.sub(lambda match: "\\" + match[0], words)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def markdown(matrix: Matrix) -> str:
    machines = matrix.machines
    lines = ["# Lintel's selftest, machine by machine", ""]
    keys = list(machines[0].facts)
    lines += _table(
        ["", "CPU", *keys, "run"],
        [
            [
                f"**{one.head}**",
                _plain(one.brand),
                *(_plain(one.facts[key]) for key in keys),
                _verdict(one),
            ]
            for one in machines
        ],
    )
    remarks = [(one.head, remark) for one in machines for remark in one.remarks]
    if remarks:
        lines += ["", *(f"- **{head}**: {_plain(remark)}" for head, remark in remarks)]
    lines += ["", "In the table of scenarios:", ""]
    lines += [f"- `{word}`: {_plain(meaning)}" for word, meaning in LEGEND]
    for headline, controls in matrix.controls:
        lines += ["", f"## {headline}", ""]
        rows = [(f"`{one.name}`", _plain(one.title), _plain(one.where)) for one in controls]
        lines += _table(["control", "in the SDM", "where"], rows)
    lines += ["", f"## {matrix.headline}", ""]
    rows = [[f"`{name}`", *(_cell(cell.text) for cell in cells)] for name, cells in matrix.rows]
    feet = [[f"**{_plain(name)}**", *counts] for name, counts in matrix.feet]
    lines += _table(["scenario", *(one.head for one in machines)], [*rows, *feet])
    if matrix.notes:
        lines += ["", "## Notes", ""]
        lines += [f"{number}. {_plain(note)}" for number, note in enumerate(matrix.notes, 1)]
    return "\n".join([*lines, ""])


def _cell(words: str) -> str:
    return f"**{words}**" if words.startswith(("NOT OK", "?")) else words
