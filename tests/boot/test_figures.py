# SPDX-License-Identifier: BSD-2-Clause
"""The figures of the issue that built this, in instructions: Bochs's TSC counts them."""

from __future__ import annotations

import struct

import pytest
from harness import CPUS, REPOSITORY, once

ANY = pytest.mark.parametrize("cpu", CPUS)


def work(cpu: str, memory: int) -> int:
    run = once("guest=hlt", cpu=cpu, memory=memory)
    (record,) = (one.keys for one in run.topic("stat") if "work" in one.keys)
    assert int(record["total"]) == int(record["waits"]) + int(record["work"])
    return int(record["work"])


@ANY
def test_from_our_first_instruction_to_the_first_entry(cpu: str) -> None:
    small, large = work(cpu, 512), work(cpu, 2048)
    assert small <= 2_000_000
    assert abs(large - small) <= small / 10


@ANY
def test_a_cpuid_exit_with_tracing_in_the_ring(cpu: str) -> None:
    (line,) = once("guest=cost", "trace=ring", cpu=cpu).printed
    assert int(line.rpartition(" ")[2]) <= 200


def test_the_image_loads_in_640_kib() -> None:
    elf = (REPOSITORY / "build/lintel.elf").read_bytes()
    (headers,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    segments = [struct.unpack_from("<8I", elf, headers + i * size) for i in range(count)]
    assert 0 < sum(memory for kind, *_, memory, _, _ in segments if kind == 1) <= 640 * 1024


@ANY
@pytest.mark.parametrize("guest", ["hlt", "tour", "loop"])
def test_memory_beside_the_guests_own(cpu: str, guest: str) -> None:
    taken = once(f"guest={guest}", "limit=20", cpu=cpu).topic("memory", "taken")
    for record in taken:
        assert 0 < int(record.keys["others"].removesuffix("-KiB")) <= 512


def test_memory_beside_a_large_guests_own() -> None:
    taken = once("memory=1G", guest=b"\xf4", memory=2048).topic("memory", "taken")[0]
    assert taken.keys["guest"] == f"{1024 * 1024}-KiB"
    assert int(taken.keys["others"].removesuffix("-KiB")) <= 512
