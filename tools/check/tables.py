# SPDX-License-Identifier: BSD-2-Clause
"""The tables (.def files) hold macro calls alone, each macro with one number of arguments, and both
C and NASM read them.

Usage: tables.py CC NASM FOLDER TABLE…    FOLDER takes what is written meanwhile
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import common

CALL = re.compile(r"^([A-Z_]+)\((.*)\)$")
ARGUMENT = re.compile(r'(?:"(?:\\.|[^"\\])*"|\([^()]*\)|[^,"()])+')


def arities(table: Path) -> tuple[dict[str, int], list[str]]:
    """The macros with their numbers of arguments, and what is wrong."""
    macros: dict[str, int] = {}
    wrong = []
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if line == "":
            continue
        match = CALL.match(line)
        if match is None:
            wrong.append(f"{table}:{number}: a line holds one macro call, MACRO(…), and no more")
            continue
        count = len(ARGUMENT.findall(match[2]))
        if macros.setdefault(match[1], count) != count:
            wrong.append(
                f"{table}:{number}: {match[1]} has {count} arguments here, "
                f"{macros[match[1]]} above"
            )
    return macros, wrong


def read_by(command: list[str], source: Path, table: Path, lines: list[str]) -> Iterator[str]:
    source.write_text("\n".join(lines) + "\n")
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    if done.returncode != 0:
        yield f"{table}:1: {command[0]} does not read it:\n{done.stderr.rstrip()}"
    elif done.stdout.strip():
        yield f"{table}:1: something is left of it in C: {done.stdout.strip().splitlines()[0]}"


def problems(cc: str, nasm: str, folder: Path, table: Path) -> Iterator[str]:
    macros, wrong = arities(table)
    if wrong:
        yield from wrong
        return
    heads = {
        name: f"define {name}({', '.join(f'a{n}' for n in range(count))})"
        for name, count in macros.items()
    }
    stem = folder / table.name
    lines = [*(f"#{head}" for head in heads.values()), f'#include "{table}"']
    yield from read_by([cc, "-E", "-P", "-I."], stem.with_suffix(".c"), table, lines)
    lines = [*(f"%{head}" for head in heads.values()), f'%include "{table}"']
    output = str(stem.with_suffix(".bin"))
    command = [nasm, "-f", "bin", "-w+all", "-Werror", "-I.", "-o", output]
    yield from read_by(command, stem.with_suffix(".asm"), table, lines)


def main(cc: str, nasm: str, folder: str, tables: list[str]) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    found = [one for name in tables for one in problems(cc, nasm, Path(folder), Path(name))]
    common.finish("tables", f"{len(tables)} tables, read by C and NASM", found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
