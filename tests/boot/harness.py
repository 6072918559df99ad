# SPDX-License-Identifier: BSD-2-Clause
"""Boots Lintel for the tests and reads what it said, by the launcher's own modules.

    run = boot(args=["guest=tour"], cpu="corei7_haswell_4770")
    assert run.status == 0 and run.result.keys["why"] == "HLT"
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tools"), str(Path(__file__).resolve().parent)]

from fastboot.rom import Module, boot_lines  # noqa: E402
from launcher import bochs, launch, records  # noqa: E402
from launcher.machine import BOCHS, TCG  # noqa: E402

# "bochs-fast" has no GRUB; "bochs" and "tcg" boot the ISO; "bochs-2.7" is the system's old Bochs,
# whatever its version below 3, and the test is skipped where there is none.
MACHINES = ("bochs-fast", "bochs", "bochs-2.7", TCG)

# The first has EPT and unrestricted guest, but no accessed and dirty bits and no 1 GiB pages; then
# ever newer ones. corei5_lynnfield_750 has no unrestricted guest.
OLD_CPU = "corei5_arrandale_m520"
CPUS = (OLD_CPU, "corei7_haswell_4770", "tigerlake")
ALL_CPUS = (*CPUS, "corei5_lynnfield_750", "corei7_skylake_x", "sapphire_rapids", "arrow_lake")


@dataclass(frozen=True)
class Run:
    """What came of one boot. `status` is what tools/run would exit with."""

    outcome: launch.Outcome

    @property
    def status(self) -> int:
        return self.outcome.status

    @property
    def log(self) -> str:
        return self.outcome.text

    @cached_property
    def records(self) -> list[records.Record]:
        return list(records.parse(self.log))

    @property
    def result(self) -> records.Record | None:
        """The genuine result record, which carried the run's token."""
        return None if self.outcome.verdict is None else self.outcome.verdict.record

    def topic(self, topic: str, words: str | None = None) -> list[records.Record]:
        """The records of a topic, in their order; of those, the ones with these words."""
        found = [record for record in self.records if record.topic == topic]
        return found if words is None else [one for one in found if one.words == words]

    def exits(self, vm: int = 0) -> list[records.Record]:
        return [record for record in self.topic("exit") if record.keys["vm"] == str(vm)]

    def end(self, vm: int = 0) -> records.Record:
        """The one end record of a VM."""
        (record,) = (one for one in self.topic("vm", "end") if one.keys["vm"] == str(vm))
        return record

    @cached_property
    def printed(self) -> list[str]:
        """What the guest of VM 0 printed: the text of each of its records."""
        guest = [one for one in self.topic("guest") if "text" in one.keys]
        return [one.keys["text"] for one in guest if one.keys["vm"] == "0"]

    @cached_property
    def shown(self) -> dict[str, int]:
        """What a guest said by SHOW and TRY of guests.py."""
        pairs = (line.partition("=") for line in self.printed if "=" in line)
        return {name: int(value, 16) for name, _, value in pairs}


def old_bochs() -> bochs.Bochs:
    found = bochs.system()
    if found is None or found.version_number >= bochs.LEAST_VERSION:
        pytest.skip("the system has no old Bochs")
    return found


def boot(
    *,
    args: Sequence[str] = (),
    guest: bytes | None = None,
    cpu: str | None = None,
    memory: int = 512,
    machine: str = "bochs-fast",
    firmware: str = "bios",
    cpus: int = 1,
    timeout: float = 60,
    ips: int = bochs.IPS,
    iso: Path | None = None,
    extra: Sequence[str] = (),
    build: Path = REPOSITORY / "build",
) -> Run:
    """Boots build/lintel.elf (by the fast path: lintel.bin); `guest` goes along as a module.

    `iso` boots that image as it is instead. `extra`: lines of bochsrc, on the fast path.
    """
    if machine not in MACHINES:
        raise ValueError(f"machine {machine!r}: there are {', '.join(MACHINES)}")
    modules = [] if guest is None else [Module("guest.bin", guest)]
    with tempfile.TemporaryDirectory(prefix="lintel-") as folder:
        guest_file = None
        if guest is not None:
            guest_file = Path(folder, "guest.bin")
            guest_file.write_bytes(guest)

        def fast(work: Path, arguments: Sequence[str]) -> list[str]:
            kernel = build / "lintel.elf"
            lines = boot_lines(work, kernel, build / "lintel.bin", arguments, modules)
            # Bochs takes memory block by block as it is touched, and writes an image in one piece
            # from its first block on: only what lies within one block arrives whole.
            block = 8192 if memory >= 16 else 1024
            lines.append(f"memory: guest={memory}, host={memory}, block_size={block}")
            return [*lines, *extra]

        plan = launch.Plan(
            machine=TCG if machine == TCG else BOCHS,
            cpu=cpu,
            cpus=cpus,
            memory=memory,
            uefi=firmware == "uefi",
            kernel=build / "lintel.elf",
            guest=guest_file,
            arguments=tuple(args),
            iso=iso,
            timeout=timeout,
            ips=ips,
            bochs=old_bochs() if machine == "bochs-2.7" else None,
            boot_lines=fast if machine == "bochs-fast" else None,
        )
        return Run(launch.run(plan, []))


@cache
def once(*args: str, **how: Any) -> Run:
    """As boot(args=args, …), but the same boot is made once only: for tests that only read."""
    return boot(args=args, **how)
