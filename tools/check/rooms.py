# SPDX-License-Identifier: BSD-2-Clause
"""Who includes whom: kernel ← ept ← vmx ← guest ← selftest, monitor; boot/ sees them all and is
seen by nobody. A header is included by the path from the top, and guarded by a name made from it.
The kernel room does not even name what is above it.

Usage: rooms.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import common

# Each room may include itself and these.
BELOW: dict[str, tuple[str, ...]] = {
    "kernel": (),
    "ept": ("kernel",),
    "vmx": ("kernel", "ept"),
    "guest": ("kernel", "ept", "vmx"),
    "selftest": ("kernel", "ept", "vmx", "guest"),
    "monitor": ("kernel", "ept", "vmx", "guest"),
    "boot": ("kernel", "ept", "vmx", "guest", "selftest", "monitor"),
}
# Tests include whatever they test.
FREE = ("tests",)
# The headers that a compiler has without a C library.
FREESTANDING = {"limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}
ABOVE_KERNEL = re.compile(r"\b(?:vmx|vmcs|vcpu|ept|vm)_\w*", re.IGNORECASE)

INCLUDE = re.compile(r'^\s*[#%]\s*include\s*(["<])([^">]*)[">]', re.MULTILINE)


def forbidden(path: Path, bracket: str, name: str) -> str:
    """What is wrong with one inclusion, or nothing."""
    room = path.parts[0]
    target = name.split("/")[0]
    if bracket == "<":
        return "" if name in FREESTANDING else f"<{name}> is no freestanding header"
    if "/" not in name:
        if path.suffix in (".asm", ".inc") and (path.parent / name).is_file():
            return ""  # a program of its own, such as a guest's, with what lies beside it
        return f'"{name}": name the room too, such as "{room}/{name}"'
    if target not in BELOW:
        return f'"{name}": {target} is no room'
    if target != room and target not in BELOW[room]:
        allowed = ", ".join((*BELOW[room], room))
        return f'"{name}": {room}/ may include {allowed} alone; a hook tells what is above'
    return ""


def guard(path: Path, text: str) -> Iterator[str]:
    wanted = re.sub(r"\W", "_", path.as_posix()).upper()
    code = common.without_comments(text).strip()
    if not re.match(rf"#ifndef {wanted}\n#define {wanted}\n", code) or not code.endswith("#endif"):
        yield f"{path}:1: wants #ifndef {wanted}, #define {wanted} … #endif around all of it"


def names_above(path: Path, text: str) -> Iterator[str]:
    for match in ABOVE_KERNEL.finditer(common.without_comments(text)):
        line = common.line_of(text, match.start())
        yield f"{path}:{line}: {match[0]}: kernel/ knows nothing of VMX, EPT and VMs"


def problems(path: Path) -> Iterator[str]:
    text = path.read_text()
    if path.parts[0] in BELOW:
        for match in INCLUDE.finditer(text):
            wrong = forbidden(path, match[1], match[2])
            if wrong:
                yield f"{path}:{common.line_of(text, match.start(1))}: {wrong}"
    if path.suffix == ".h":
        yield from guard(path, text)
    if path.parts[0] == "kernel" and path.suffix in (".c", ".h"):
        yield from names_above(path, text)


def main() -> None:
    suffixes = {".c", ".h", ".def", ".asm", ".inc"}
    rooms = (*BELOW, *FREE)
    paths = [one for one in common.files() if one.suffix in suffixes and one.parts[0] in rooms]
    found = [problem for path in paths for problem in problems(path)]
    common.finish("rooms", f"{len(paths)} sources: direction of #include, guards of headers", found)


if __name__ == "__main__":
    main()
