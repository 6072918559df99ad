# SPDX-License-Identifier: BSD-2-Clause
"""The selftests of several machines side by side, as values: machines, rows, notes, controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from . import Refusal
from .ktap import NOT_OK, OK, SKIP, TODO, Run
from .matrix_controls import PROMISED, titles

ABSENT, LOST = "-", "?"
COUNTED = (OK, NOT_OK, SKIP, TODO, LOST, ABSENT)

LEGEND = (
    ("ok", "what the SDM says was seen"),
    ("NOT OK", "it was not; the note has what was seen"),
    ("skip", "not tried: the note has the capability MSR and the bit that are missing"),
    ("todo", "not ok by an error of that emulator that is known, and proved in docs/emulators.md"),
    ("-", "not in that run: another version of Lintel, or not selected"),
    ("?", "no result: the run broke off, or its log is damaged"),
)


@dataclass(frozen=True)
class Cell:
    status: str
    note: int = 0  # its number; 0: none
    reason: str = ""

    @property
    def text(self) -> str:
        word = {NOT_OK: "NOT OK", SKIP: "skip", TODO: "todo"}.get(self.status, self.status)
        return f"{word} {self.note}" if self.note else word


@dataclass(frozen=True)
class Machine:
    head: str  # A, B, …
    run: Run
    name: str  # its log's

    @property
    def brand(self) -> str:
        return self.run.brand or "an unknown processor"

    @property
    def facts(self) -> dict[str, str]:
        run = self.run
        return {
            "signature": run.signature or "unknown",
            "machine": run.machine or "not named",
            "hypervisor": run.hypervisor or "unknown",
            "Lintel": run.version or "unknown",
            "log": self.name,
        }

    @property
    def remarks(self) -> list[str]:
        """What one must know of the run beyond its results."""
        remarks = self.run.troubles()
        result = self.run.result or {}
        if self.run.verdict() != "pass" and "why" in result:
            remarks.append(f"its result: {result.get('status')}, {result['why']}")
        return remarks + ([self.run.others] if self.run.others else [])


@dataclass(frozen=True)
class Control:
    name: str
    title: str
    where: str
    working: bool
    offered: bool


@dataclass
class Matrix:
    machines: list[Machine]
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)
    differing: list[bool] = field(default_factory=list)  # a row each
    notes: list[str] = field(default_factory=list)
    feet: list[tuple[str, list[str]]] = field(default_factory=list)
    controls: list[tuple[str, list[Control]]] = field(default_factory=list)  # with a headline
    headline: str = ""


def _letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("A") + number % 26) + text
        number = number // 26 - 1
    return text


def _machines(runs: Sequence[Run]) -> list[Machine]:
    names = [Path(run.path).name for run in runs]
    twice = {name for name, count in Counter(names).items() if count > 1}
    return [
        Machine(_letters(at), run, run.path if name in twice else name)
        for at, (run, name) in enumerate(zip(runs, names, strict=True))
    ]


def _names(runs: Sequence[Run]) -> list[str]:
    """All scenarios in the order of the first run, others behind the one that they follow."""
    names: list[str] = []
    for run in runs:
        there = set(names)
        at = 0
        for name in run.results:
            if name in there:
                at = names.index(name) + 1
            else:
                names.insert(at, name)
                at += 1
    return names


def _heads(machines: Sequence[Machine], wanted: Sequence[bool]) -> str:
    """Those machines, neighbours together: A, C-F."""
    if all(wanted) and len(wanted) > 2:
        return "all"
    parts: list[str] = []
    first = None
    for at, want in enumerate([*wanted, False]):
        if want and first is None:
            first = at
        elif not want and first is not None:
            last = machines[at - 1].head
            if at - first > 2:
                parts.append(f"{machines[first].head}-{last}")
            else:
                parts += [machine.head for machine in machines[first:at]]
            first = None
    return ", ".join(parts)


def _control(machines: Sequence[Machine], name: str, title: str) -> Control:
    results = [machine.run.results.get(name) for machine in machines]
    working = [one is not None and one.status == OK for one in results]
    if any(working):
        return Control(name, title, f"ok on {_heads(machines, working)}", True, True)
    offered = any(one is not None and one.status != SKIP for one in results)
    others = dict.fromkeys(f"{one.status}, {one.reason}" for one in results if one is not None)
    where = "; ".join(["nowhere", *others]) if others else "no result"
    return Control(name, title, where, False, offered)


def _headline(what: str, rows: Sequence[Control]) -> str:
    good = sum(row.working for row in rows)
    amiss = sum(row.offered and not row.working for row in rows)
    text = f"{good} of {len(rows)} {what} are ok on some machine"
    if amiss:
        text += f", {amiss} are tried and ok on none"
    rest = len(rows) - good - amiss
    return f"{text}, {rest} no machine here could try" if rest else text


def _controls(
    machines: Sequence[Machine], names: Sequence[str], glob: str
) -> list[tuple[str, list[Control]]]:
    """Those that were promised, then what else a scenario is named after."""
    known = titles()
    there = set(names)
    groups = (
        ("processor-based controls", list(PROMISED)),
        ("other controls", [one for one in known if one in there and one not in PROMISED]),
    )
    out = []
    for what, group in groups:
        rows = [_control(machines, one, known[one]) for one in group if fnmatchcase(one, glob)]
        if rows:
            out.append((_headline(what, rows), rows))
    return out


class _Notes:
    """Numbers the reasons in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def cell(self, run: Run, name: str, whole: bool) -> Cell:
        result = run.results.get(name)
        if result is None:
            return Cell(ABSENT if whole else LOST)
        if result.status == OK:
            return Cell(OK, reason=result.reason)
        reason = result.reason or "no reason was given"
        number = self.numbers.setdefault(reason, len(self.numbers) + 1)
        return Cell(result.status, number, reason)


def _differ(runs: Sequence[Run], name: str) -> bool:
    """Whether the machines differ in that; one without any result says nothing."""
    results = [run.results.get(name) for run in runs if run.results]
    return len({None if one is None else one.status for one in results}) > 1


def build(runs: Sequence[Run], *, glob: str = "*", only_differing: bool = False) -> Matrix:
    matrix = Matrix(_machines(runs))
    everything = _names(runs)
    selected = [name for name in everything if fnmatchcase(name, glob)]
    if not selected and any(run.results for run in runs):
        raise Refusal(f"--select {glob}: no scenario has a name like that")
    notes = _Notes()
    whole = [not run.troubles() for run in runs]
    counts = [Counter[str]() for _ in runs]
    for name in selected:
        differ = _differ(runs, name)
        shown = differ or not only_differing
        numbers = notes if shown else _Notes()
        cells = [numbers.cell(run, name, one) for run, one in zip(runs, whole, strict=True)]
        for count, cell in zip(counts, cells, strict=True):
            count[cell.status] += 1
        if shown:
            matrix.rows.append((name, cells))
            matrix.differing.append(differ)
    matrix.notes = list(notes.numbers)
    words = {LOST: "? no result", ABSENT: "- not in that run"}
    for status in COUNTED:
        if status in (OK, NOT_OK, SKIP, TODO) or any(count[status] for count in counts):
            row = [str(count[status]) for count in counts]
            matrix.feet.append((words.get(status, status), row))
    matrix.feet.append(("the run", [run.verdict() for run in runs]))
    matrix.controls = _controls(matrix.machines, everything, glob)
    matrix.headline = f"{len(selected)} scenarios"
    if only_differing:
        matrix.headline = f"{len(matrix.rows)} of {len(selected)} scenarios: the machines differ"
    return matrix
