# SPDX-License-Identifier: BSD-2-Clause
"""The serial line: a socket that the machine connects to, and what becomes of its text."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress

from .records import PREFIX

_FIRST_RECORD = re.compile(PREFIX.pattern.encode())
_GIVE_UP_HOLDING = 1 << 20


class Line:
    """Listens on a free local port; one machine connects. All machines here can do that."""

    def __init__(self) -> None:
        self.listener: socket.socket | None = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self.listener.getsockname()[1]
        self.connection: socket.socket | None = None

    def accept(self) -> None:
        assert self.listener is not None
        self.connection, _ = self.listener.accept()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.close()
        self.listener = None

    def receive(self) -> bytes:
        """What has come; empty at the end of the line."""
        assert self.connection is not None
        with suppress(ConnectionError):
            return self.connection.recv(65536)
        return b""

    def send(self, data: bytes) -> None:
        if self.connection is not None:
            with suppress(ConnectionError):
                self.connection.sendall(data)

    def close(self) -> None:
        for one in (self.listener, self.connection):
            if one is not None:
                one.close()
        self.listener = self.connection = None


class Text:
    """The text of a run: CR stripped, kept, and handed on as it comes.

    UEFI firmware shows on the serial line what it shows on the screen. With `from_first_record`,
    what comes before Lintel's first record is held back (in `held`) instead of being handed on.
    """

    def __init__(self, sinks: list[Callable[[bytes], None]], *, from_first_record: bool) -> None:
        self._sinks = sinks
        self._kept: list[bytes] = []
        self._holding = from_first_record
        self.held = b""

    def feed(self, data: bytes) -> None:
        data = data.replace(b"\r", b"")
        if self._holding:
            self.held += data
            match = _FIRST_RECORD.search(self.held)
            if match is None and len(self.held) < _GIVE_UP_HOLDING:
                return
            start = match.start() if match else len(self.held)
            self.held, data = self.held[:start], self.held[start:]
            self._holding = False
        self._kept.append(data)
        for sink in self._sinks:
            sink(data)

    @property
    def text(self) -> str:
        return b"".join(self._kept).decode("utf-8", errors="replace")


_TERMINAL_SEQUENCE = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]")


def printable(line: str) -> str:
    """A line of firmware or GRUB without what moves a cursor or sets a colour."""
    line = _TERMINAL_SEQUENCE.sub("", line)
    return "".join(character for character in line if character.isprintable()).strip()
