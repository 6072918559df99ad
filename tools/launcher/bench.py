# SPDX-License-Identifier: BSD-2-Clause
"""tools/bench: the figures of docs/performance.md, measured and printed as a table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .records import Record, parse

MET, MISSED, UNMEASURED = 0, 1, 2
_RUN = Path(__file__).resolve().parent.parent / "run"
_SECONDS = "120"

_DESCRIPTION = """\
usage: tools/bench [OPTION OF tools/run]...

Boots Lintel three times (mode=bench, guest=cost, guest=hlt), and prints what its paths cost in
ticks of the TSC. In Bochs a tick is an instruction, the figures are exact, and limits apply; on
other machines they are only told.

exit status: 0 all limits are kept; 1 one is not; 2 something could not be measured, or wrong usage.
"""


@dataclass(frozen=True)
class Figure:
    name: str
    ticks: int | None  # None: it could not be measured
    limit: int | None  # None: none is known

    @property
    def missed(self) -> bool:
        return self.ticks is not None and self.limit is not None and self.ticks > self.limit


def _records(options: Sequence[str], args: str) -> list[Record]:
    command = [str(_RUN), "--timeout", _SECONDS, *options, "--args", args]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if run.returncode == UNMEASURED:
        sys.stderr.write(run.stderr)
    return list(parse(run.stdout))


def _of_bench(records: Sequence[Record]) -> Iterator[Figure]:
    for record in records:
        keys = record.keys
        if record.topic == "bench" and "name" in keys:
            ticks = int(keys["ticks"]) if "ticks" in keys else None
            yield Figure(keys["name"], ticks, int(keys["limit"]) if "limit" in keys else None)


def measure(options: Sequence[str]) -> list[Figure]:
    """All figures, on the machine that the options of tools/run name."""
    figures = list(_of_bench(_records(options, "mode=bench")))
    exact = any(figure.limit is not None for figure in figures)

    records = _records(options, "guest=cost trace=ring")
    said = [one.keys.get("text", "") for one in records if one.topic == "guest"]
    costs = [int(text.rpartition(" ")[2]) for text in said if text.startswith("cost: ")]
    figures.append(Figure("exit.cpuid", costs[0] if costs else None, 200 if exact else None))

    records = _records(options, "guest=hlt")
    work = [int(one.keys["work"]) for one in records if one.topic == "stat" and "work" in one.keys]
    figures.append(
        Figure("boot.first_entry", work[0] if work else None, 2_000_000 if exact else None)
    )
    return figures


def table(figures: Sequence[Figure]) -> str:
    lines = [f"{'figure':<24}{'ticks':>12}{'at most':>12}"]
    for figure in figures:
        ticks = "-" if figure.ticks is None else f"{figure.ticks:,}"
        limit = "-" if figure.limit is None else f"{figure.limit:,}"
        lines.append(
            f"{figure.name:<24}{ticks:>12}{limit:>12}{'  too many' if figure.missed else ''}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        print(_DESCRIPTION, end="")
        return MET
    if "--args" in arguments:
        print("tools/bench: it gives --args itself", file=sys.stderr)
        return UNMEASURED
    figures = measure(arguments)
    print(table(figures))
    if any(figure.missed for figure in figures):
        return MISSED
    return UNMEASURED if any(figure.ticks is None for figure in figures) else MET
