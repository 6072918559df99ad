# SPDX-License-Identifier: BSD-2-Clause
"""QEMU: with KVM where the host has nested VMX, or emulating a processor without VT-x (TCG)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from . import Refusal
from .machine import KVM

PROGRAM = "qemu-system-x86_64"
EXIT_PORT = 0xF4
_OVMF = Path("/usr/share/OVMF")


def default_cpu(machine: str) -> str:
    return "host" if machine == KVM else "max"


def _comma(path: Path) -> str:
    """A path as part of an option whose fields are separated by commas."""
    return str(path).replace(",", ",,")


def cdrom(path: Path) -> list[str]:
    return ["-cdrom", str(path), "-boot", "d"]


def direct(kernel: Path, words: Sequence[str], module: Path | None) -> list[str]:
    """Starts a Multiboot kernel without firmware's help and without GRUB.

    QEMU takes the names apart at a comma (doubled: one of the name) and at a space.
    """
    for path in (kernel, module):
        if path is not None and " " in str(path):
            raise Refusal(f"--boot kernel: QEMU cannot be told of {str(path)!r}: a space is in it")
    line = ["-kernel", str(kernel), "-append", " ".join(words)]
    return line if module is None else [*line, "-initrd", _comma(module)]


def serial_socket(port: int) -> list[str]:
    return ["-chardev", f"socket,id=com1,host=127.0.0.1,port={port}", "-serial", "chardev:com1"]


def arguments(
    machine: str,
    *,
    cpu: str,
    medium: Sequence[str],
    serial: Sequence[str] = ("-serial", "stdio"),
    cpus: int = 1,
    memory: int = 512,
    uefi_variables: Path | None = None,
    gdb: bool = False,
) -> list[str]:
    """QEMU's command line after the program. `uefi_variables` (a writable copy) makes it UEFI."""
    board = "pc" if uefi_variables is None else "q35"
    line = ["-M", board, "-accel", machine, "-cpu", cpu, "-smp", str(cpus), "-m", str(memory)]
    line += ["-nodefaults", "-display", "none", *serial, "-no-reboot"]
    line += ["-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"]
    if uefi_variables is not None:
        # A screen, without which UEFI has no framebuffer to hand on.
        line += ["-vga", "std"]
        code = _OVMF / "OVMF_CODE_4M.fd"
        line += ["-drive", f"if=pflash,format=raw,readonly=on,file={_comma(code)}"]
        line += ["-drive", f"if=pflash,format=raw,file={_comma(uefi_variables)}"]
    if gdb:
        line += ["-S", "-gdb", "tcp:127.0.0.1:1234"]
    return [*line, *medium]


def copy_uefi_variables(to: Path) -> Path:
    source = _OVMF / "OVMF_VARS_4M.fd"
    if not source.exists() or not (_OVMF / "OVMF_CODE_4M.fd").exists():
        raise Refusal("--firmware uefi: OVMF is not installed (package ovmf): make deps")
    return Path(shutil.copyfile(source, to))


def _ask(*question: str) -> str:
    if shutil.which(PROGRAM) is None:
        raise Refusal(f"{PROGRAM} is not installed (package qemu-system-x86): make deps")
    done = subprocess.run([PROGRAM, *question], capture_output=True, text=True, check=False)
    return done.stdout


@cache
def version() -> str:
    found = re.search(r"version (\d+(?:\.\d+)*)", _ask("--version"))
    return found.group(1) if found else "unknown"


def check_cpu(model: str) -> None:
    """Refuses a model that this QEMU does not have; `model` may carry features after a comma."""
    listing = _ask("-cpu", "help").split("Recognized", 1)[0]
    known = re.findall(r"^\s*(?:x86\s+)?([A-Za-z0-9][\w.-]*)", listing, re.MULTILINE)
    known = [name for name in known if name != "Available"]
    if model.split(",", 1)[0] not in known:
        raise Refusal(f"--cpu {model}: QEMU {version()} has {', '.join(sorted(known))}")
