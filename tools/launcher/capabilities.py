# SPDX-License-Identifier: BSD-2-Clause
"""tools/caps: one machine's capability report as a table, or what differs between two."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import Refusal
from .records import Record, parse_line
from .verdict import USAGE

EQUAL, DIFFER = 0, 1
_ABSENT = "-"  # a fact that only the other report has

_TITLES = {
    "vtx": "VT-x, and what the firmware lets one do with it",
    "feature_control": "IA32_FEATURE_CONTROL",
    "width": "Bits of an address",
    "basic": "Basic information",
    "pin": "Pin-based controls",
    "primary": "Primary processor-based controls",
    "secondary": "Secondary processor-based controls",
    "exit": "VM-exit controls",
    "entry": "VM-entry controls",
    "tertiary": "Tertiary processor-based controls",
    "exit2": "Secondary VM-exit controls",
    "ept": "EPT",
    "vpid": "VPID",
    "vmfunc": "VM functions",
    "cr0": "CR0 in VMX operation",
    "cr4": "CR4 in VMX operation",
    "misc": "Miscellaneous",
    "vmcs_enum": "Encodings of VMCS fields",
    "raw": "The MSRs as they are",
}

_DESCRIPTION = """\
Compares the capability reports of two machines, from the logs of runs with mode=caps: prints what
differs, a fact a line. Of one log it prints the report as a table."""

_EPILOG = """\
A fact that only one report has stands with - for the other. Where a fact was read from (msr=, bit=)
is not compared: an older processor has other MSRs for the same controls.

exit status: 0 the reports are equal, or one was printed; 1 they differ; 2 wrong usage, or a log
without a report."""


@dataclass
class Report:
    """What the last run with a report in a log says."""

    path: str
    brand: str = "an unknown processor"
    machine: str | None = None  # as the launcher named it; a real machine has no name
    values: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    ended: bool = False  # the run's result was seen, so the report is whole

    def add(self, record: Record) -> None:
        keys = record.keys
        if record.topic == "boot" and "machine" in keys:
            self.machine = keys["machine"]
        elif record.topic == "cpu" and "brand" in keys:
            self.brand = keys["brand"].strip() or self.brand
        elif record.topic == "result":
            self.ended = True
        elif record.topic == "cap" and "." in next(iter(keys), ""):
            (name, value), *source = keys.items()
            self.values[name] = value
            self.sources[name] = " ".join(f"{key}={where}" for key, where in source)

    @property
    def who(self) -> str:
        name = "" if self.machine is None else f" machine={self.machine}"
        return f"{self.path}: {self.brand}{name}"


def _runs(path: str, text: str) -> Iterator[Report]:
    report = Report(path)
    for line in text.splitlines():
        record = parse_line(line, anywhere=True)  # GRUB may have left its line open
        if record is None:
            continue
        if record.topic == "boot" and record.words.startswith("Lintel "):
            yield report
            report = Report(path)
        report.add(record)
    yield report


def read(path: str) -> Report:
    """The report in a log; a log with several runs counts by the last that has one."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
    reports = [report for report in _runs(path, text) if report.values]
    if not reports:
        raise Refusal(f"{path}: no capability report in it; a run with mode=caps writes one")
    return reports[-1]


def _grouped(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The groups in the order in which they first come, each with its facts."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0], []).append(name)
    for group, members in groups.items():
        yield _TITLES.get(group, group), members


def _rows(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _table(names: list[str], *columns: dict[str, str], heads: tuple[str, ...] = ()) -> list[str]:
    """Facts by their groups, aligned from the first line to the last."""
    rows = [[f"  {name}", *(column.get(name, _ABSENT) for column in columns)] for name in names]
    head, *lines = _rows([["", *heads] if heads else [""] * (1 + len(columns)), *rows])
    aligned = dict(zip(names, lines, strict=True))
    out = [head] if heads else []
    for title, members in _grouped(names):
        out += [title, *(aligned[name] for name in members)]
    return out


def show(report: Report) -> list[str]:
    return [report.who, *_table(list(report.values), report.values, report.sources)]


def _in_both_orders(a: Report, b: Report) -> list[str]:
    """All facts, those of B alone behind the one that they follow there."""
    names = list(a.values)
    at = 0
    for name in b.values:
        if name in a.values:
            at = names.index(name) + 1
        else:
            names.insert(at, name)
            at += 1
    return names


def compare(a: Report, b: Report) -> tuple[list[str], bool]:
    """What to print, and whether the reports are equal."""
    names = _in_both_orders(a, b)
    differing = [name for name in names if a.values.get(name) != b.values.get(name)]
    out = [f"A  {a.who}", f"B  {b.who}"]
    if not differing:
        return [*out, f"equal: {len(names)} facts"], True
    only = [sum(name not in other.values for name in names) for other in (b, a)]
    told = f"{len(differing)} of {len(names)} facts differ"
    if any(only):
        told += f"; of these {only[0]} are in A alone, {only[1]} in B alone"
    return [*out, *_table(differing, a.values, b.values, heads=("A", "B")), told], False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/caps",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("a", metavar="A.log", help="the log of a run with mode=caps")
    parser.add_argument("b", metavar="B.log", nargs="?", help="another machine's")
    return parser


def _run(words: list[str]) -> int:
    options = _parser().parse_args(words)
    reports = [read(path) for path in (options.a, options.b) if path is not None]
    for report in reports:
        if not report.ended:
            print(
                f"tools/caps: {report.path}: its run has no result: the report may be cut",
                file=sys.stderr,
            )
    lines, equal = compare(*reports) if len(reports) == 2 else (show(reports[0]), True)
    print("\n".join(lines), flush=True)
    return EQUAL if equal else DIFFER


def main(words: list[str]) -> int:
    try:
        return _run(words)
    except Refusal as refusal:
        print(f"tools/caps: {refusal}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read has gone; Python must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
