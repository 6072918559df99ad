# SPDX-License-Identifier: BSD-2-Clause
"""Where the image goes, and machines of different size."""

from __future__ import annotations

import pytest
from harness import Run, boot, once

MIB = 1 << 20


def moved(run: Run) -> tuple[int, int, int]:
    (record,) = run.topic("memory", "image moved")
    size = int(record.keys["size"].removesuffix("-KiB")) * 1024
    return int(record.keys["from"], 16), int(record.keys["to"], 16), size


@pytest.mark.parametrize("memory", [32, 64, 512, 2048])
def test_the_image_moves_to_the_top_of_memory(memory: int) -> None:
    run = once("guest=hlt", memory=memory)
    assert run.status == 0
    source, target, size = moved(run)
    assert source == MIB
    # The last 64 KiB are ACPI's, and the image keeps its place within 2 MiB.
    assert (memory - 2) * MIB <= target and target + size <= memory * MIB


@pytest.mark.parametrize("memory", [64, 512, 2048])
def test_memory_is_counted(memory: int) -> None:
    (record,) = (one for one in once(memory=memory).topic("memory") if "free-pages" in one.keys)
    usable = int(record.keys["usable"].removesuffix("-KiB"))
    free, books = int(record.keys["free-pages"]), int(record.keys["bookkeeping-pages"])
    assert (memory - 1) * 1024 <= usable <= memory * 1024
    assert usable / 4 - 256 <= free <= usable / 4
    assert books * 4 <= max(4, -(-usable // 1000))  # 0.1 %, but no less than a page


def test_modules_are_left_alone() -> None:
    """A guest that fills most of a small machine: image, module and guest's memory stay apart."""
    guest = b"\xf4" + bytes(range(256)) * 4096 * 4
    run = boot(args=["memory=32M"], guest=guest, memory=64)
    assert run.status == 0 and run.end().keys["why"] == "HLT"


@pytest.mark.parametrize("memory", [2, 3])
def test_a_machine_that_is_too_small_says_so(memory: int) -> None:
    run = boot(memory=memory)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == "too little memory"
    assert any("need=" in line for line in run.log.splitlines())


def test_a_huge_module_on_a_small_machine_is_a_clear_end() -> None:
    run = boot(args=["memory=40M"], guest=b"\xf4" + bytes(30 * MIB), memory=64)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == "too little memory"
    assert run.end().keys["exits"] == "0"
    assert run.topic("memory", "given back")[0].keys["difference"] == "0"
