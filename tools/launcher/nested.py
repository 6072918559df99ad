# SPDX-License-Identifier: BSD-2-Clause
"""The machine "nested": QEMU with KVM on Linux with nested VMX, all of it inside Bochs.

Bochs boots Debian's Linux, which runs one QEMU after the other, each with Lintel in it, by the same
arguments as on a host with KVM. docs/nested.md gives the reason for every setting here.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import REPOSITORY, Refusal, bochs, image
from .machine import KVM
from .nested_cpio import Archive
from .qemu import PROGRAM, arguments, cdrom, direct

# Counts the changes of what tools/nested/pack packs: an older one in the cache is passed over.
LAYOUT = 1

# With newer models Debian's Linux never says a word.
DEFAULT_CPU = "corei7_skylake_x"
MAX_CPUS = 1
LINUX_MEMORY = 512  # for Linux and its root file system; the innermost machine's comes on top
MAX_MEMORY = bochs.MAX_MEMORY - LINUX_MEMORY

# The TSC counts instructions; this says how many of them Linux takes for a second.
IPS = 100_000_000

LINUX_LOG = "linux.log"

_INIT = REPOSITORY / "tools/nested/init"
_LINUX = "boot/linux"
_BASE = "boot/base.cpio"
_PAYLOAD = "boot/payload.cpio"
_MODULES = ("normal", "linux")
_COMMAND_LINE = (
    "console=ttyS1,115200",  # the second line: the first belongs to Lintel
    "loglevel=4",
    "nokaslr",
    "mitigations=off",
    "tsc=reliable",
    f"tsc_early_khz={IPS // 1000}",
    f"lpj={IPS // 250}",
    "cryptomgr.notests",
    "panic=0",
)


@dataclass(frozen=True)
class Chain:
    """What tools/deps --nested put into the cache."""

    folder: Path
    linux: str  # versions
    qemu: str


def find() -> Chain:
    """The newest chain in the user's cache folder."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = []
    for versions in (cache_folder / "lintel").glob(f"nested-{LAYOUT}-*/versions"):
        words = dict(line.split("=", 1) for line in versions.read_text().splitlines())
        made = versions.stat().st_mtime
        found.append((made, Chain(versions.parent, words["linux"], words["qemu"])))
    if not found:
        raise Refusal("--machine nested: nothing for it in the cache folder: tools/deps --nested")
    return max(found, key=lambda one: one[0])[1]


@dataclass(frozen=True)
class Guest:
    """One start of QEMU: what is in it, and its size."""

    kernel: Path | None = None  # started with -kernel, or:
    iso: Path | None = None  # booted from
    arguments: Sequence[str] = ()  # Lintel's, with `kernel`
    module: Path | None = None  # Lintel's guest, with `kernel`
    cpus: int = 1
    memory: int = 512
    seconds: float | None = None  # of Linux's time, after which QEMU is killed


def qemu_command(guest: Guest, folder: str) -> list[str]:
    """QEMU's command line inside; the files of the run are in `folder`."""
    if guest.kernel is not None:
        module = None if guest.module is None else Path(folder, "guest.bin")
        medium = direct(Path(folder, "lintel.elf"), guest.arguments, module)
    else:
        medium = cdrom(Path(folder, "lintel.iso"))
    line = arguments(KVM, cpu="host", medium=medium, cpus=guest.cpus, memory=guest.memory)
    limit = [] if guest.seconds is None else ["timeout", "-s", "KILL", f"{guest.seconds:g}"]
    return [*limit, PROGRAM, *line]


def payload(guests: Sequence[Guest], marker: str) -> bytes:
    """The archive with the init script and the runs."""
    archive = Archive()
    archive.file("init", _INIT.read_bytes(), executable=True)
    archive.file("runs/marker", f"{marker}\n".encode())
    files: dict[Path, str] = {}

    def put(path: str, source: Path) -> None:
        """Each file once, however many runs have it."""
        if source in files:
            archive.link(path, f"/{files[source]}")
        else:
            archive.file(path, source.read_bytes())
            files[source] = path

    for number, guest in enumerate(guests):
        folder = f"runs/{number:04}"
        command = shlex.join(qemu_command(guest, f"/{folder}"))
        archive.file(f"{folder}/command", f"exec {command}\n".encode())
        if guest.iso is not None:
            put(f"{folder}/lintel.iso", guest.iso)
        else:
            assert guest.kernel is not None
            put(f"{folder}/lintel.elf", guest.kernel)
            if guest.module is not None:
                put(f"{folder}/guest.bin", guest.module)
    return archive.bytes()


def grub_config() -> str:
    linux = " ".join([f"linux /{_LINUX}", *_COMMAND_LINE])
    return f"set timeout=0\n{linux}\ninitrd /{_PAYLOAD} /{_BASE}\nboot\n"


def prepare(
    chain: Chain, guests: Sequence[Guest], marker: str, *, cpu: str, port: int, work: Path
) -> list[str]:
    """Bochs's command for these runs, its files in `work`: Linux speaks into LINUX_LOG there."""
    emulator = bochs.find()
    emulator.check_cpu(cpu)
    (work / "payload").write_bytes(payload(guests, marker))
    files = {
        _LINUX: chain.folder / "linux",
        _BASE: chain.folder / "base.cpio",
        _PAYLOAD: work / "payload",
    }
    iso = work / "linux.iso"
    image.make(iso, files, grub_config(), modules=_MODULES, uefi=False, work=work)
    config = work / "bochsrc"
    config.write_text(
        bochs.configuration(
            emulator,
            port=port,
            log=work / "bochs.log",
            cpu=cpu,
            memory=LINUX_MEMORY + max(guest.memory for guest in guests),
            iso=iso,
            ips=IPS,
            extra=(
                f"com2: enabled=1, mode=file, dev={bochs.quoted(work / LINUX_LOG)}",
                "error: action=ignore",  # KVM reads unknown MSRs, thousands of times
            ),
        ),
        encoding="utf-8",
    )
    commands = work / "debugger"
    commands.write_text("c\n", encoding="ascii")
    return bochs.command(emulator, config, commands)
