# SPDX-License-Identifier: BSD-2-Clause
"""Lintel's command line: what it does not know it says, with the allowed words, and goes on."""

from __future__ import annotations

import re

import pytest
from harness import REPOSITORY, Run, boot, once


def complaint(run: Run, word: str) -> str:
    """What the records about `word` say: one, or as many as a list takes."""
    said = [one.keys["says"] for one in run.topic("boot", "option") if one.keys["word"] == word]
    assert said
    return " ".join(said)


@pytest.mark.parametrize("word", ["frobnicate=1", "hlt", "=", "GUEST=hlt", "guest", "--guest=hlt"])
def test_an_unknown_option_is_named_with_the_known_ones(word: str) -> None:
    run = once(word)
    line = complaint(run, word)
    assert "unknown" in line or "no value" in line
    for known in ("guest=", "memory=", "trace=", "limit=", "on-end=", "console="):
        assert known in line
    assert run.status == 0 and run.end().keys["guest"] == "hlt"


@pytest.mark.parametrize(
    ("word", "allowed"),
    [
        ("memory=banana", "K, M or G"),
        ("memory=4095", "4K"),
        ("memory=0", "4K"),
        ("memory=-1", "4K"),
        ("cpu=x", "0 to 255"),
        ("cpu=1", "there are: 0"),
        ("vms=a/b", "names of guests"),
        ("mode=dance", "run, caps, selftest, bench"),
        ("audit=loud", "on, strict, off"),
        ("break=a/b", "FIELD or FIELD:VALUE"),
        ("select=a/b", "a glob"),
        ("seed=x", "a number"),
        ("count=x", "a number"),
        ("trace=loud", "live, ring, off"),
        ("trace=", "live, ring, off"),
        ("limit=-1", "number"),
        ("limit=ten", "number"),
        ("limit=99999999999999999999", "number"),
        ("on-end=explode", "poweroff, reboot, halt"),
        ("console=com9", "com1"),
        ("console=com1,1234", "115200"),
        ("console=com1,0", "115200"),
        ("exit-port=banana", "0x"),
        ("provoke=nothing", "divide, ud, gp, page"),
        ("guest=a/b", "name"),
    ],
)
def test_a_bad_value_is_named_with_the_allowed_ones_and_the_default_runs(
    word: str, allowed: str
) -> None:
    run = once(word)
    assert allowed in complaint(run, word)
    assert run.status == 0 and run.end().keys["exits"] == "16"


@pytest.mark.parametrize(
    "word",
    [
        "on-end=monitor",
        "console=screen",
    ],
)
def test_what_is_not_built_yet_says_so_and_the_run_goes_on(word: str) -> None:
    run = once(word)
    assert "not in this version" in complaint(run, word)
    assert run.status == 0 and run.end().keys["exits"] == "16"


@pytest.mark.parametrize("mode", ["monitor"])
def test_a_mode_that_is_not_built_yet_fails_and_runs_nothing_else(mode: str) -> None:
    run = once(f"mode={mode}")
    assert "not in this version" in complaint(run, f"mode={mode}")
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == f"mode={mode}: not in this version"
    assert run.exits() == []


def test_what_is_not_built_yet_stands_in_no_list() -> None:
    lists = complaint(once("mode=dance"), "mode=dance") + complaint(once("x=1"), "x=1")
    for absent in ("monitor",):
        assert absent not in lists


def test_mode_run_is_the_default_and_may_be_said() -> None:
    run = once("mode=run", "cpu=0", "guest=hlt")
    assert run.status == 0 and run.topic("boot", "option") == []


def test_a_guest_that_there_is_not_lists_those_that_there_are() -> None:
    run = once("guest=nonsense")
    names = [one.keys["guest"] for one in run.topic("guest") if "what" in one.keys]
    assert {"hlt", "tour", "triple", "loop", "module"} <= set(names)
    assert len(names) == len(set(names))
    assert any(one.keys.get("asked") == "nonsense" for one in run.topic("boot"))
    assert run.status == 0 and run.end().keys["guest"] == "hlt"


def test_guest_module_without_a_module_says_so() -> None:
    run = once("guest=module")
    assert "brought no module" in run.log
    assert run.end().keys["guest"] == "hlt"


def test_the_last_of_two_counts() -> None:
    run = once("limit=3", "limit=5")
    assert "given twice" in complaint(run, "limit=5")
    assert run.end().keys["exits"] == "5"


def test_an_endless_word_is_cut_and_survived() -> None:
    run = boot(args=["x" * 300, "guest=triple"])
    assert run.status == 0 and run.end().keys["guest"] == "triple"
    assert all(len(line) <= 200 for line in run.log.splitlines())


def test_the_machine_is_told_in_the_first_line() -> None:
    run = once("guest=hlt")
    assert run.records[0].keys["machine"].startswith("bochs-3.")


def entries() -> list[tuple[str, list[str]]]:
    """Title and Lintel's arguments of each entry of the plain ISO's menu."""
    text = (REPOSITORY / "iso/grub.cfg").read_text(encoding="ascii")
    found = re.findall(r'menuentry "([^"]+)" \{\s+lintel ([^\n]*)', text)
    assert len(found) == text.count("menuentry")
    return [(title, words.split()) for title, words in found]


@pytest.mark.parametrize(("title", "args"), entries())
def test_every_menu_entry_is_a_command_line_that_works(title: str, args: list[str]) -> None:
    run = once(*args)
    assert run.status == 0
    assert run.topic("boot", "option") == [] and "no guest of that name" not in run.log
    name, _, sentence = title.partition(" ")
    assert f"mode={name}" in args or run.end().keys["guest"] == name
    assert len(sentence.split()) >= 3
