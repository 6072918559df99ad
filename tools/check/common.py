# SPDX-License-Identifier: BSD-2-Clause
"""What the parts of `make check` share: which files there are, and the line that each prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

# What a fuzzer or a test reads as it stands is no text of ours.
FOREIGN = ("tests/fuzz/corpus/",)
SKIPPED_FOLDERS = {".git", "__pycache__", ".pytest_cache"}


def finish(part: str, what: str, problems: Iterable[str]) -> NoReturn:
    """Prints the problems, each "FILE:LINE: what is wrong and what is wanted", and the line."""
    found = list(problems)
    for problem in found:
        print(problem)
    print(f"check {part:<10}{what}" + (f": {len(found)} to mend" if found else ""), flush=True)
    sys.exit(1 if found else 0)


def files(build: str = "build") -> list[Path]:
    """Every file that is in git or could go there; without git, every file outside BUILD."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
    )
    if listing.returncode == 0:
        paths = [Path(name) for name in listing.stdout.split("\0") if name]
    else:
        skipped = SKIPPED_FOLDERS | {build}
        paths = [path for path in Path().rglob("*") if not skipped & set(path.parts)]
    return sorted(
        path for path in set(paths) if path.is_file() and not path.as_posix().startswith(FOREIGN)
    )


def is_script(path: Path, interpreter: str) -> bool:
    """Whether the file's first line names the interpreter (a regular expression)."""
    with path.open("rb") as file:
        first = file.readline(128).decode("ascii", "replace")
    return re.match(rf"#!.*\b({interpreter})\b", first) is not None


def in_parallel(function: Callable[[str], str], names: Sequence[str]) -> list[str]:
    """What the function says of each name, where it says something."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [text for text in pool.map(function, names) if text]


def without_comments(text: str) -> str:
    """C source with the insides of comments and strings blanked, line numbers kept."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
