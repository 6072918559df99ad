# SPDX-License-Identifier: BSD-2-Clause
"""A session with a stand-in for the emulator: how it ends, and that nothing is left."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from launcher import REPOSITORY, Refusal
from launcher.serial import Line, Text
from launcher.session import End, run

# Connects to the port that it is told, says its process id, then does as it is told.
STAND_IN = """
import os, signal, socket, sys, time
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
line.sendall(b"%d\\r\\n" % os.getpid())
print("emulator speaking", flush=True)
"""
STAYS = "time.sleep(60)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); line.sendall(b'deaf'); time.sleep(60)"
ECHOES = """
while True:
    data = line.recv(100)
    line.sendall(data)
    if b"q" in data: break
"""


class Session:
    def __init__(self, folder: Path) -> None:
        self.line = Line()
        self.text = Text([], from_first_record=False)
        self.output = folder / "output"

    def run(self, act: str, **how: Any) -> End:
        command = [sys.executable, "-c", STAND_IN + act, str(self.line.port)]
        return run(command, self.line, self.text, output=self.output, **how)

    def assert_over(self) -> None:
        with pytest.raises(ProcessLookupError):
            os.kill(int(self.text.text.split()[0]), 0)
        assert self.line.connection is None and self.line.listener is None


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_the_machine_ends_and_all_its_text_is_there(session: Session) -> None:
    assert session.run("line.sendall(b'x' * 1000000)") is End.MACHINE
    assert session.text.text.endswith("\n" + "x" * 1000000)
    assert session.output.read_text() == "emulator speaking\n"
    session.assert_over()


def test_a_machine_that_never_connects_ends_too(session: Session) -> None:
    end = run(["false"], session.line, session.text, output=session.output)
    assert end is End.MACHINE and session.text.text == ""


def test_out_of_time(session: Session) -> None:
    assert session.run(STAYS, timeout=0.5) is End.TIME
    session.assert_over()


def test_one_that_ignores_sigterm_is_killed(session: Session) -> None:
    assert session.run(DEAF, timeout=0.5) is End.TIME
    assert session.text.text.endswith("deaf")
    session.assert_over()


def test_one_that_goes_on_after_its_verdict(session: Session) -> None:
    end = session.run(STAYS, timeout=30, linger=(lambda: True, 0.2))
    assert end is End.VERDICT
    session.assert_over()


def test_the_way_out_of_an_exception_ends_it_too(session: Session) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.run(STAYS, linger=(interrupt, 1))
    session.assert_over()


def test_what_cannot_be_started_is_refused(session: Session) -> None:
    with pytest.raises(Refusal, match="cannot start /nonexistent"):
        run(["/nonexistent"], session.line, session.text, output=session.output)


# The session at a terminal, in a process of its own.
AT_A_TERMINAL = f"""
import sys, termios
from pathlib import Path
sys.path.insert(0, {str(REPOSITORY / "tools")!r})
from launcher.serial import Line, Text
from launcher.session import run
from launcher.terminal import Terminal

def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()

line, text = Line(), Text([show], from_first_record=False)
command = [sys.executable, "-c", {STAND_IN + ECHOES!r}, str(line.port)]
before = termios.tcgetattr(0)
with Terminal() as terminal:
    end = run(command, line, text, output=Path(sys.argv[1]), terminal=terminal, timeout=20)
print()
print(end.name, "restored" if termios.tcgetattr(0) == before else "not restored")
"""


@pytest.mark.parametrize(
    ("typed", "said", "end"),
    [("\x03q", "ab\x03q", "MACHINE"), ("\x01x", "ab", "USER"), ("\x01\x01q", "ab\x01q", "MACHINE")],
)
def test_keys_reach_the_line_and_the_terminal_is_restored(
    tmp_path: Path, typed: str, said: str, end: str
) -> None:
    words = ["-c", AT_A_TERMINAL, str(tmp_path / "output")]
    child = pexpect.spawn(sys.executable, words, timeout=20, encoding="utf-8", echo=False)
    child.expect(r"\d+\r\n")
    child.send("ab")
    child.expect_exact("ab")
    child.send(typed)
    child.expect_exact(f"{said.removeprefix('ab')}\r\n{end} restored")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
