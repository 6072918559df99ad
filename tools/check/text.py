# SPDX-License-Identifier: BSD-2-Clause
"""Every text file: UTF-8, ends with a newline, no CR, no trailing blanks, tabs only where make
wants them, at most 100 columns, an SPDX line in each source; sources of at most 400 lines,
functions of at most 60, where tests may be longer.

Usage: text.py [BUILD]
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import common

COLUMNS = 100
FILE_LINES = 400
FUNCTION_LINES = 60

SPDX = "SPDX-License-Identifier: BSD-2-Clause"
SOURCE_SUFFIXES = {".c", ".h", ".def", ".asm", ".inc", ".ld", ".mk", ".py", ".sh", ".cfg"}
# A row of a table, or a paragraph, is one line.
WIDE_SUFFIXES = {".def", ".md"}
# A test may be as long as what it tests asks for.
SIZE_FREE = ("tests/", "docs/")


def is_makefile(path: Path) -> bool:
    return path.name == "Makefile" or path.suffix == ".mk"


def is_source(path: Path) -> bool:
    return path.suffix in SOURCE_SUFFIXES or is_makefile(path) or common.is_script(path, r"\w+")


def basics(path: Path, text: str) -> Iterator[str]:
    lines = text.split("\n")
    if text and not text.endswith("\n"):
        yield f"{path}:{len(lines)}: no newline at the end"
    if text.endswith("\n\n"):
        yield f"{path}:{len(lines) - 1}: empty lines at the end"
    for number, line in enumerate(lines, 1):
        if line.endswith("\r"):
            yield f"{path}:{number}: CR LF: end lines with LF alone"
        elif line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
        if "\t" in line and not is_makefile(path):
            yield f"{path}:{number}: a tab: only makefiles have them"
        if len(line) > COLUMNS and path.suffix not in WIDE_SUFFIXES:
            yield f"{path}:{number}: {len(line)} columns: at most {COLUMNS}"
    if is_source(path) and SPDX not in "\n".join(lines[:3]):
        yield f"{path}:1: the first line says {SPDX}"


# A function's head and body: clang-format puts its braces, and no other pair, alone in column 1.
C_FUNCTION = re.compile(
    r"^(?P<head>[A-Za-z_](?:[^;{}#\n]|\n(?!\n))*)\n\{\n.*?^\}$", re.MULTILINE | re.DOTALL
)


def c_functions(text: str) -> Iterator[tuple[int, int, str]]:
    """First line, number of lines, name."""
    for match in C_FUNCTION.finditer(common.without_comments(text)):
        names = re.findall(r"(\w+)\(", match["head"].replace("__attribute__((", ""))
        yield (
            common.line_of(text, match.start()),
            match[0].count("\n") + 1,
            names[0] if names else "a function",
        )


def python_functions(text: str) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            yield node.lineno, length - (ast.get_docstring(node) or "").count("\n"), node.name


def sizes(path: Path, text: str) -> Iterator[str]:
    count = text.count("\n")
    if count > FILE_LINES:
        yield f"{path}:{FILE_LINES + 1}: {count} lines: a file has at most {FILE_LINES}; split it"
    if path.suffix in (".c", ".h"):
        functions = c_functions(text)
    elif path.suffix == ".py" or common.is_script(path, r"python3?"):
        functions = python_functions(text)
    else:
        return
    for first, length, name in functions:
        if length > FUNCTION_LINES:
            yield f"{path}:{first}: {name}() has {length} lines: at most {FUNCTION_LINES}"


def problems(path: Path) -> Iterator[str]:
    raw = path.read_bytes()
    if b"\0" in raw:
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        yield f"{path}:{line}: not UTF-8"
        return
    yield from basics(path, text)
    if is_source(path) and not path.as_posix().startswith(SIZE_FREE):
        yield from sizes(path, text)


def main() -> None:
    paths = common.files(*sys.argv[1:])
    found = [problem for path in paths for problem in problems(path)]
    common.finish("text", f"{len(paths)} files: ends of lines, widths, licence lines, sizes", found)


if __name__ == "__main__":
    main()
