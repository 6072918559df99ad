# SPDX-License-Identifier: BSD-2-Clause
"""What `make test-nested` runs in the chain of docs/nested.md: one line a run.

Each line is run three times: by QEMU's -kernel, from the ISO, and on bare Bochs. test_runs.py
compares them. A new line is all that a new selftest or guest needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from guests import assemble, assemble_bare

from harness import REPOSITORY


@dataclass(frozen=True)
class Row:
    """A run, and how it must end."""

    name: str
    arguments: str
    guest: bytes | None = None
    status: int = 0
    why: str = "HLT"
    # What is the clock's affair, and so not the same on both machines (docs/nested.md):
    timer: bool = False  # with limit= the preemption timer's exits come in between
    prints_time: bool = False  # what the guest prints, and from which address


HELLO = assemble_bare((REPOSITORY / "guest/example/hello.asm").read_text(encoding="ascii"))
CPUID_FOR_EVER = assemble(".on: xor eax, eax", "cpuid", "jmp .on")
FAULTS = assemble("IDT", 'TRY "ud", ud2', 'TRY "gp", rdmsr', 'SHOW "cr4", cr4', "hlt")

ROWS = (
    Row("hlt", "guest=hlt"),
    Row("tour", "guest=tour"),
    Row("triple", "guest=triple", why="triple fault"),
    Row("loop", "guest=loop limit=20", why="limit", timer=True),
    Row("cost", "guest=cost trace=ring", prints_time=True),
    Row("flat", "", HELLO),
    Row("flat faults", "", FAULTS),
    Row("flat limit", "limit=30", CPUID_FOR_EVER, why="limit", timer=True),
    Row("flat code 7", "", assemble("mov al, 7", "out 0xF4, al"), status=1, why="OUT to port 0xf4"),
)
