# SPDX-License-Identifier: BSD-2-Clause
"""The boots of the chain for all of tests/nested, and the figures that they bring."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "boot")]

from guests import assemble_bare  # noqa: E402
from harness import REPOSITORY, Run, boot  # noqa: E402
from launcher import launch, nested_runs  # noqa: E402
from launcher.machine import NESTED  # noqa: E402
from launcher.nested import DEFAULT_CPU  # noqa: E402

from runs import ROWS, Row  # noqa: E402

# Starts, says nothing, and leaves by the port that -device isa-debug-exit gives.
MUTE = """
        org 0x100000
        bits 32
header: dd 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000)
        dd header, header, end, end, start
start:  out 0xF4, eax
        jmp start
end:
"""

_SECONDS = 20.0  # Linux's own, a run
_TIMEOUT = 330.0  # the host's, all of it

figures: list[str] = []  # for the end of pytest's report

Key = tuple[str, bool]  # a row's name, and whether QEMU started the kernel itself


class Chain:
    """All runs, each by its key."""

    def __init__(self) -> None:
        self._runs: dict[Key, Run] = {}
        self._raw: dict[Key, bytes] = {}
        self.linux: list[str] = []

    def add(self, keys: list[Key], shared: nested_runs.Shared) -> None:
        self._runs.update(zip(keys, map(Run, shared.outcomes), strict=True))
        self._raw.update(zip(keys, shared.raw, strict=True))
        self.linux.append(shared.linux)

    def run(self, name: str, *, direct: bool) -> Run:
        return self._runs[name, direct]

    def raw(self, name: str, *, direct: bool) -> bytes:
        """Its serial text as it came, and from its first byte on."""
        return self._raw[name, direct]


@cache
def bare(row: Row) -> Run:
    """The row on Bochs itself, on the model that Linux has below it in the chain."""
    return boot(args=row.arguments.split(), guest=row.guest, cpu=DEFAULT_CPU)


def _plans(folder: Path) -> Iterator[tuple[Key, launch.Plan]]:
    build = REPOSITORY / "build"

    def plan(arguments: str = "", *, seconds: float = _SECONDS, **how: object) -> launch.Plan:
        how = {"kernel": build / "lintel.elf", "arguments": tuple(arguments.split()), **how}
        return launch.Plan(machine=NESTED, timeout=seconds, **how)

    for number, row in enumerate(ROWS):
        guest = None
        if row.guest is not None:
            guest = folder / f"guest-{number}"
            guest.write_bytes(row.guest)
        for direct in (True, False):
            yield (row.name, direct), plan(row.arguments, guest=guest, direct=direct)
    mute = folder / "mute"
    mute.write_bytes(assemble_bare(MUTE))
    yield ("mute", True), plan(kernel=mute, direct=True)
    yield ("endless", True), plan("guest=loop trace=off", seconds=4, direct=True)
    yield ("halts", True), plan("on-end=halt", seconds=6, direct=True)
    yield ("plain", False), plan(iso=build / "lintel.iso")


@pytest.fixture(scope="session")
def chain() -> Chain:
    """Two boots of Linux at the same time: one for QEMU's -kernel, one for the ISOs."""
    started = time.monotonic()
    chain = Chain()
    with tempfile.TemporaryDirectory(prefix="lintel-") as folder:
        every = list(_plans(Path(folder)))
        both = [[one for one in every if one[0][1] is direct] for direct in (True, False)]

        def run(some: list[tuple[Key, launch.Plan]]) -> nested_runs.Shared:
            return nested_runs.run_all([plan for _, plan in some], timeout=_TIMEOUT)

        with ThreadPoolExecutor() as pool:
            for some, shared in zip(both, pool.map(run, both), strict=True):
                chain.add([key for key, _ in some], shared)
    figures.append(f"{len(every)} runs in {time.monotonic() - started:.0f} s")
    return chain


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if figures:
        terminalreporter.section("nested")
        for line in figures:
            terminalreporter.write_line(line)
