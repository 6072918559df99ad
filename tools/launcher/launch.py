# SPDX-License-Identifier: BSD-2-Clause
"""From a plan of a run to its outcome: medium, emulator, serial line, verdict."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from . import BUILD, Refusal, bochs, image, nested, qemu, session
from .machine import BOCHS, KVM, NESTED
from .nested_frames import Frames
from .serial import Line, Text
from .session import End
from .terminal import Terminal
from .verdict import NO_VERDICT, OUT_OF_TIME, PASS, Verdict, Watch

KERNEL = BUILD / "lintel.elf"
RUNS = BUILD / "run"
DEFAULT_MEMORY = 512

# What a machine gets to end by itself after the verdict, when nobody is there to end it
# (on-end=halt, on-end=reboot).
LINGER = 10.0


@dataclass(frozen=True)
class Plan:
    """A run, every choice made. `cpu` None: the machine's default model."""

    machine: str
    cpu: str | None = None
    cpus: int = 1
    memory: int = DEFAULT_MEMORY
    uefi: bool = False
    direct: bool = False  # QEMU starts the kernel itself; else it boots from an ISO
    kernel: Path = KERNEL
    guest: Path | None = None
    arguments: tuple[str, ...] = ()
    iso: Path | None = None
    timeout: float | None = None
    gdb: bool = False
    ips: int = bochs.IPS
    # For tests: another Bochs than the one that bochs.find() gives, and lines of its configuration
    # that boot Lintel without an ISO, made from a work folder and Lintel's arguments.
    bochs: bochs.Bochs | None = None
    boot_lines: Callable[[Path, Sequence[str]], list[str]] | None = None


@dataclass(frozen=True)
class Outcome:
    end: End
    text: str
    verdict: Verdict | None
    held: str  # what came before Lintel's first record, and was not shown
    emulator: list[str]  # what the emulator itself said of its end
    emulator_log: Path | None  # where that was kept, if it was

    @property
    def status(self) -> int:
        if self.end is End.TIME:
            return OUT_OF_TIME
        return NO_VERDICT if self.verdict is None else self.verdict.status


@dataclass(frozen=True)
class _Emulator:
    command: list[str]
    environment: Mapping[str, str] | None
    log: Path


@contextmanager
def work_folder() -> Iterator[Path]:
    RUNS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=RUNS))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_kernel(plan: Plan) -> None:
    if plan.iso is None and not plan.kernel.is_file():
        raise Refusal(f"{plan.kernel} is not there: make kernel")


def _medium(plan: Plan, work: Path, arguments: Sequence[str]) -> Path:
    if plan.iso is not None:
        return plan.iso.resolve()
    check_kernel(plan)
    files = {"boot/lintel.elf": plan.kernel}
    if plan.guest is not None:
        files["boot/guest.bin"] = plan.guest
    config = image.run_config(arguments, guest=plan.guest is not None, uefi=plan.uefi)
    iso = work / "run.iso"
    modules = (*image.RUN_MODULES, "all_video") if plan.uefi else image.RUN_MODULES
    image.make(iso, files, config, modules=modules, uefi=plan.uefi, work=work)
    return iso


def _bochs(plan: Plan, work: Path, port: int, token: str) -> _Emulator:
    emulator = plan.bochs or bochs.find()
    cpu = plan.cpu or bochs.DEFAULT_CPU
    emulator.check_cpu(cpu)
    arguments = (*plan.arguments, f"machine=bochs-{emulator.version}", f"token={token}")
    log = work / "bochs.log"
    direct = plan.boot_lines is not None
    config = work / "bochsrc"
    config.write_text(
        bochs.configuration(
            emulator,
            port=port,
            log=log,
            cpu=cpu,
            cpus=plan.cpus,
            memory=plan.memory,
            iso=None if direct else _medium(plan, work, arguments),
            ips=plan.ips,
            magic_break=plan.gdb,
            extra=plan.boot_lines(work, arguments) if direct else (),
        ),
        encoding="utf-8",
    )
    commands = None
    if not plan.gdb:
        commands = work / "debugger"
        commands.write_text("c\n", encoding="ascii")
    return _Emulator(bochs.command(emulator, config, commands), bochs.environment(), log)


def _qemu_arguments(plan: Plan, version: str, machine: str, token: str) -> tuple[str, ...]:
    port = f"exit-port={qemu.EXIT_PORT:#x}"
    return (*plan.arguments, f"machine=qemu-{version}-{machine}", port, f"token={token}")


def _qemu(plan: Plan, work: Path, port: int, token: str) -> _Emulator:
    cpu = plan.cpu or qemu.default_cpu(plan.machine)
    qemu.check_cpu(cpu)
    arguments = _qemu_arguments(plan, qemu.version(), plan.machine, token)
    if plan.direct:
        check_kernel(plan)
        medium = qemu.direct(plan.kernel, arguments, plan.guest)
    else:
        medium = qemu.cdrom(_medium(plan, work, arguments))
    variables = qemu.copy_uefi_variables(work / "variables.fd") if plan.uefi else None
    line = qemu.arguments(
        plan.machine,
        cpu=cpu,
        medium=medium,
        serial=qemu.serial_socket(port),
        cpus=plan.cpus,
        memory=plan.memory,
        uefi_variables=variables,
        gdb=plan.gdb,
    )
    return _Emulator([qemu.PROGRAM, *line], None, work / "output")


def nested_guest(plan: Plan, chain: nested.Chain, work: Path, token: str) -> nested.Guest:
    """The plan as one start of QEMU in the chain; it takes Linux's seconds, not the host's."""
    arguments = _qemu_arguments(plan, chain.qemu, KVM, token)
    size = {"cpus": plan.cpus, "memory": plan.memory}
    if plan.direct:
        check_kernel(plan)
        return nested.Guest(kernel=plan.kernel, arguments=arguments, module=plan.guest, **size)
    return nested.Guest(iso=_medium(plan, work, arguments), **size)


def _nested(plan: Plan, work: Path, port: int, token: str, marker: str) -> _Emulator:
    chain = nested.find()
    guest = nested_guest(plan, chain, work, token)
    cpu = plan.cpu or nested.DEFAULT_CPU
    command = nested.prepare(chain, [guest], marker, cpu=cpu, port=port, work=work)
    return _Emulator(command, bochs.environment(), work / nested.LINUX_LOG)


def _said(machine: str, log: Path, output: Path) -> list[str]:
    """Bochs has a log, unless its configuration already failed; QEMU has only its output."""
    if machine == BOCHS and log.exists():
        return bochs.telling(log.read_text(errors="replace"))
    lines = output.read_text(errors="replace").splitlines() if output.exists() else []
    return [line for line in lines if "terminating on signal" not in line]


def run(
    plan: Plan, sinks: list[Callable[[bytes], None]], terminal: Terminal | None = None
) -> Outcome:
    """Runs the plan to its end; `sinks` get the serial text as it comes."""
    token = secrets.token_hex(8)
    watch = Watch(None if plan.iso is not None else token)
    text = Text([watch.feed, *sinks], from_first_record=plan.iso is None)
    frames = Frames(secrets.token_hex(16), lambda _, data: text.feed(data))
    unattended = terminal is None and not plan.gdb and plan.iso is None
    (RUNS / f"{plan.machine}.log").unlink(missing_ok=True)  # an earlier run's
    with work_folder() as work:
        line = Line()
        try:
            if plan.machine == NESTED:
                emulator = _nested(plan, work, line.port, token, frames.marker)
            else:
                prepare = _bochs if plan.machine == BOCHS else _qemu
                emulator = prepare(plan, work, line.port, token)
            end = session.run(
                emulator.command,
                line,
                frames if plan.machine == NESTED else text,
                output=work / "output",
                environment=emulator.environment,
                terminal=terminal,
                foreground=plan.gdb and plan.machine == BOCHS,
                timeout=plan.timeout,
                linger=(lambda: watch.verdict is not None, LINGER) if unattended else None,
            )
        finally:
            line.close()
        frames.finish()
        outcome = Outcome(
            end=end,
            text=text.text,
            verdict=watch.verdict,
            held=text.held.decode("utf-8", errors="replace"),
            emulator=_said(plan.machine, emulator.log, work / "output"),
            emulator_log=None,
        )
        if outcome.status == PASS:
            return outcome
        return replace(outcome, emulator_log=_keep(emulator.log, plan.machine))


def _keep(log: Path, machine: str) -> Path | None:
    """Leaves the emulator's log of a run that did not pass where its user finds it."""
    if not log.exists() or log.stat().st_size == 0:
        return None
    kept = RUNS / f"{machine}.log"
    os.replace(log, kept)
    return kept
