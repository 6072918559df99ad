# SPDX-License-Identifier: BSD-2-Clause
"""The serial console: which port, ports that are not there, and how the run ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import boot, once
from launcher import launch


def com(number: int, file: Path) -> str:
    return f'com{number}: enabled=1, mode=file, dev="{file}"'


@pytest.mark.parametrize("name", ["com2", "0x2f8", "com2,9600"])
def test_another_port(tmp_path: Path, name: str) -> None:
    wire = tmp_path / "com2"
    run = boot(args=[f"console={name}"], extra=[com(2, wire)])
    assert run.log == "" and run.result is None
    assert "result: status=pass" in wire.read_text()
    assert "console port=0x2f8" in wire.read_text()


@pytest.mark.parametrize(("number", "port"), [(3, "0x3e8"), (4, "0x2e8")])
def test_com3_and_com4(tmp_path: Path, number: int, port: str) -> None:
    wires = [tmp_path / f"com{n}" for n in range(2, 5)]
    extra = [com(n, wire) for n, wire in enumerate(wires, start=2)]
    run = boot(args=[f"console=com{number}"], extra=extra)
    assert run.log == ""
    text = wires[number - 2].read_text()
    assert f"console port={port}" in text and "result: status=pass" in text


@pytest.mark.parametrize("port", ["0x2e0", "com3", "com4"])
def test_a_port_that_is_not_there_costs_a_line(port: str) -> None:
    run = once("console=com1", f"console={port}")
    assert run.status == 0
    plain = once("console=com1")
    more = [one for one in run.topic("boot") if "missing" in one.words]
    assert len(more) == 1 and len(run.records) == len(plain.records) + 1


def test_a_run_whose_only_port_is_missing_still_speaks() -> None:
    run = once("console=0x2e0")
    assert run.status == 0 and "console missing" in run.log


def test_the_fifo_is_on_and_the_speed_as_in_the_contract() -> None:
    (record,) = (one for one in once().topic("boot") if "speed" in one.keys)
    assert (record.keys["port"], record.keys["speed"]) == ("0x3f8", "115200")
    assert record.keys["fifo"] == "16"


def test_on_end_halt_says_so_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LINGER", 0.5)
    run = boot(args=["on-end=halt"])
    assert run.status == 0 and run.outcome.end is launch.End.VERDICT
    after = run.log[run.log.index("result:") :].splitlines()[1:]
    assert len(after) == 1 and "halted" in after[0]


def test_on_end_reboot_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LINGER", 1.5)
    run = boot(args=["on-end=reboot"], machine="bochs")
    assert run.status == 0 and run.outcome.end is launch.End.VERDICT
    first, again = run.log.split("result: status=pass", 1)
    assert first.count("a mini-hypervisor") == 1
    assert "a mini-hypervisor" in again and "did not reset" not in again


def test_poweroff_is_by_acpi() -> None:
    run = once()
    assert run.outcome.end is launch.End.MACHINE
    assert any("soft power off" in line for line in run.outcome.emulator)
