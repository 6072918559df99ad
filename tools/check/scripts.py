# SPDX-License-Identifier: BSD-2-Clause
"""Scripts: Python compiles without a warning; pyflakes and shellcheck find nothing.

Usage: scripts.py
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import common


def does_not_compile(path: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, Warning) as error:
            line = getattr(error, "lineno", None) or 1
            yield f"{path}:{line}: {getattr(error, 'msg', error)}"


def said_by(command: list[str], paths: list[Path]) -> list[str]:
    if not paths:
        return []
    done = subprocess.run(
        [*command, *map(str, paths)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.splitlines() if done.returncode != 0 else []


def main() -> None:
    paths = common.files()
    python = [one for one in paths if one.suffix == ".py" or common.is_script(one, r"python3?")]
    shell = [one for one in paths if one.suffix == ".sh" or common.is_script(one, r"(?:ba|da)?sh")]
    found = [problem for path in python for problem in does_not_compile(path)]
    if not found:
        found += said_by([sys.executable, "-m", "pyflakes"], python)
    # SC2187: busybox's shell is checked as dash, as it says.
    found += said_by(["shellcheck", "--format=gcc", "--exclude=SC2187"], shell)
    what = f"{len(python)} in Python, by pyflakes; {len(shell)} in shell, by shellcheck"
    common.finish("scripts", what, found)


if __name__ == "__main__":
    main()
