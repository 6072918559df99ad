# SPDX-License-Identifier: BSD-2-Clause
"""tools/run: options in, serial text out, the verdict as the exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from . import BUILD, Refusal, bochs, host, launch, nested, options, qemu
from .launch import Outcome, Plan
from .machine import BOCHS, NESTED, choose
from .serial import printable
from .session import End
from .terminal import Terminal
from .verdict import USAGE

_LAST_LINES = 15
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Signalled(Exception):
    """Turns a signal into an exception, so that everything started is ended on the way out."""


def _on_signal(number: int, _: FrameType | None) -> None:
    for one in _SIGNALS:  # a second one must not cut the way out short
        signal.signal(one, signal.SIG_IGN)
    raise _Signalled(number)


def _say(text: str) -> None:
    print(f"tools/run: {text}", file=sys.stderr, flush=True)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _name(plan: Plan) -> str:
    if plan.machine == BOCHS:
        return f"Bochs {bochs.find().version}"
    if plan.machine == NESTED:
        chain = nested.find()
        below = f"on Linux {chain.linux} in Bochs {bochs.find().version}"
        return f"QEMU {chain.qemu} (kvm) {below}"
    return f"QEMU {qemu.version()} ({plan.machine})"


def _explain_gdb(plan: Plan) -> None:
    if plan.machine == BOCHS:
        _say("Bochs's debugger has the terminal; xchg bx, bx is a breakpoint; c goes on, q ends")
    else:
        _say(f"waits for: gdb {BUILD / 'lintel.debug'} -ex 'target remote 127.0.0.1:1234'")


def _explain_silence(outcome: Outcome) -> None:
    """For a run without a verdict: what the firmware and the emulator had to say."""
    for title, lines in (
        ("before any line of Lintel's came", [] if outcome.text else outcome.held.splitlines()),
        ("the emulator says", outcome.emulator),
    ):
        told = [printable(line) for line in lines if line.strip()][-_LAST_LINES:]
        if told:
            _say(title + ":\n  " + "\n  ".join(told))


def _judge(outcome: Outcome) -> None:
    if outcome.verdict is None and outcome.end is not End.USER:
        _explain_silence(outcome)
    if outcome.emulator_log is not None:
        _say(f"the emulator's own log is {outcome.emulator_log}")
    if outcome.end is End.TIME:
        sentence = "out of time"
    elif outcome.verdict is None:
        sentence = f"no verdict: {outcome.end.value}"
    else:
        word = "pass" if outcome.verdict.passed else "fail"
        sentence = f"{word}: {outcome.verdict.record.keys.get('why', 'no reason given')}"
        if outcome.end is End.VERDICT:
            sentence += f" ({outcome.end.value}, and was ended)"
    _say(f"{sentence} (exit status {outcome.status})")


def _run(words: list[str]) -> int:
    wanted = options.parse(words)
    choice = choose(wanted.machine, host.collect())
    interactive = sys.stdin.isatty()
    plan = options.plan(wanted, choice.machine, interactive=interactive)
    _say(f"{_name(plan)}: {choice.why}")
    sinks: list[Callable[[bytes], None]] = [_show]
    with ExitStack() as stack:
        if wanted.log is not None:
            try:
                log = stack.enter_context(Path(wanted.log).open("wb", buffering=0))
            except OSError as error:
                raise Refusal(f"--log {wanted.log}: {error.strerror}") from error
            sinks.append(log.write)
        if plan.gdb:
            _explain_gdb(plan)
        terminal = None
        if interactive and not (plan.gdb and plan.machine == BOCHS):
            terminal = stack.enter_context(Terminal())
        outcome = launch.run(plan, sinks, terminal)
    _judge(outcome)
    return outcome.status


def main(words: list[str]) -> int:
    for number in _SIGNALS:
        signal.signal(number, _on_signal)
    try:
        return _run(words)
    except Refusal as refusal:
        _say(str(refusal))
        return USAGE
    except _Signalled as signalled:
        number = signalled.args[0]
        _say(f"ended by {signal.Signals(number).name}")
        return 128 + number
    except BrokenPipeError:
        # Whoever read the serial text has gone; Python must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:  # a full disk is no failing verdict
        _say(f"cannot go on: {error.strerror or error}")
        return USAGE
