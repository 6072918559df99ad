# SPDX-License-Identifier: BSD-2-Clause
"""The user's terminal in an interactive run: keys go to the serial line as they are pressed."""

from __future__ import annotations

import os
import sys
import termios
from types import TracebackType

ESCAPE = 0x01  # Ctrl-A
END = b"xX"


class Keys:
    """Splits what is typed into what the serial line gets and the one command, Ctrl-A X."""

    def __init__(self) -> None:
        self._escaped = False

    def translate(self, typed: bytes) -> tuple[bytes, bool]:
        """The bytes to send, and whether the run is to end. Ctrl-A Ctrl-A sends one Ctrl-A."""
        out = bytearray()
        for byte in typed:
            if not self._escaped:
                if byte == ESCAPE:
                    self._escaped = True
                else:
                    out.append(byte)
                continue
            self._escaped = False
            if byte in END:
                return bytes(out), True
            if byte == ESCAPE:
                out.append(byte)
        return bytes(out), False


class Terminal:
    """Standard input as a keyboard, while the `with` block lasts.

    Output processing stays on, so that a line feed still begins a new line on the user's screen.
    """

    def __init__(self) -> None:
        self.descriptor = sys.stdin.fileno()
        self._keys = Keys()
        self._before: list[object] | None = None

    def __enter__(self) -> Terminal:
        self._before = termios.tcgetattr(self.descriptor)
        raw = termios.tcgetattr(self.descriptor)
        raw[0] &= ~(termios.ICRNL | termios.INLCR | termios.IXON | termios.ISTRIP | termios.BRKINT)
        raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, raw)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def read(self) -> tuple[bytes, bool]:
        """As Keys.translate; an end of input (the terminal went away) ends the run."""
        typed = os.read(self.descriptor, 4096)
        return self._keys.translate(typed) if typed else (b"", True)
