# SPDX-License-Identifier: BSD-2-Clause
"""The built-in guests that show one thing of EPT each: what the log tells, and what it does not."""

from __future__ import annotations

import pytest
from harness import OLD_CPU, Run, once

PASSES = "OUT to port 0xf4"


def ended_well(run: Run) -> None:
    """The guest compares what it sees, and ends with code 1 if anything is otherwise."""
    assert run.status == 0
    assert (run.end().keys["why"], run.end().keys["code"]) == (PASSES, "0")
    assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))


def reasons(run: Run) -> list[str]:
    """The exits that are no text: OUTS prints, and the last ends the guest."""
    return [one.keys["reason"] for one in run.exits() if one.keys["reason"] != "IO_INSTRUCTION"]


def rights(run: Run) -> list[str]:
    return [one.keys["rights"] for one in run.topic("ept", "rights set")]


def refused(run: Run) -> list[tuple[str, str]]:
    return [(one.keys["gpa"], one.keys["what"]) for one in run.topic("ept", "refused")]


@pytest.mark.parametrize("cpu", [OLD_CPU, "tigerlake"])
def test_a_page_is_called_and_not_read(cpu: str) -> None:
    run = once("guest=execute-only", cpu=cpu)
    ended_well(run)
    assert rights(run) == ["--x", "rwx"]
    told = "read of data" if cpu == OLD_CPU else "read of data in a supervisor page"
    assert refused(run) == [("0x101000", f"{told}, allowed is fetch")]
    assert reasons(run) == ["EPT_VIOLATION"]


def test_supervisors_and_users_may_execute_by_turns() -> None:
    run = once("guest=mode-based")
    ended_well(run)
    assert rights(run) == ["r-s-", "r--u", "r-su"]
    assert refused(run) == [
        ("0x101000", "instruction fetch in a user page, allowed: read, supervisor fetch"),
        ("0x101000", "instruction fetch in a supervisor page, allowed: read, user fetch"),
    ]
    assert [one.keys["gla"] for one in run.topic("ept", "refused")] == ["0x40101000", "0x101000"]
    assert reasons(run) == ["EPT_VIOLATION", "EPT_VIOLATION"]


def test_a_guest_handles_a_violation_itself() -> None:
    run = once("guest=ve")
    ended_well(run)
    assert "ve: exception 20, in the guest" in run.printed
    # The page that is not there makes no exit; the one with #VE suppressed does.
    assert reasons(run) == ["EPT_VIOLATION"]
    assert [gpa for gpa, _ in refused(run)] == ["0x181000"]


def test_a_guest_switches_its_ept() -> None:
    run = once("guest=vmfunc")
    ended_well(run)
    views = run.topic("ept", "EPTP list")
    assert [one.keys["index"] for one in views] == ["0", "1"]
    assert len({one.keys["hpa"] for one in views}) == len({one.keys["eptp"] for one in views}) == 2
    # Two switches make no exit; what the list has not does.
    assert reasons(run) == ["VMFUNC", "VMFUNC"]
    no = run.topic("ept", "VMFUNC refused, the EPT stays")
    assert [(one.keys["function"], one.keys["index"]) for one in no] == [("0", "2"), ("0", "512")]
    assert {one.keys["eptp"] for one in no} == {views[0].keys["eptp"]}


@pytest.mark.parametrize("cpu", ["tigerlake", "sapphire_rapids"])
def test_dirty_flags_and_log_agree_with_what_was_written(cpu: str) -> None:
    run = once("guest=dirty", cpu=cpu)
    ended_well(run)
    touched = [
        tuple(one.keys[key] for key in ("gpa", "touched", "logged", "of"))
        for one in run.topic("ept", "pages touched")
    ]
    assert touched == [
        ("0x1000-0x3fff", "written", "yes", "guest-tables"),
        ("0x100000-0x100fff", "yes", "no", "data"),
        ("0x180000-0x180fff", "yes", "no", "data"),
        ("0x188000-0x188fff", "written", "yes", "data"),
        ("0x18a000-0x18afff", "written", "yes", "data"),
        ("0x18c000-0x18cfff", "written", "yes", "data"),
        ("0x1a0000-0x3f7fff", "written", "yes", "data"),
    ]
    (sum_up,) = run.topic("ept", "dirty flags and page-modification log agree")
    assert [sum_up.keys[key] for key in ("written", "logged", "differ", "full")] == [
        "606",
        "606",
        "0",
        "1",
    ]
    assert reasons(run) == ["PML_FULL"]
    (full,) = run.topic("ept", "page-modification log full, emptied")
    assert full.keys["records"] == "512"


@pytest.mark.parametrize(
    ("guest", "control"),
    [
        ("mode-based", "secondary.mode_based_execute"),
        ("ve", "secondary.ve"),
        ("vmfunc", "secondary.vmfunc"),
        ("dirty", "secondary.pml"),
    ],
)
def test_what_is_missing_is_named(guest: str, control: str) -> None:
    run = once(f"guest={guest}", cpu=OLD_CPU)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == f"{control} is needed, not supported"
    assert f"{control} wanted, not supported (IA32_VMX_PROCBASED_CTLS2)" in run.log
    assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))
