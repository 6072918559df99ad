# SPDX-License-Identifier: BSD-2-Clause
"""The launcher's options: what is asked for, and what is refused before anything starts."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import Refusal, bochs, image, nested
from .launch import DEFAULT_MEMORY, KERNEL, Plan
from .machine import BOCHS, MACHINES, NESTED

_STATUS = """\
exit status: 0 the verdict is pass; 1 it is fail; 2 wrong usage, or something that a run needs is
missing; 3 the machine ended without a verdict; 124 out of time; 128 + N ended by signal N.

Keys of a terminal go to the serial line; Ctrl-A X ends the run, Ctrl-A Ctrl-A sends one Ctrl-A.
The serial text is on standard output, all else on standard error."""

# In every one of these something would have to be put into an ISO that --iso boots as it is.
_NOT_WITH_ISO = ("boot", "guest", "initrd", "cmdline", "args", "kernel")
_LEAST_MEMORY = {False: 32, True: 128}
_MOST_CPUS = 255
_MOST_MEMORY = 1 << 20
_DEFAULT_TIMEOUT = 600.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/run",
        description="Boots Lintel from an ISO in the best machine here, and judges its log.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--machine", choices=("auto", *MACHINES), default="auto", help="default: auto")
    add("--cpus", type=int, default=1, metavar="N", help="processors (default: 1)")
    add("--memory", type=int, default=DEFAULT_MEMORY, metavar="MIB", help="default: 512")
    add(
        "--cpu",
        metavar="MODEL",
        help="default: tigerlake (bochs), host (kvm), max (tcg), corei7_skylake_x (nested)",
    )
    add("--firmware", choices=("bios", "uefi"), default="bios", help="default: bios")
    add(
        "--boot",
        choices=("iso", "kernel"),
        help="from an ISO (default), or QEMU starts the kernel itself",
    )
    add("--guest", metavar="FILE", help="the flat binary that Lintel runs")
    add("--initrd", help=argparse.SUPPRESS)
    add("--cmdline", help=argparse.SUPPRESS)
    add("--args", metavar="TEXT", help="Lintel's own command line")
    add("--kernel", metavar="FILE", help="Lintel itself (default: build/lintel.elf)")
    add("--iso", metavar="FILE", help="boot this ISO as it is")
    add("--log", metavar="FILE", help="write the serial text here too")
    add("--timeout", type=float, metavar="S", help="default: none at a terminal, else 600")
    add("--headless", action="store_true", help="no window (there is none in this version anyway)")
    add("--gdb", action="store_true", help="wait for gdb (QEMU), or Bochs's own debugger")
    return parser


def parse(words: list[str]) -> argparse.Namespace:
    """The options, checked as far as they can be without knowing the machine."""
    options = _parser().parse_args(words)
    for name in ("initrd", "cmdline"):
        if getattr(options, name) is not None:
            raise Refusal(f"--{name}: not in this version")
    if options.iso is not None:
        for name in _NOT_WITH_ISO:
            if getattr(options, name) is not None:
                raise Refusal(f"--{name}: --iso boots an image as it is, with nothing put in")
    if options.timeout is not None and not options.timeout > 0:
        raise Refusal(f"--timeout {options.timeout:g}: must be more than 0")
    image.check_text("--args", options.args or "")
    for name in ("guest", "iso", "kernel"):
        _check_file(f"--{name}", getattr(options, name))
    return options


def _check_file(option: str, name: str | None) -> None:
    if name is None:
        return
    try:
        if Path(name).is_dir():
            raise Refusal(f"{option} {name}: is a folder")
        with Path(name).open("rb"):
            pass
    except OSError as error:
        raise Refusal(f"{option} {name}: {error.strerror}") from error


def _check_range(option: str, value: int, least: int, most: int, where: str) -> None:
    if not least <= value <= most:
        raise Refusal(f"{option} {value}: {where} takes {least} to {most}")


def _check_nested(options: argparse.Namespace, machine: str) -> None:
    if machine != NESTED:
        return
    if options.firmware == "uefi":
        raise Refusal("--firmware uefi: not in --machine nested; --machine tcg or kvm has it")
    if options.gdb:
        raise Refusal("--gdb: not in --machine nested; --machine tcg or kvm has it")


def plan(options: argparse.Namespace, machine: str, *, interactive: bool) -> Plan:
    """The plan for the chosen machine; what that machine cannot do is refused by name."""
    uefi = options.firmware == "uefi"
    if machine == BOCHS and uefi:
        raise Refusal("--firmware uefi: Bochs has no UEFI firmware; --machine tcg or kvm has")
    _check_nested(options, machine)
    direct = options.boot == "kernel"
    if machine == BOCHS and direct:
        raise Refusal("--boot kernel: Bochs boots from an ISO; QEMU (kvm, tcg, nested) can do both")
    if uefi and direct:
        raise Refusal("--boot kernel: not with --firmware uefi, under which GRUB boots the ISO")
    where, most_cpus, most_memory = "QEMU", _MOST_CPUS, _MOST_MEMORY
    if machine == NESTED:
        where, most_cpus, most_memory = "nested", nested.MAX_CPUS, nested.MAX_MEMORY
    if machine == BOCHS:
        where, most_cpus, most_memory = "Bochs", bochs.MAX_CPUS, bochs.MAX_MEMORY
    _check_range("--cpus", options.cpus, 1, most_cpus, where)
    _check_range("--memory", options.memory, _LEAST_MEMORY[uefi], most_memory, where)
    if options.gdb and machine == BOCHS and not interactive:
        raise Refusal("--gdb: Bochs's debugger wants a terminal")
    timeout = options.timeout
    if timeout is None and not interactive and not options.gdb:
        timeout = _DEFAULT_TIMEOUT
    return Plan(
        machine=machine,
        cpu=options.cpu,
        cpus=options.cpus,
        memory=options.memory,
        uefi=uefi,
        direct=direct,
        kernel=Path(options.kernel) if options.kernel else KERNEL,
        guest=Path(options.guest) if options.guest else None,
        arguments=tuple((options.args or "").split()),
        iso=Path(options.iso) if options.iso else None,
        timeout=timeout,
        gdb=options.gdb,
    )
