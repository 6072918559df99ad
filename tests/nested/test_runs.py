# SPDX-License-Identifier: BSD-2-Clause
"""The runs of runs.py in the chain, compared with the same on bare Bochs."""

from __future__ import annotations

import re

import pytest
from conftest import Chain, bare, figures
from harness import Run
from launcher.records import Record
from launcher.session import End
from runs import ROWS, Row

EVERY = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
BOTH = pytest.mark.parametrize("direct", [True, False], ids=["kernel", "iso"])

# IA32_VMX_EPT_VPID_CAP, "advanced VM-exit information for EPT violations", and the bits of the exit
# qualification that come with it (SDM vol. 3C, "Exit Qualification for EPT Violations").
ADVANCED_INFORMATION = 1 << 22
ADVANCED_QUALIFICATION = 0b111 << 9

WANTED = " wanted, not supported"
GROUPS = {"pin", "primary", "secondary", "exit", "entry"}


def capabilities(run: Run) -> dict[str, int]:
    (record,) = (one for one in run.topic("vmx") if "ept-vpid" in one.keys)
    return {key: int(value, 16) for key, value in record.keys.items()}


def controls(run: Run) -> dict[str, int]:
    """Those of VM 0, by their group."""
    some = [one.keys for one in run.topic("vmx", "controls") if one.keys["vm"] == "0"]
    found = {key: int(keys[key], 16) for keys in some for key in GROUPS & keys.keys()}
    assert found.keys() == GROUPS
    return found


def wanted_in_vain(run: Run) -> set[str]:
    """The controls that Lintel says it would have liked to have."""
    names = (one.words.split(" ", 1) for one in run.topic("vmx") if WANTED in one.words)
    return {name for name, _ in names}


def exits(run: Run, vm: int, row: Row, *, advanced: bool) -> list[dict[str, str]]:
    """A VM's exits, all that Lintel says of them but for what docs/nested.md explains."""
    found = []
    for record in run.exits(vm):
        keys = dict(record.keys)
        if keys["reason"] == "EPT_VIOLATION" and not advanced:
            keys["qual"] = hex(int(keys["qual"], 16) & ~ADVANCED_QUALIFICATION)
        if row.timer:
            if keys["reason"] == "PREEMPTION_TIMER":
                continue
            del keys["n"]
        if row.prints_time:
            keys.pop("gla", None)
        found.append(keys)
    return found


def stat(run: Run, reason: str) -> Record:
    (record,) = (
        one
        for one in run.topic("stat")
        if one.keys.get("reason") == reason and one.keys["vm"] == "0"
    )
    return record


@EVERY
@BOTH
def test_it_ends_as_it_must(chain: Chain, row: Row, direct: bool) -> None:
    run = chain.run(row.name, direct=direct)
    assert run.result is not None, run.log + "".join(chain.linux)
    assert run.result.keys["why"] == row.why
    assert run.status == row.status
    assert run.outcome.end is End.MACHINE  # through its exit port, nobody had to end it


@EVERY
@BOTH
def test_the_log_is_as_if_it_had_run_alone(chain: Chain, row: Row, direct: bool) -> None:
    run = chain.run(row.name, direct=direct)
    *lines, rest = chain.raw(row.name, direct=direct).split(b"\r\n")
    assert rest == b"" and not any(b"\r" in line or b"\n" in line for line in lines)
    record = re.compile(rb"\[\d{6}\.\d{6}\] cpu0 [a-z]+: [ -~]+")
    assert [line for line in lines if not record.fullmatch(line)] == []
    assert b"machine=qemu-" in lines[0] and b" result: " in lines[-1]
    assert run.outcome.held == ""
    (loader,) = (one.keys["loader"] for one in run.topic("boot") if "loader" in one.keys)
    assert loader.startswith("qemu" if direct else "GRUB")


@EVERY
@BOTH
def test_its_exits_are_those_of_bare_bochs(chain: Chain, row: Row, direct: bool) -> None:
    nested, alone = chain.run(row.name, direct=direct), bare(row)
    advanced = bool(capabilities(nested)["ept-vpid"] & ADVANCED_INFORMATION)
    for vm in (0, 1):
        both = [exits(run, vm, row, advanced=advanced) for run in (nested, alone)]
        if row.timer:  # it takes its share of the limit
            both = [some[: min(map(len, both))] for some in both]
        assert both[0] == both[1]
        assert nested.end(vm).keys == alone.end(vm).keys
        assert len(nested.exits(vm)) == len(alone.exits(vm)) == int(alone.end(vm).keys["exits"])
    assert nested.printed == alone.printed or row.prints_time


@EVERY
@BOTH
def test_an_exit_takes_as_many_vmx_instructions(chain: Chain, row: Row, direct: bool) -> None:
    def counts(run: Run) -> dict[tuple[str, str], str]:
        rows = [one.keys for one in run.topic("stat") if "vmx-instructions" in one.keys]
        return {(one["vm"], one["reason"]): one["vmx-instructions"] for one in rows}

    nested, alone = counts(chain.run(row.name, direct=direct)), counts(bare(row))
    if row.timer:
        common = nested.keys() & alone.keys()
        nested, alone = ({key: one[key] for key in common} for one in (nested, alone))
    assert nested == alone and nested != {}


@EVERY
@BOTH
def test_what_kvm_lacks_is_named_and_lived_without(chain: Chain, row: Row, direct: bool) -> None:
    nested, alone = chain.run(row.name, direct=direct), bare(row)
    less = {key for key, bits in capabilities(alone).items() if bits & ~capabilities(nested)[key]}
    assert less == {"pin", "secondary", "exit", "entry", "ept-vpid"}
    more = {key for key, bits in capabilities(nested).items() if bits & ~capabilities(alone)[key]}
    assert more == set()
    missing = wanted_in_vain(nested) - wanted_in_vain(alone)
    dropped = {group for group in GROUPS if controls(nested)[group] != controls(alone)[group]}
    assert {name.split(".")[0] for name in missing} == dropped


def test_the_figures(chain: Chain) -> None:
    tour, cost = (row for row in ROWS if row.name in ("tour", "cost"))
    for reason, row in (("CPUID", cost), ("IO_INSTRUCTION", tour)):
        for where, run in (
            ("nested", chain.run(row.name, direct=True)),
            ("bare", bare(row)),
        ):
            count = stat(run, reason).keys["vmx-instructions"]
            figures.append(f"{reason}: {count} VMX instructions an exit ({where}, {row.name})")
    ticks = {}
    for where, run in (("nested", chain.run("cost", direct=True)), ("bare", bare(cost))):
        (line,) = run.printed
        ticks[where] = int(line.rsplit(" ", 1)[1])
        figures.append(f"{line} ({where})")
    assert ticks["nested"] > 10 * ticks["bare"]  # so it really is another machine


def test_out_of_time(chain: Chain) -> None:
    run = chain.run("endless", direct=True)
    assert (run.status, run.outcome.end, run.result) == (124, End.TIME, None)
    assert run.topic("vm", "launch vm=0") or "by VMLAUNCH" in run.log


def test_a_machine_that_goes_on_after_its_verdict(chain: Chain) -> None:
    run = chain.run("halts", direct=True)
    assert (run.status, run.outcome.end) == (0, End.VERDICT)


def test_no_verdict(chain: Chain) -> None:
    run = chain.run("mute", direct=True)
    assert (run.status, run.outcome.end, run.log) == (3, End.MACHINE, "")
    assert "ended with status" in "\n".join(run.outcome.emulator)


def test_the_plain_iso(chain: Chain) -> None:
    run = chain.run("plain", direct=False)
    assert run.status == 0 and run.result is not None
    assert "token" not in run.result.keys
    assert "GNU GRUB" in run.log  # nothing is held back of an image that is booted as it is
