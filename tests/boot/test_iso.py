# SPDX-License-Identifier: BSD-2-Clause
"""The plain ISO: its menu's default entry, both kinds of firmware, CD and USB stick."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness import CPUS, REPOSITORY, boot, once
from launcher import qemu

ISO = REPOSITORY / "build/lintel.iso"


@pytest.mark.parametrize("guest", ["hlt", "tour"])
@pytest.mark.parametrize("cpu", CPUS)
def test_a_run_from_an_iso_is_as_by_the_fast_path(cpu: str, guest: str) -> None:
    iso = once(f"guest={guest}", machine="bochs", cpu=cpu)
    fast = once(f"guest={guest}", cpu=cpu)
    assert iso.status == 0
    assert "GRUB" in iso.log and "firmware=bios" in iso.log
    assert [one.keys for one in iso.exits()] == [one.keys for one in fast.exits()]


def test_the_plain_iso_boots_its_default_entry_by_itself() -> None:
    run = boot(iso=ISO, machine="bochs", timeout=60)
    assert run.status == 0 and run.result is not None
    assert run.result.keys["why"] == "HLT" and "token" not in run.result.keys
    assert "GRUB" in run.log  # its menu is on the serial line too
    entries = "hlt tour triple loop cost watch ept caps selftest bench"
    for entry in entries.split():
        assert f"{entry} " in run.log[: run.log.index("a mini-hypervisor")]


def test_it_pokes_no_port_that_it_was_not_told_of() -> None:
    run = boot(iso=ISO, machine="bochs", timeout=60)
    (line,) = (one for one in run.topic("boot") if "command-line" in one.keys)
    assert "exit-port" not in line.keys["command-line"]


def xorriso(*question: str) -> str:
    done = subprocess.run(
        ["xorriso", "-indev", ISO, *question], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_it_has_boot_images_for_both_and_a_partition_table() -> None:
    images = xorriso("-report_el_torito", "plain")
    assert " BIOS " in images and " UEFI " in images
    area = xorriso("-report_system_area", "plain")
    assert "MBR" in area and "GPT" in area
    raw = ISO.read_bytes()[:1024]
    assert raw[510:512] == b"\x55\xaa" and raw[512:520] == b"EFI PART"


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("stick", [False, True], ids=["cd", "stick"])
def test_it_boots_on_both_firmwares_as_cd_and_as_stick(
    tmp_path: Path, stick: bool, firmware: str
) -> None:
    serial = tmp_path / "serial"
    variables = None
    if firmware == "uefi":
        variables = qemu.copy_uefi_variables(tmp_path / "variables.fd")
    medium = qemu.cdrom(ISO)
    if stick:
        medium = ["-device", "qemu-xhci", "-device", "usb-storage,drive=stick,bootindex=0"]
        medium += ["-drive", f"if=none,id=stick,format=raw,readonly=on,file={ISO}"]
    command = [
        qemu.PROGRAM,
        *qemu.arguments(
            "tcg",
            cpu="max",
            serial=["-serial", f"file:{serial}"],
            medium=medium,
            uefi_variables=variables,
        ),
    ]
    done = subprocess.run(
        ["timeout", "-k", "2", "60", *command], stdin=subprocess.DEVNULL, check=False
    )
    log = serial.read_text(errors="replace")
    assert f" firmware={firmware} " in log
    assert 'result: status=fail why="no VT-x"' in log
    assert done.returncode == 0  # switched off by ACPI
