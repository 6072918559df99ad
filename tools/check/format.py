# SPDX-License-Identifier: BSD-2-Clause
"""C as clang-format wants it, whichever version of 14 to 19 is here. Three constructs come out
differently from 14 and 19; they are refused, so that both agree on all the rest.

Usage: format.py [--apply] FILE…
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import common

TYPE = r"(?:\w+_t|char|short|int|long|unsigned|signed|bool)"
DISPUTED = (
    (
        # 14 takes (x) for a cast: "(x)-1".
        re.compile(rf"\((?!{TYPE}\))\w+\)\s*[-&*]\s*\w"),
        "in a macro, write x of (x) - 1, (x) & 1, (x) * 1 second: -1 + (x), 1 & (x), 1 * (x)",
        True,
    ),
    (
        # 14 puts a blank behind such a cast.
        re.compile(rf"(?<!\w)\({TYPE}\)\s*[~!&*-]\s*\("),
        "write a cast of an operator in brackets: (uint8_t)(~(x))",
        False,
    ),
    (
        # 14 breaks it into a block.
        re.compile(r"#\s*define\s+\w+(?:\([^)]*\))?[ \t]*(?:\\\n\s*)?\{(?:.|\n)*\}\s*\Z"),
        "in place of {…}, let a macro stand for a whole literal, (struct name){…}",
        True,
    ),
)


def disputed(path: str) -> Iterator[str]:
    text = common.without_comments(Path(path).read_text())
    macros = list(re.finditer(r"^[ \t]*#[ \t]*define(?:\\\n|[^\n])*", text, re.MULTILINE))
    for pattern, advice, macros_only in DISPUTED:
        pieces = [(one.start(), one[0]) for one in macros] if macros_only else [(0, text)]
        for start, piece in pieces:
            for match in pattern.finditer(piece):
                line = common.line_of(text, start + match.start())
                yield f"{path}:{line}: clang-format 14 and 19 differ here: {advice}"


def unformatted(paths: list[str]) -> Iterator[str]:
    command = ["clang-format", "--dry-run", "-Werror", *paths]
    said = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in said.stderr.splitlines() if re.match(r"\S+:\d+:\d+: ", line)]
    for place in dict.fromkeys(line.split(": ")[0].rpartition(":")[0] for line in lines):
        yield f"{place}: not formatted: make format does it"
    if said.returncode != 0 and not lines:
        yield said.stderr.rstrip()


def main(arguments: list[str]) -> None:
    if arguments[0] == "--apply":
        sys.exit(subprocess.run(["clang-format", "-i", *arguments[1:]]).returncode)
    found = [problem for path in arguments for problem in disputed(path)]
    found += unformatted(arguments)
    common.finish("format", f"{len(arguments)} C files, by clang-format", found)


if __name__ == "__main__":
    main(sys.argv[1:])
