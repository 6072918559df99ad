# SPDX-License-Identifier: BSD-2-Clause
"""build/lintel.elf, what every multiboot loader takes, and build/lintel.debug, for gdb."""

from __future__ import annotations

import struct
import subprocess

import pytest
from harness import REPOSITORY

BUILD = REPOSITORY / "build"
EM_386, EM_X86_64 = 3, 62


@pytest.mark.parametrize("kind", ["--is-x86-multiboot", "--is-x86-multiboot2"])
def test_grub_takes_it_by_both_headers(kind: str) -> None:
    subprocess.run(["grub-file", kind, BUILD / "lintel.elf"], check=True)


def test_it_is_an_elf32_container_and_the_debug_file_an_elf64_with_dwarf() -> None:
    elf, debug = ((BUILD / name).read_bytes() for name in ("lintel.elf", "lintel.debug"))
    assert (elf[4], struct.unpack_from("<H", elf, 18)) == (1, (EM_386,))
    assert (debug[4], struct.unpack_from("<H", debug, 18)) == (2, (EM_X86_64,))
    assert b".debug_info" in debug and b".debug_info" not in elf


def test_both_are_of_one_build() -> None:
    """The entry point is physical; all else of the debug file is at the linked address."""
    entry = struct.unpack_from("<I", (BUILD / "lintel.elf").read_bytes(), 24)
    symbols = subprocess.run(
        ["nm", BUILD / "lintel.debug"], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split() for line in symbols.splitlines()]
    addresses = {name: int(address, 16) for address, _, name in lines}
    assert addresses["boot_main"] >> 31 == 0x1FFFFFFFF
    assert 0x100000 <= entry[0] < 0x200000
