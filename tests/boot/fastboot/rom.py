# SPDX-License-Identifier: BSD-2-Clause
"""The fast path: Lintel in Bochs without GRUB, by an option ROM and RAM images.

A run costs a third of a second. It is no substitute for a boot from the ISO, which has tests of its
own: here nobody but us decides what the Multiboot information looks like.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("option-rom.asm")
_ROM_AT = 0xD0000  # these two as in option-rom.asm
_BLOCK_AT = 0x8000
_LOAD_AT = 0x100000
_PAGE = 0x1000
_MOST_MODULES = 3  # Bochs takes four RAM images, and one is Lintel

_HAS_COMMAND_LINE, _HAS_MODULES, _HAS_MEMORY_MAP, _HAS_LOADER_NAME = 1 << 2, 1 << 3, 1 << 6, 1 << 9
_INFO_SIZE = 120
_LOADER_NAME = "Lintel fast path"


@dataclass(frozen=True)
class Module:
    """A boot module, as GRUB would load one."""

    text: str
    data: bytes


@dataclass(frozen=True)
class _Placed:
    start: int
    module: Module

    @property
    def end(self) -> int:
        return self.start + len(self.module.data)


def _entry_and_end(elf: bytes) -> tuple[int, int]:
    """An ELF32 container's entry point, and the end of what it takes in memory."""
    if elf[:5] != b"\x7fELF\x01":
        raise ValueError("not an ELF32 file")
    entry, headers = struct.unpack_from("<II", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 42)
    end = 0
    for i in range(count):
        kind, _, _, physical, _, length = struct.unpack_from("<6I", elf, headers + i * size)
        if kind == 1:
            end = max(end, physical + length)
    return entry, end


def _place(modules: Sequence[Module], start: int) -> list[_Placed]:
    """Modules page by page from `start`; an empty one has the address 0, as GRUB gives it."""
    placed = []
    for module in modules:
        if not module.data:
            placed.append(_Placed(0, module))
            continue
        start = -(-start // _PAGE) * _PAGE
        placed.append(_Placed(start, module))
        start += len(module.data)
    return placed


def block(entry: int, command_line: str, modules: Sequence[_Placed]) -> bytes:
    """The entry point, then the Multiboot information and all that it points to."""
    table_at = _BLOCK_AT + 4 + _INFO_SIZE
    strings_at = table_at + 16 * len(modules)
    strings = b""

    def string(text: str) -> int:
        nonlocal strings
        at = strings_at + len(strings)
        strings += text.encode("ascii") + b"\0"
        return at

    table = b"".join(
        struct.pack("<4I", one.start, one.end, string(one.module.text), 0) for one in modules
    )
    info = bytearray(_INFO_SIZE)
    flags = _HAS_COMMAND_LINE | _HAS_MODULES | _HAS_MEMORY_MAP | _HAS_LOADER_NAME
    struct.pack_into("<I", info, 0, flags)
    struct.pack_into("<3I", info, 16, string(command_line), len(modules), table_at)
    struct.pack_into("<I", info, 64, string(_LOADER_NAME))
    return struct.pack("<I", entry) + bytes(info) + table + strings


def rom(code: bytes, data: bytes) -> bytes:
    """The assembled code with its block, padded and summed as the BIOS wants an option ROM."""
    image = bytearray(code + data)
    # The checksum takes the last byte.
    image += bytes(-(len(image) + 1) % 512 + 1)
    image[2] = len(image) // 512
    struct.pack_into("<H", image, 6, len(data))
    image[-1] = -sum(image) % 256
    return bytes(image)


def boot_lines(
    work: Path, elf: Path, flat: Path, arguments: Sequence[str], modules: Sequence[Module]
) -> list[str]:
    """Lines for bochsrc that start the flat image, whose entry point its ELF container tells."""
    if len(modules) > _MOST_MODULES:
        raise ValueError(f"{len(modules)} modules; Bochs has room for {_MOST_MODULES}")
    code = work / "option-rom.bin"
    subprocess.run(["nasm", "-f", "bin", "-o", code, _SOURCE], check=True)
    entry, end = _entry_and_end(elf.read_bytes())
    placed = _place(modules, max(end, _LOAD_AT + flat.stat().st_size))
    image = work / "option-rom.rom"
    image.write_bytes(rom(code.read_bytes(), block(entry, " ".join(arguments), placed)))
    lines = [
        f'optromimage1: file="{image}", address={_ROM_AT:#x}',
        f'optramimage1: file="{flat}", address={_LOAD_AT:#x}',
    ]
    for number, one in enumerate((one for one in placed if one.module.data), start=2):
        file = work / f"module{number}"
        file.write_bytes(one.module.data)
        lines.append(f'optramimage{number}: file="{file}", address={one.start:#x}')
    return lines
