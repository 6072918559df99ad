# SPDX-License-Identifier: BSD-2-Clause
"""Tells several runs on one serial line apart.

The serial text of each run stands, every byte as it was, between the lines `MARKER begin N` and
`MARKER end N STATUS` of tools/nested/init. The marker is random, new each time, and nothing that
runs in the innermost machine ever sees it: a guest cannot write it. It may follow an unfinished
line. What stands outside is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MOST = 64  # a marker line is shorter
_BEGIN = re.compile(rb" begin (\d+)\r?\n")
_END = re.compile(rb" end (\d+) (\d+)\r?\n")


class Frames:
    """Takes the line's bytes apart as they come.

    `sink` gets (N, bytes) for what run N says; a byte is held back only while it may be one of the
    marker. `begun` and `ended` (N: status) say how far it got.
    """

    def __init__(self, marker: str, sink: Callable[[int, bytes], None]) -> None:
        self.marker = marker
        self._marker = marker.encode()
        self._sink = sink
        self._rest = b""
        self._run: int | None = None
        self.begun: list[int] = []
        self.ended: dict[int, int] = {}

    def feed(self, data: bytes) -> None:
        self._rest += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Deals with one marker line, if all of it is there."""
        at = self._rest.find(self._marker)
        if at < 0:
            self._pass_on(len(self._rest) - self._held())
            return False
        self._pass_on(at)
        line = self._rest[len(self._marker) : len(self._marker) + _MOST]
        found = (_BEGIN if self._run is None else _END).match(line)
        if found is None:
            if len(line) < _MOST and b"\n" not in line:
                return False
            self._pass_on(len(self._marker))  # no line of ours: as good as any other text
            return True
        self._rest = self._rest[len(self._marker) + found.end() :]
        number = int(found.group(1))
        if self._run is None:
            self._run = number
            self.begun.append(number)
        elif number == self._run:
            self._run = None
            self.ended[number] = int(found.group(2))
        return True

    def _held(self) -> int:
        """How many bytes at the end may be the beginning of a marker."""
        for length in range(min(len(self._marker), len(self._rest)), 0, -1):
            if self._rest.endswith(self._marker[:length]):
                return length
        return 0

    def _pass_on(self, length: int) -> None:
        data, self._rest = self._rest[:length], self._rest[length:]
        if self._run is not None and data:
            self._sink(self._run, data)

    def finish(self) -> None:
        """The line is over: what was held back was the run's own."""
        self._pass_on(len(self._rest))
