# SPDX-License-Identifier: BSD-2-Clause
"""Reads the log of a selftest: whose it is, its lines of KTAP, and what is wrong with the log.

A log comes over a serial line: it may be cut, lack lines, or have two mixed in one. What cannot be
read for certain is no result, and is told as a trouble of the run: a run with troubles never
passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .records import Record, parse_line

OK, NOT_OK, SKIP, TODO = "ok", "not ok", "SKIP", "TODO"
_WORST_FIRST = (NOT_OK, TODO, SKIP, OK)

_VERSION = re.compile(r"KTAP version \d+")
_PLAN = re.compile(r"1\.\.(\d{1,9})")
_BEGINS = re.compile(r"(not )?ok\b")
_RESULT = re.compile(r"(ok|not ok) (\d{1,9}) ([A-Za-z0-9_.-]+)(?: # ?(.*))?")
_DIRECTIVE = re.compile(r"(SKIP|TODO)\b:?\s*(.*)", re.IGNORECASE)
_CUT_DIRECTIVE = re.compile(r"(S(KI?)?|T(OD?)?)?")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.")
_UNPRINTABLE = re.compile(r"[^ -~]")

_SHOWN = 6  # as many are named of what there may be a thousand of


@dataclass(frozen=True)
class Result:
    status: str
    reason: str  # what stands behind the directive, or behind #

    def worse(self, other: Result) -> Result:
        return min(self, other, key=lambda one: _WORST_FIRST.index(one.status))


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Sorted numbers as 1, 4-9, 12."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [str(a) if a == b else f"{a}-{b}" for a, b in runs]


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@dataclass
class Run:
    """One run of a log."""

    path: str
    version: str = ""  # Lintel's
    machine: str = ""  # as the launcher named it; a real machine has no name
    brand: str = ""
    signature: str = ""
    hypervisor: str = ""
    plan: int | None = None
    begun: bool = False  # KTAP was seen
    results: dict[str, Result] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    last: str = ""
    twice: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    panic: str | None = None
    summary: dict[str, str] | None = None
    result: dict[str, str] | None = None
    others: str = ""  # that the log has other runs

    def count(self, status: str) -> int:
        return sum(one.status == status for one in self.results.values())

    def add_record(self, record: Record) -> None:
        keys, words = record.keys, record.words
        if record.topic == "boot" and words.startswith("Lintel "):
            self.version = words.split()[1].rstrip(",")
            self.machine = keys.get("machine", "")
        elif record.topic == "cpu" and "brand" in keys:
            self.brand = " ".join(keys["brand"].split())
            self.signature = keys.get("signature", "")
            self.hypervisor = keys.get("hypervisor", "")
        elif record.topic == "selftest" and {"tests", "ok", "not-ok", "skip", "todo"} <= set(keys):
            self.summary = keys
        elif record.topic == "panic" and self.panic is None:
            self.panic = " ".join([words, *(f"{key}={keys[key]}" for key in keys)]).strip()
        elif record.topic == "result" and keys.get("status") in ("pass", "fail"):
            self.result = keys if "guest" in keys else None  # its last but the token

    def add_line(self, line: str) -> None:
        """A line that is no record."""
        if _VERSION.fullmatch(line):
            self.begun = True
        elif match := _PLAN.fullmatch(line):
            self.begun = True
            self.plan = int(match[1])
        elif _BEGINS.match(line):
            self.begun = True
            self._add_result(line)

    def _add_result(self, line: str) -> None:
        match = _RESULT.fullmatch(line)
        note = match[4] if match else None
        if match is None or (note is not None and _CUT_DIRECTIVE.fullmatch(note.strip())):
            self.damaged.append(line)
            return
        good, name = match[1] == "ok", match[3]
        result = Result(OK if good else NOT_OK, note or "")
        if directive := _DIRECTIVE.fullmatch(result.reason):
            status = directive[1].upper()
            # Not ok for all that it says to be skipped; ok for all that it is known to fail.
            result = Result(status if good or status == TODO else NOT_OK, directive[2])
        self.numbers.append(int(match[2]))
        self.last = f"{match[2]} {name}"
        if name in self.results:
            self.twice.append(name)
            result = result.worse(self.results[name])
        self.results[name] = result

    # --- What is wrong with it --------------------------------------------------------------------

    def _numbers_amiss(self) -> Iterator[str]:
        there = sorted(set(self.numbers))
        if self.plan is None:
            yield f"no plan; {len(there)} results"
            return
        if not there or len(there) < self.plan:
            yield f"{len([one for one in there if one <= self.plan])} of {self.plan} results"
        if there:
            beyond = [one for one in there if not 1 <= one <= self.plan]
            gaps = sorted(set(range(1, there[-1])) - set(there)) if there[-1] < 1 << 20 else []
            if gaps:
                yield f"lost: {_some(_ranges(gaps))}"
            if beyond:
                yield f"beyond the plan of {self.plan}: {_some(_ranges(beyond))}"
        if len(there) != len(self.numbers):
            yield "a number comes twice"

    def _summary_amiss(self) -> Iterator[str]:
        if self.summary is None:
            return
        told = {NOT_OK: "not-ok", OK: "ok", SKIP: "skip", TODO: "todo"}
        for status, key in told.items():
            here, counted = self.count(status), self.summary[key]
            if counted != str(here):
                yield f"{here} {status}, and the run itself counted {counted}"

    def troubles(self) -> list[str]:
        """Why this is not known to be a whole run; nothing: it is."""
        out: list[str] = []
        if self.panic is not None:
            out.append(f"panic: {self.panic}")
        if not self.begun:
            out.append("no KTAP in the log")
        else:
            out += self._numbers_amiss()
        if self.damaged:
            lines = "line" if len(self.damaged) == 1 else "lines"
            out.append(f"{len(self.damaged)} damaged {lines}, the first: {self.damaged[0]}")
        if self.twice:
            out.append(f"told twice: {_some(self.twice)}")
        out += self._summary_amiss()
        if self.result is None:
            behind = f" behind {self.last}" if self.last else ""
            out.append(f"the log ends{behind} without a result")
        return [_UNPRINTABLE.sub("?", trouble) for trouble in out]

    def verdict(self) -> str:
        if self.count(NOT_OK):
            return "FAIL"
        if self.troubles():
            return "INCOMPLETE"
        if not self.count(OK):
            return "nothing ok"
        return "pass" if self.result is not None and self.result.get("status") == "pass" else "FAIL"


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines, without what terminals hear and what cannot be printed; and whether they end."""
    lines = text.replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        yield _UNPRINTABLE.sub("?", _ESCAPES.sub("", line)).rstrip(), number < len(lines)


def _runs(path: str, text: str) -> Iterator[Run]:
    run = Run(path)
    for line, ended in _lines(text):
        record = parse_line(line, anywhere=True)
        if record is not None and record.topic == "boot" and record.words.startswith("Lintel "):
            yield run
            run = Run(path)
        elif _VERSION.fullmatch(line) and run.begun:
            yield run
            run = Run(path, run.version, run.machine, run.brand, run.signature, run.hypervisor)
        if _BEGINS.match(line) and (record is not None or not ended):
            # Mixed with a record somewhere within, or cut: nobody knows how it went on.
            run.begun = True
            run.damaged.append(line)
        elif record is None:
            run.add_line(line)
        if record is not None:
            run.add_record(record)
    yield run


def read(path: str, text: str) -> Run:
    """The run of a log; of several, the last one that has KTAP."""
    runs = [run for run in _runs(path, text) if run.begun or run.version or run.result]
    if not runs:
        return Run(path)
    begun = [number for number, run in enumerate(runs, 1) if run.begun]
    which = begun[-1] if begun else len(runs)
    chosen = runs[which - 1]
    if len(runs) > 1:
        chosen.others = f"the log has {len(runs)} runs; this is number {which}"
    return chosen
