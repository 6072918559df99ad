# SPDX-License-Identifier: BSD-2-Clause
"""A wrong hypervisor is caught: one bit is flipped at each place of vmx/mutant.h, and a scenario of
the selftest is `not ok` then, which is `ok` otherwise."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import REPOSITORY, boot
from ktap import ktap

ROOMS = ("boot", "kernel", "ept", "vmx", "guest", "selftest")
ROW = re.compile(r'^ *ROW\((\d+), (\w+), (\d+), "([^"]+)", "([^"]+)"\)', re.MULTILINE)

# What catches each, in its own words.
CAUGHT_BY = {
    "PHYSICAL": ("ept.hole", "guest-physical address is 0x201008, wanted 0x200008"),
    "BLOCKING": ("handled.blocking", "the blocking behind it is 0x1, wanted 0x0"),
    "EVENT": ("hidden.msr", "the vector that the guest is given is 0xc, wanted 0xd"),
    "MSR_BITMAP": ("hidden.msr_bitmap", "an MSR that can only be read is 0x12, wanted 0x10"),
    "IO_BITMAP": ("hidden.port", "what a byte reads as is"),
    "CR4_MASK": ("hidden.cr4", "CR4.VMXE as the guest reads it is 0x2000, wanted 0x0"),
    "RIGHTS": ("exception.software", "the guest was given vector 13 #GP, wanted"),
    "HOST_DR3": ("state.host_restored", "not as before the entry: dr0-dr3"),
    "EPT_POINTER": ("ept.accessed_dirty", "accessed, of the page that was read is 0x0, wanted 0x1"),
    "WATCH": ("ept.policy_stop", "the answer to the exit is 0x1, wanted 0x2"),
}


@dataclass(frozen=True)
class Mutant:
    number: int
    name: str
    bit: int
    file: str
    what: str


MUTANTS = [
    Mutant(int(row[1]), row[2], int(row[3]), row[4], row[5])
    for row in ROW.finditer((REPOSITORY / "vmx/mutant.h").read_text())
]


def test_ten_places_of_ten_files_are_tried() -> None:
    assert [one.number for one in MUTANTS] == list(range(1, 11))
    assert len({one.file for one in MUTANTS}) == 10
    assert {one.name for one in MUTANTS} == CAUGHT_BY.keys()
    for one in MUTANTS:
        assert (REPOSITORY / one.file).read_text().count(f"MUTATE({one.name}, ") == 1


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The objects of build/, with their times, so that only what is taken out is made again."""
    for room in ROOMS:
        shutil.copytree(REPOSITORY / "build" / room, tmp_path / room)
    yield tmp_path
    shutil.rmtree(tmp_path)


def build(mutant: Mutant, folder: Path) -> None:
    """What includes the place, or is it, is compiled with its bit flipped."""
    rules = [one for one in folder.rglob("*.d") if mutant.file in one.read_text().split()]
    assert rules
    for one in rules:
        one.with_suffix(".o").unlink()
    command = ["make", "-s", f"BUILD={folder}", f"MUTANT={mutant.number}"]
    images = [str(folder / name) for name in ("lintel.elf", "lintel.bin")]
    made = subprocess.run(
        [*command, *images], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("  CC ") == len(rules), made.stdout


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_a_wrong_hypervisor_is_caught(mutant: Mutant, folder: Path) -> None:
    scenario, words = CAUGHT_BY[mutant.name]
    options = ["mode=selftest", f"select={scenario}"]
    (right,) = ktap(boot(args=options))
    assert (right.name, right.good, right.directive) == (scenario, True, "")
    build(mutant, folder)
    run = boot(args=options, build=folder)
    (wrong,) = ktap(run)
    assert (wrong.name, wrong.good, wrong.directive) == (scenario, False, "")
    assert wrong.note.startswith(words)
    assert run.status == 1 and run.result is not None  # and it came to its end


def test_a_mutant_wants_a_folder_of_its_own() -> None:
    made = subprocess.run(
        ["make", "-s", "-n", "MUTANT=1", "kernel"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0 and "MUTANT=1 wants a folder of its own" in made.stderr
