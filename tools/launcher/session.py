# SPDX-License-Identifier: BSD-2-Clause
"""One run of an emulator, from its start to its end, whoever or whatever ends it."""

from __future__ import annotations

import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from . import Refusal
from .nested_frames import Frames
from .serial import Line, Text
from .terminal import Terminal

_TICK = 0.1
_PATIENCE = 2.0


class End(Enum):
    """Why the run is over."""

    MACHINE = "the machine ended"
    USER = "ended by Ctrl-A X"
    VERDICT = "the machine went on after its verdict"
    TIME = "out of time"


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends one process that we started. Bochs may ignore SIGTERM."""
    for end in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        end()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)


def _start(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None, foreground: bool
) -> subprocess.Popen[bytes]:
    """In the foreground, the emulator has the terminal (a debugger's console); else no input."""
    try:
        if foreground:
            return subprocess.Popen(command, env=environment)
        with output.open("wb") as out:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C at the terminal is for the launcher, which ends the emulator in its order.
                start_new_session=True,
            )
    except OSError as error:
        raise Refusal(f"cannot start {command[0]}: {error.strerror}") from error


def run(
    command: Sequence[str],
    line: Line,
    text: Text | Frames,
    *,
    output: Path,
    environment: Mapping[str, str] | None = None,
    terminal: Terminal | None = None,
    foreground: bool = False,
    timeout: float | None = None,
    linger: tuple[Callable[[], bool], float] | None = None,
) -> End:
    """Starts `command`, pumps its serial line into `text` until it ends, and leaves nothing behind.

    `linger` is a question, asked when new text came, and the seconds that the machine has to end by
    itself once the answer is yes.
    """
    process = _start(command, output, environment, foreground)
    deadline = None if timeout is None else time.monotonic() + timeout
    after: End = End.TIME
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(line.listener, selectors.EVENT_READ, "listener")
            if terminal is not None:
                selector.register(terminal.descriptor, selectors.EVENT_READ, "keys")
            while True:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    return after
                # Asked before reading, so that what a dead machine left is still read below.
                ended = process.poll() is not None
                wait = 0 if ended else _TICK
                events = selector.select(wait if deadline is None else min(wait, deadline - now))
                if ended and not events:
                    return End.MACHINE
                for key, _ in events:
                    if key.data == "listener":
                        selector.unregister(line.listener)
                        line.accept()
                        selector.register(line.connection, selectors.EVENT_READ, "line")
                    elif key.data == "line":
                        data = line.receive()
                        if not data:
                            selector.unregister(line.connection)
                            with suppress(subprocess.TimeoutExpired):
                                process.wait(_TICK)
                            continue
                        text.feed(data)
                        if linger is not None and linger[0]():
                            end = time.monotonic() + linger[1]
                            linger = None
                            if deadline is None or end < deadline:
                                deadline, after = end, End.VERDICT
                    else:
                        data, over = terminal.read()
                        line.send(data)
                        if over:
                            return End.USER
    finally:
        stop(process)
        line.close()
