# SPDX-License-Identifier: BSD-2-Clause
"""tools/eptmap: a VM's guest-physical space as a picture, from the `ept: map` records of a log."""

from __future__ import annotations

import argparse
import html
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .records import Record, parse
from .verdict import USAGE

_DESCRIPTION = """\
Draws what a VM's EPT maps, from the `ept: map` records of a log, as an SVG: the highest address
on top, a box for each stretch that is mapped evenly. A box's height grows with the logarithm of its
size, so that a page can be seen beside a gigabyte."""

_WIDTH, _MARGIN, _BOX, _LINE = 900, 20, 260, 16
_COLOURS = {
    "rwx": "#9ecae1",
    "rw-": "#a1d99b",
    "r-x": "#fdd0a2",
    "r--": "#e5e5e5",
    "--x": "#fc9272",
}
_OTHER = "#dadaeb"
_SIZES = (("pages-1g", "1 GiB"), ("pages-2m", "2 MiB"), ("pages-4k", "4 KiB"))


@dataclass(frozen=True)
class Run:
    first: int
    last: int
    keys: dict[str, str]

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def _run_of(record: Record) -> Run:
    """ValueError: the record is damaged."""
    first, _, last = record.keys.get("gpa", "").partition("-")
    needed = {"hpa", "rights", "type", "touched", *(key for key, _ in _SIZES)}
    if not needed <= record.keys.keys() or int(first, 16) > int(last, 16):
        raise ValueError
    return Run(int(first, 16), int(last, 16), record.keys)


def runs_of(records: Iterable[Record], vm: str) -> list[Run]:
    """The runs of the last map of that VM in the log, in the order of their addresses."""
    runs: list[Run] = []
    ended = False
    for record in records:
        if record.topic != "ept" or record.keys.get("vm") != vm:
            continue
        if record.words == "map":
            runs, ended = ([], False) if ended else (runs, False)
            runs.append(_run_of(record))
        elif record.words == "map ends":
            ended = True
            if record.keys.get("not-logged", "0") != "0":
                print("tools/eptmap: not all of the map was logged", file=sys.stderr)
    if runs and not ended:
        print("tools/eptmap: the map has no end; the log may be cut", file=sys.stderr)
    return runs


def size_text(length: int) -> str:
    """A number of bytes in the largest unit that it is a whole number of."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if length % (1 << shift) == 0 and length:
            return f"{length >> shift} {unit}"
    return f"{length} bytes"


def _height(length: int) -> int:
    return 3 * _LINE + 6 * max(0, int(math.log2(length)) - 12)


def _words(run: Run) -> list[str]:
    keys = run.keys
    sizes = [f"{keys[key]} of {size}" for key, size in _SIZES if keys.get(key, "0") != "0"]
    return [
        f"{run.first:#x} to {run.last:#x}, {size_text(run.length)}",
        f"to host-physical {keys['hpa']}, {keys['rights']}, {keys['type']}",
        f"pages: {', '.join(sizes)}; touched: {keys['touched']}",
    ]


def _text(x: int, y: int, text: str, size: int = 13) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}">{html.escape(text)}</text>'


def svg(runs: Sequence[Run], title: str) -> str:
    parts: list[str] = []
    y = _MARGIN + 30
    above: Run | None = None
    for run in sorted(runs, key=lambda one: one.first, reverse=True):
        if above is not None and above.first != run.last + 1:
            gap = size_text(above.first - run.last - 1)
            parts.append(_text(_MARGIN + 8, y + _LINE, f"… {gap} not mapped …", 11))
            y += 2 * _LINE
        height = _height(run.length)
        colour = _COLOURS.get(run.keys["rights"], _OTHER)
        parts.append(
            f'<rect x="{_MARGIN}" y="{y}" width="{_BOX}" height="{height}" fill="{colour}" '
            f'stroke="#333"/>'
        )
        for i, words in enumerate(_words(run)):
            parts.append(_text(_MARGIN + _BOX + 12, y + _LINE * (i + 1) - 3, words))
        y += height
        above = run
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + _MARGIN}" '
        f'font-family="monospace">\n<rect width="100%" height="100%" fill="#fff"/>'
    )
    return "\n".join([head, _text(_MARGIN, _MARGIN + 8, title, 15), *parts, "</svg>\n"])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/eptmap", description=_DESCRIPTION)
    parser.add_argument("log", type=Path, help="the serial log of a run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.svg")
    parser.add_argument("--vm", default="0", metavar="N", help="which VM (default: 0)")
    options = parser.parse_args(arguments)
    try:
        text = options.log.read_text(errors="replace")
        runs = runs_of(parse(text), options.vm)
        if not runs:
            print(
                f"tools/eptmap: {options.log}: no map of VM {options.vm}; a run logs one when its "
                "guest ends",
                file=sys.stderr,
            )
            return USAGE
        options.output.write_text(
            svg(runs, f"guest-physical space of VM {options.vm}, {options.log.name}")
        )
    except ValueError:
        print(f"tools/eptmap: {options.log}: a damaged `ept: map` record", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"tools/eptmap: {error.filename}: {error.strerror}", file=sys.stderr)
        return USAGE
    return 0
