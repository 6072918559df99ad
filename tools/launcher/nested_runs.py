# SPDX-License-Identifier: BSD-2-Clause
"""Several runs in one boot of the Linux that --machine nested has between Bochs and QEMU."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from . import bochs, launch, nested, session
from .launch import Outcome, Plan
from .nested_frames import Frames
from .serial import Line, Text
from .session import End
from .verdict import Watch

# What the init script's shell makes of a QEMU that `timeout` killed: 128 + SIGKILL.
_KILLED = 137


@dataclass
class _Reader:
    """One run's serial text, and its verdict."""

    plan: Plan
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.watch = Watch(None if self.plan.iso is not None else self.token)
        self.raw = bytearray()
        self.text = Text([self.watch.feed], from_first_record=self.plan.iso is None)

    def feed(self, data: bytes) -> None:
        self.raw += data
        self.text.feed(data)

    def end(self, status: int | None, whole: End) -> End:
        """Why this run is over; `status` is QEMU's, None where it did not end by itself."""
        if status is None:
            return whole
        if status != _KILLED:
            return End.MACHINE
        return End.TIME if self.watch.verdict is None else End.VERDICT


@dataclass(frozen=True)
class Shared:
    """What came of it: the runs' outcomes in their order, and each one's bytes as they came."""

    outcomes: list[Outcome]
    raw: list[bytes]
    linux: str  # what Linux and the init script said


def run_all(plans: Sequence[Plan], *, cpu: str | None = None, timeout: float) -> Shared:
    """Runs the plans one after the other; `cpu` is Bochs's model, `timeout` is for all together.

    A plan's own timeout is in Linux's seconds, 100 million instructions each: some two to four of
    the host's where the processor is busy, far less where it waits.
    """
    readers = [_Reader(plan) for plan in plans]
    frames = Frames(secrets.token_hex(16), lambda number, data: readers[number].feed(data))
    chain = nested.find()
    with launch.work_folder() as work:
        guests = []
        for number, reader in enumerate(readers):
            folder = work / str(number)
            folder.mkdir()
            guest = launch.nested_guest(reader.plan, chain, folder, reader.token)
            guests.append(replace(guest, seconds=reader.plan.timeout))
        line = Line()
        try:
            command = nested.prepare(
                chain,
                guests,
                frames.marker,
                cpu=cpu or nested.DEFAULT_CPU,
                port=line.port,
                work=work,
            )
            whole = session.run(
                command,
                line,
                frames,
                output=work / "output",
                environment=bochs.environment(),
                timeout=timeout,
            )
        finally:
            line.close()
        frames.finish()
        log = work / nested.LINUX_LOG
        linux = log.read_text(errors="replace").replace("\r", "") if log.exists() else ""
    outcomes = [
        Outcome(
            end=reader.end(frames.ended.get(number), whole),
            text=reader.text.text,
            verdict=reader.watch.verdict,
            held=reader.text.held.decode("utf-8", errors="replace"),
            emulator=linux.splitlines(),
            emulator_log=None,
        )
        for number, reader in enumerate(readers)
    ]
    return Shared(outcomes, [bytes(reader.raw) for reader in readers], linux)
