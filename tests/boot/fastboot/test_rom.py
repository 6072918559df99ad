# SPDX-License-Identifier: BSD-2-Clause
"""The fast path's option ROM, as far as it can be checked without a machine."""

from __future__ import annotations

import struct

import pytest
from rom import Module, _entry_and_end, _place, block, rom


@pytest.mark.parametrize("size", [0, 400, 410, 411, 412, 1000])
def test_a_rom_is_summed_and_padded(size: int) -> None:
    code = bytes.fromhex("55aa00e900000000") + bytes(range(92))
    image = rom(code, b"\x01" * size)
    assert len(image) % 512 == 0 and image[2] * 512 == len(image)
    assert sum(image) % 256 == 0
    assert struct.unpack_from("<H", image, 6) == (size,)
    assert image[len(code) : len(code) + size] == b"\x01" * size


def test_modules_stand_on_pages_of_their_own_and_an_empty_one_nowhere() -> None:
    modules = [Module("a", b"x" * 4097), Module("b", b""), Module("c", b"y")]
    assert [(one.start, one.end) for one in _place(modules, 0x100001)] == [
        (0x101000, 0x102001),
        (0, 0),
        (0x103000, 0x103001),
    ]


def test_the_block_points_into_itself() -> None:
    base = 0x8000
    data = block(0x100020, "guest=tour x", _place([Module("guest.bin", b"\xf4")], 0x200000))

    def word(at: int) -> int:
        return int(struct.unpack_from("<I", data, at - base)[0])

    def string(at: int) -> bytes:
        return data[at - base : data.index(b"\0", at - base)]

    info = base + 4
    assert word(base) == 0x100020
    assert word(info) == 0x24C
    assert string(word(info + 16)) == b"guest=tour x"
    assert word(info + 20) == 1
    table = word(info + 24)
    assert (word(table), word(table + 4)) == (0x200000, 0x200001)
    assert string(word(table + 8)) == b"guest.bin"


def test_an_elf_container_tells_its_entry_and_its_end() -> None:
    header = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    header += struct.pack("<2H5I6H", 2, 3, 1, 0x100010, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    segments = struct.pack("<8I", 1, 0, 0x100000, 0x100000, 5, 0x300, 5, 4096)
    segments += struct.pack("<8I", 4, 0, 0, 0x900000, 5, 5, 5, 4)
    assert _entry_and_end(header + segments) == (0x100010, 0x100300)
    with pytest.raises(ValueError, match="ELF32"):
        _entry_and_end(b"\x7fELF\x02")
