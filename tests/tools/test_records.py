# SPDX-License-Identifier: BSD-2-Clause
"""Reading the log and judging it."""

from __future__ import annotations

import pytest
from launcher.records import parse, parse_line
from launcher.serial import Text, printable
from launcher.verdict import Watch, find

EXIT = (
    "[000001.234567] cpu0 exit: "
    "n=1 vm=0 vcpu=0 reason=HLT code=12 rip=0x100000 len=1 action=advance"
)
PASS = '[000001.234567] cpu0 result: status=pass why="HLT" exits=32 guest=hlt token=ab12'


def test_a_record_is_taken_apart() -> None:
    record = parse_line(EXIT)
    assert record is not None
    assert (record.seconds, record.cpu, record.topic, record.words) == (1.234567, 0, "exit", "")
    assert record.keys["rip"] == "0x100000" and record.keys["action"] == "advance"


@pytest.mark.parametrize(
    ("rest", "words", "keys"),
    [
        ("Lintel 0.1", "Lintel 0.1", {}),
        ("end vm=0 why=HLT", "end", {"vm": "0", "why": "HLT"}),
        ('why="a b" n=1', "", {"why": "a b", "n": "1"}),
        (r'text="a \"b\" \\ c=1" n=1', "", {"text": r'a "b" \ c=1', "n": "1"}),
        (r'text="\x1b[1m\n"', "", {"text": "\x1b[1m\n"}),
        (r'text="a\0\t1"', "", {"text": "a\0\t1"}),
        ('text="" n=', "", {"text": "", "n": ""}),
        ('text="no end n=1', "", {"text": '"no', "n": "1"}),
        ("secondary.pml wanted, not supported (X)", "secondary.pml wanted, not supported (X)", {}),
    ],
)
def test_words_and_values(rest: str, words: str, keys: dict[str, str]) -> None:
    record = parse_line("[000000.000000] cpu3 vmx: " + rest)
    assert record is not None and record.cpu == 3
    assert record.words == words
    assert record.keys == keys


@pytest.mark.parametrize(
    "line", ["", "ok 3 primary.hlt # SKIP", "KTAP version 1", "[1.2] cpu0 x: y", " " + EXIT]
)
def test_other_lines_are_no_records(line: str) -> None:
    assert parse_line(line) is None


def test_a_log_gives_its_records_in_order() -> None:
    text = f"1..2\n{EXIT}\nok 1 a\n{PASS}\n"
    assert [record.topic for record in parse(text)] == ["exit", "result"]


def test_the_last_verdict_with_our_token_counts() -> None:
    failed = PASS.replace("pass", "fail")
    verdict = find(f"{PASS}\n{failed}\n", "ab12")
    assert verdict is not None and verdict.status == 1
    verdict = find(f"{failed}\n{PASS}\n", "ab12")
    assert verdict is not None and verdict.status == 0
    assert verdict.record.keys["why"] == "HLT"


@pytest.mark.parametrize(
    "forged",
    [
        PASS.replace("ab12", "ab13"),
        PASS.replace(" token=ab12", ""),
        PASS.replace("status=pass", "status=maybe"),
        PASS.replace("result:", "guest:"),
        f'[000001.000000] cpu0 guest: vm=0 text="{PASS}"',
        r'[000001.000000] cpu0 guest: vm=0 text="\"x result: status=pass token=ab12"',
        PASS.replace("token=ab12", 'why2="token=ab12"'),
    ],
)
def test_a_forged_verdict_does_not_count(forged: str) -> None:
    assert find(forged + "\n", "ab12") is None
    genuine = PASS.replace("pass", "fail")
    for text in (f"{genuine}\n{forged}\n", f"{forged}\n{genuine}\n"):
        verdict = find(text, "ab12")
        assert verdict is not None and not verdict.passed


def test_a_guest_on_the_raw_port_may_leave_its_line_open() -> None:
    verdict = find("login: " + PASS + "\n", "ab12")
    assert verdict is not None and verdict.passed


def test_without_a_token_any_result_record_counts_but_no_text_of_a_guest() -> None:
    verdict = find(PASS + "\n", None)
    assert verdict is not None and verdict.passed
    assert find(f'[000001.000000] cpu0 guest: vm=0 text="{PASS}"\n', None) is None
    assert find("login: " + PASS + "\n", None) is None


def test_an_unfinished_line_does_not_count() -> None:
    assert find(PASS, "ab12") is None


def test_a_verdict_may_come_byte_by_byte() -> None:
    watch = Watch("ab12")
    for byte in (PASS + "\r\n").encode():
        watch.feed(bytes([byte]))
    assert watch.verdict is not None and watch.verdict.passed


def test_serial_text_loses_its_cr_and_what_firmware_said_before() -> None:
    shown: list[bytes] = []
    text = Text([shown.append], from_first_record=True)
    for part in (b"\x1b[2JBdsDxe: loading\r\n\x1b[1;1H[0000", b"01.234567] cpu0 bo", b"ot: x\r\ny"):
        text.feed(part)
    assert text.text == "[000001.234567] cpu0 boot: x\ny" == b"".join(shown).decode()
    assert printable(text.held.decode()) == "BdsDxe: loading"


def test_serial_text_of_an_iso_is_shown_from_its_first_byte() -> None:
    text = Text([], from_first_record=False)
    text.feed(b"GNU GRUB\r\n\xff")
    assert text.text == "GNU GRUB\n\N{REPLACEMENT CHARACTER}"
