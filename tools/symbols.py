#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the symbol table that a panic's backtrace reads, as NASM source.

The image is linked twice: once with an empty table, then with the one made from that link. The
table stands in .rodata, behind .text, so it moves no function.

Usage: symbols.py [ELF [NM]]    without ELF: an empty table
"""
import subprocess
import sys


def functions(elf: str, nm: str) -> list[tuple[int, str]]:
    """Offsets from text_start and names of all functions and entry points, ascending."""
    listing = subprocess.run([nm, "-n", elf], check=True, capture_output=True, text=True).stdout
    symbols = [line.split() for line in listing.splitlines()]
    base = next(int(s[0], 16) for s in symbols if s[-1] == "text_start")
    end = next(int(s[0], 16) for s in symbols if s[-1] == "text_end")
    named: dict[int, str] = {}
    for symbol in symbols:
        if len(symbol) != 3 or symbol[1] not in "tT":
            continue
        address = int(symbol[0], 16)
        if base <= address < end and symbol[2] not in ("text_start", "text_end"):
            named.setdefault(address - base, symbol[2])
    return sorted(named.items())


def main() -> None:
    table: list[tuple[int, str]] = []
    if sys.argv[1:]:
        table = functions(sys.argv[1], sys.argv[2] if sys.argv[2:] else "nm")
    print("section .symbols progbits alloc noexec nowrite align=8")
    print("global symbol_count, symbol_table, symbol_names")
    print(f"symbol_count: dd {len(table)}")
    print("symbol_table:")
    position = 0
    for offset, name in table:
        print(f"        dd {offset:#x}, {position}")
        position += len(name) + 1
    print("symbol_names:")
    for _, name in table:
        print(f'        db "{name}", 0')


if __name__ == "__main__":
    main()
