#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares the scenarios of docs/selftest-matrix.md with the sources': no emulator is needed.

A scenario is a row of a table in selftest/*.c, `{"name", …`, or a rule of docs/audit.md, which is
itself printed from the sources. What runs only when it is named stands in no matrix. Status 1 if
anything is amiss.
"""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
MATRIX = "docs/selftest-matrix.md"

_ROW = re.compile(r'^\s+\{"([a-z0-9_.]+)",', re.MULTILINE)
_RULE = re.compile(r"^\| `([a-z0-9_.]+)` \|(?:[^|]*\|){5}$", re.MULTILINE)
_SCENARIO = re.compile(r"^\| `([a-z0-9_.]+)` \|", re.MULTILINE)
_HEAD = "\n| scenario |"


def in_sources() -> set[str]:
    names: set[str] = set()
    for path in TOP.glob("selftest/*.c"):
        text = path.read_text(encoding="utf-8")
        if ".only_with =" not in text:
            names.update(_ROW.findall(text))
    rules = _RULE.findall((TOP / "docs/audit.md").read_text(encoding="utf-8"))
    return names | {f"audit.{rule}" for rule in rules}


def in_matrix() -> set[str]:
    text = (TOP / MATRIX).read_text(encoding="utf-8")
    return set(_SCENARIO.findall(text[text.index(_HEAD) :]))


def main() -> int:
    sources, matrix = in_sources(), in_matrix()
    for name in sorted(sources - matrix):
        print(f"{MATRIX}: {name} is not in it")
    for name in sorted(matrix - sources):
        print(f"{MATRIX}: {name} is in no source")
    if sources == matrix:
        print(f"{MATRIX}: its {len(matrix)} scenarios are those of the sources")
        return 0
    print(f"{MATRIX}: not what the sources say: make selftest-matrix mends it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
