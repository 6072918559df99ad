# SPDX-License-Identifier: BSD-2-Clause
"""Pure code, which the unit tests compile on the host, has no instruction that only a kernel may
execute, or that asks the machine: read from its objects as the kernel's own build made them.

Usage: pure.py OBJDUMP OBJECT…
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import common

# SDM vol. 3A, "Privileged Instructions", with those of I/O, of VMX, and what asks the processor.
IMPURE = re.compile(
    r"(?:in|out|ins[bwl]?|outs[bwl]?|hlt|cli|sti|cl[ta]s|clts|[ls][gil]dt|ltr|str|[ls]msw|stac|"
    r"rdmsr|wrmsr|rdpmc|rdtscp?|cpuid|x[gs]etbv|inv\w+|wb(?:no)?invd|swapgs|iret[qlw]?|"
    r"sys(?:ret|exit)[lq]?|vm\w+|monitor|mwait|int3?|rd[fg]sbase|wr[fg]sbase)$"
)
CONTROL_REGISTER = re.compile(r"%(?:cr|db|dr)\d")
PLACE = re.compile(r"^(\S+\.[ch]):(\d+)")


def impure(name: str, operands: str) -> bool:
    return bool(IMPURE.match(name)) or name == "mov" and bool(CONTROL_REGISTER.search(operands))


def problems(objdump: str, name: str) -> Iterator[str]:
    command = [objdump, "-d", "-l", "--no-show-raw-insn", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        yield f"{name}: {done.stderr.rstrip()}"
        return
    place = name
    for line in done.stdout.splitlines():
        if source := PLACE.match(line):
            place = f"{source[1].removeprefix(f'{Path.cwd()}/')}:{source[2]}"
        fields = line.split("\t")
        if len(fields) < 2:
            continue
        words = [word for word in fields[1].split(None, 2) if not word.startswith("rep")]
        if words and impure(words[0], " ".join(words[1:])):
            yield f"{place}: {words[0]} in pure code: let a caller do it and hand in the value"


def main(objdump: str, names: list[str]) -> None:
    found = [problem for name in names for problem in problems(objdump, name)]
    common.finish("pure", f"{len(names)} objects of pure code: no privileged instruction", found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
