# SPDX-License-Identifier: BSD-2-Clause
"""Judges a run by its log: the last genuine `result:` record.

A guest may print what it likes. What it prints through Lintel stands in a `guest:` record and never
counts; where it shares the serial port raw, only the token tells the genuine record from a forged
one, since the guest never sees the token.
"""

from __future__ import annotations

from dataclasses import dataclass

from .records import Record, parse_line

PASS, FAIL, USAGE, NO_VERDICT, OUT_OF_TIME = 0, 1, 2, 3, 124


@dataclass(frozen=True)
class Verdict:
    passed: bool
    record: Record

    @property
    def status(self) -> int:
        return PASS if self.passed else FAIL


def _genuine(line: str, token: str | None) -> Record | None:
    record = parse_line(line)
    if record is None and token is not None:
        record = parse_line(line, anywhere=True)
    if record is None or record.topic != "result":
        return None
    if token is not None and record.keys.get("token") != token:
        return None
    return record if record.keys.get("status") in ("pass", "fail") else None


class Watch:
    """Follows a log as it comes, line by line, and keeps the last genuine verdict.

    A line counts only when it is finished: a machine may die within it.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._rest = b""
        self.verdict: Verdict | None = None

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if b"result:" not in line:
                continue
            record = _genuine(line.decode("utf-8", errors="replace").rstrip("\r"), self._token)
            if record is not None:
                self.verdict = Verdict(record.keys["status"] == "pass", record)


def find(text: str, token: str | None) -> Verdict | None:
    """The verdict in a whole log, or None. Without a token any result record counts."""
    watch = Watch(token)
    watch.feed(text.encode())
    return watch.verdict
