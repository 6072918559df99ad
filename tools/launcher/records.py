# SPDX-License-Identifier: BSD-2-Clause
"""Reads Lintel's log: one record a line, `[ssssss.uuuuuu] cpuN topic: words key=value`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# The seconds' field grows beyond six digits rather than wrap, so six is only the least.
PREFIX = re.compile(r"\[(\d{6,})\.(\d{6})\] cpu(\d+) ([a-z]+): ?")
_FIELD = re.compile(r'\s*(?:([^\s="]+)=)?("(?:[^"\\]|\\.)*"|[^\s]*)')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_CONTROLS = {"0": "\0", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Record:
    """One line of the log, taken apart. `words` are what stands before the first key."""

    seconds: float
    cpu: int
    topic: str
    words: str
    keys: dict[str, str] = field(default_factory=dict)


def _unquote(value: str) -> str:
    """The meaning of a value; a quote without its end is taken as it stands."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 3:
            return chr(int(code[1:], 16))
        return _CONTROLS.get(code, code)

    return _ESCAPE.sub(one, value[1:-1])


def _fields(rest: str) -> tuple[str, dict[str, str]]:
    words: list[str] = []
    keys: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if match is None or match.end() == position:
            break
        position = match.end()
        key, value = match.groups()
        if key is not None:
            keys[key] = _unquote(value)
        elif value and not keys:
            words.append(value)
    return " ".join(words), keys


def parse_line(line: str, *, anywhere: bool = False) -> Record | None:
    """The record in a line, or None. `anywhere`: it may follow what a guest left unfinished."""
    match = PREFIX.search(line) if anywhere else PREFIX.match(line)
    if match is None:
        return None
    words, keys = _fields(line[match.end() :])
    seconds = int(match.group(1)) + int(match.group(2)) / 1_000_000
    return Record(seconds, int(match.group(3)), match.group(4), words, keys)


def parse(text: str) -> Iterator[Record]:
    """All records of a log; lines that are none (KTAP, GRUB's) are passed over."""
    for line in text.split("\n"):
        record = parse_line(line)
        if record is not None:
            yield record
