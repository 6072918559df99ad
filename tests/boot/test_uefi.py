# SPDX-License-Identifier: BSD-2-Clause
"""The ISO under UEFI firmware (OVMF), in QEMU's software emulation: as far as a machine without
VT-x goes."""

from __future__ import annotations

import re
from functools import cache

import pytest
from guests import assemble
from harness import Run, boot


@cache
def run(memory: int = 512) -> Run:
    return boot(machine="tcg", firmware="uefi", memory=memory, guest=assemble("hlt"))


def test_it_comes_to_a_verdict() -> None:
    assert run().status == 1 and run().result is not None
    assert run().result.keys["why"] == "no VT-x"
    assert "software emulation (TCG) has no VT-x" in run().log


def test_multiboot_2_brings_firmware_framebuffer_and_module() -> None:
    (loader,) = (one.keys for one in run().topic("boot") if "loader" in one.keys)
    assert (loader["multiboot"], loader["firmware"], loader["modules"]) == ("2", "uefi", "1")
    assert re.fullmatch(r"\d{3,}x\d{3,}x(24|32)", loader["screen"])


def test_the_rsdp_is_the_firmwares() -> None:
    acpi = {key: value for one in run().topic("acpi") for key, value in one.keys.items()}
    assert acpi["revision"] == "2" and "xsdt" in acpi
    assert (acpi["s5"], acpi["reset"], acpi["processors"]) == ("yes", "yes", "1")


@pytest.mark.parametrize("memory", [512, 5120])
def test_the_image_moves_to_usable_memory_below_4_gib(memory: int) -> None:
    (moved,) = run(memory).topic("memory", "image moved")
    assert 0x800000 < int(moved.keys["to"], 16) < min(memory << 20, 1 << 32)
    assert run(memory).status == 1
