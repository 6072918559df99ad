# SPDX-License-Identifier: BSD-2-Clause
"""Bochs, which emulates VMX and EPT: finds one that is new enough, writes its configuration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import Refusal

DEFAULT_CPU = "tigerlake"
MAX_CPUS = 8
MAX_MEMORY = 2048
LEAST_VERSION = (3, 0)

# Emulated instructions a second. The TSC counts instructions whatever this says; a low figure makes
# the waits of firmware and GRUB, which are counted in seconds, short.
IPS = 4_000_000


@dataclass(frozen=True)
class Bochs:
    """One installed Bochs."""

    program: Path
    share: Path  # its firmware
    version: str
    models: tuple[str, ...]

    @property
    def version_number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    def check_cpu(self, model: str) -> None:
        if model not in self.models:
            raise Refusal(f"--cpu {model}: Bochs {self.version} has {', '.join(self.models)}")


def environment() -> dict[str, str]:
    """What Bochs needs around it: its only display here is SDL's dummy, which needs no screen."""
    return {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


def _examine(program: Path, share: Path) -> Bochs | None:
    try:
        done = subprocess.run(
            [program, "--help", "cpu"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout + done.stderr
    version = re.search(r"Bochs x86 Emulator (\d+(?:\.\d+)*)", text)
    models = re.search(r"Supported CPU models:\s*\n((?:\w+\n)+)", text)
    if version is None or models is None or not (share / "BIOS-bochs-latest").exists():
        return None
    return Bochs(program, share, version.group(1), tuple(models.group(1).split()))


@cache
def system() -> Bochs | None:
    """The Bochs on the PATH, whatever its version."""
    found = shutil.which("bochs-bin") or shutil.which("bochs")
    if found is None:
        return None
    program = Path(found).resolve()
    return _examine(program, program.parents[1] / "share/bochs")


@cache
def private() -> Bochs | None:
    """The newest Bochs that tools/deps unpacked into the user's cache folder."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = [
        bochs
        for folder in (cache_folder / "lintel").glob("bochs-*")
        if (bochs := _examine(folder / "bochs", folder / "share")) is not None
    ]
    return max(found, key=lambda bochs: bochs.version_number, default=None)


def find() -> Bochs:
    """The Bochs for a run: the system's where it is new enough, else the private one."""
    for bochs in (system, private):
        found = bochs()
        if found is not None and found.version_number >= LEAST_VERSION:
            return found
    raise Refusal("no Bochs 3.0 or later, neither the system's nor in the cache folder: make deps")


def quoted(path: Path) -> str:
    """A path for bochsrc, where a comma or a quote would end it."""
    if re.search(r'[",\n]', str(path)):
        raise Refusal(f"Bochs cannot be told of {str(path)!r}: a comma or a quote is in it")
    return f'"{path}"'


def configuration(
    bochs: Bochs,
    *,
    port: int,
    log: Path,
    cpu: str = DEFAULT_CPU,
    cpus: int = 1,
    memory: int = 512,
    iso: Path | None = None,
    ips: int = IPS,
    magic_break: bool = False,
    extra: Sequence[str] = (),
) -> str:
    """bochsrc: boots `iso` (or what `extra` brings), COM1 connected to 127.0.0.1:port."""
    lines = [
        # On by themselves in 3.0; 2.7 has to be told.
        "plugin_ctrl: unmapped=1, biosdev=1, speaker=0",
        "display_library: sdl2",
        f"romimage: file={quoted(bochs.share / 'BIOS-bochs-latest')}",
        f"vgaromimage: file={quoted(bochs.share / 'VGABIOS-lgpl-latest')}",
        f"cpu: model={cpu}, count={cpus}, ips={ips}, reset_on_triple_fault=0",
        f"memory: guest={memory}, host={memory}",
        "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
        f"com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}",
        f"log: {quoted(log)}",
        "panic: action=fatal",
        "error: action=report",
        "info: action=report",
        "debug: action=ignore",
        # No real time: a run is the same run each time, and as fast as the host allows.
        "clock: sync=none, time0=1000000000",
        f"magic_break: enabled={int(magic_break)}",
    ]
    if iso is not None:
        lines += [f"ata0-master: type=cdrom, path={quoted(iso)}, status=inserted", "boot: cdrom"]
    return "\n".join([*lines, *extra, ""])


def command(bochs: Bochs, config: Path, commands: Path | None) -> list[str]:
    """The command line; `commands` is a file of words for the debugger that Debian builds in."""
    line = [str(bochs.program), "-q", "-f", str(config)]
    return [*line, "-debugger"] if commands is None else [*line, "-rc", str(commands)]


# In a log: complaints (p for panic, e for error), and where the processor was at the end.
_TELLING = re.compile(r"\d+[pe]\[|.*\| [ER]IP=|.*\[CPU\d+ *\] 0x[0-9a-f]+>> ")
_OUR_OWN = "User requested shutdown"


def telling(log: str) -> list[str]:
    """The lines of a log that say why a machine ended, of some hundred that do not."""
    return [line for line in log.splitlines() if _TELLING.match(line) and _OUR_OWN not in line]
