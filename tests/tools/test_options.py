# SPDX-License-Identifier: BSD-2-Clause
"""What the launcher refuses, and the plans that it makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from launcher import REPOSITORY, Refusal, options
from launcher.launch import Plan
from launcher.machine import BOCHS, KVM, TCG


def plan(*words: str, machine: str = BOCHS, interactive: bool = False) -> Plan:
    return options.plan(options.parse(list(words)), machine, interactive=interactive)


def refusal(*words: str, machine: str = BOCHS) -> str:
    with pytest.raises(Refusal) as refused:
        plan(*words, machine=machine)
    return str(refused.value)


@pytest.mark.parametrize("option", ["--initrd", "--cmdline"])
def test_what_is_not_built_yet_says_so(option: str) -> None:
    assert refusal(option, "x") == f"{option}: not in this version"


@pytest.mark.parametrize("option", ["--guest", "--args", "--kernel"])
def test_an_iso_takes_nothing_in(option: str, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    assert refusal("--iso", str(file), option, str(file)).startswith(f"{option}: --iso")


@pytest.mark.parametrize("option", ["--guest", "--iso", "--kernel"])
def test_a_file_has_to_be_there(option: str, tmp_path: Path) -> None:
    assert "No such file" in refusal(option, str(tmp_path / "none"))
    assert "is a folder" in refusal(option, str(tmp_path))


def test_an_empty_guest_is_lintels_to_refuse(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert plan("--guest", str(empty)).guest == empty


def test_uefi_in_bochs_is_refused_by_name() -> None:
    assert refusal("--firmware", "uefi").startswith("--firmware uefi: Bochs")
    assert plan("--firmware", "uefi", machine=TCG).uefi


@pytest.mark.parametrize(
    ("option", "value", "machine", "says"),
    [
        ("--memory", "2049", BOCHS, "Bochs takes 32 to 2048"),
        ("--memory", "31", BOCHS, "Bochs takes 32 to 2048"),
        ("--memory", "-1", TCG, "QEMU takes 32 to 1048576"),
        ("--cpus", "9", BOCHS, "Bochs takes 1 to 8"),
        ("--cpus", "0", KVM, "QEMU takes 1 to 255"),
        ("--timeout", "0", BOCHS, "more than 0"),
        ("--timeout", "nan", BOCHS, "more than 0"),
    ],
)
def test_ranges_are_the_machines(option: str, value: str, machine: str, says: str) -> None:
    message = refusal(option, value, machine=machine)
    assert message.startswith(f"{option} {value}") and says in message


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\x1b[1m", "naïve", "a\tb"])
def test_args_carry_printable_ascii_only(text: str) -> None:
    assert "not printable ASCII" in refusal("--args", text)


def test_args_are_words() -> None:
    assert plan("--args", " guest=tour  limit=3 ").arguments == ("guest=tour", "limit=3")


def test_time_is_limited_where_nobody_watches() -> None:
    assert plan().timeout == 600
    assert plan(interactive=True).timeout is None
    assert plan("--gdb", machine=TCG).timeout is None
    assert plan("--timeout", "1.5", interactive=True).timeout == 1.5


def test_bochs_debugger_wants_a_terminal() -> None:
    assert "--gdb" in refusal("--gdb")
    assert plan("--gdb", interactive=True).gdb


@pytest.mark.parametrize(
    "words", [["--bogus"], ["--machine", "xen"], ["--memory", "much"], ["--guest"], ["--initrd=x"]]
)
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    done = subprocess.run([REPOSITORY / "tools/run", *words], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b"" and done.stderr != b""
