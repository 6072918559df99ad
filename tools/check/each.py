# SPDX-License-Identifier: BSD-2-Clause
"""Runs one command for each file, as many at a time as there are processors.

Usage: each.py [--whole] PART WHAT FILE… -- COMMAND…    {} in COMMAND stands for the file

Of what a failing command says, only the lines with a place and a complaint are shown; --whole shows
all of it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import common

COMPLAINT = re.compile(r"[^\s:]+:\d+:.*(?:error|warning|\[\w+\]$)")


def brief(text: str) -> str:
    lines = [line for line in text.splitlines() if COMPLAINT.match(line)]
    own = (line.replace(f"{Path.cwd()}/", "").removeprefix("./") for line in lines)
    return "\n".join(dict.fromkeys(own)) or text.rstrip()


def main(whole: bool, part: str, what: str, arguments: list[str]) -> None:
    split = arguments.index("--")
    names, command = arguments[:split], arguments[split + 1 :]

    def run(name: str) -> str:
        done = subprocess.run(
            [word.replace("{}", name) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        if done.returncode == 0:
            return ""
        said = done.stdout.rstrip() if whole else brief(done.stdout)
        return said or f"{name}: {command[0]} ended with {done.returncode}"

    common.finish(part, f"{len(names)} {what}", common.in_parallel(run, names))


if __name__ == "__main__":
    whole = sys.argv[1] == "--whole"
    words = sys.argv[2:] if whole else sys.argv[1:]
    main(whole, words[0], words[1], words[2:])
