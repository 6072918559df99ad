# SPDX-License-Identifier: BSD-2-Clause
"""The log's form: one record a line, as the contract has it, on the wire as in the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guests import assemble
from harness import Run, boot, once

TOPICS = (
    "boot|memory|cpu|acpi|cap|vmx|ept|walk|audit|vm|guest|exit|trace|stat|selftest|bench|monitor|"
    "panic|result"
)
LINE = re.compile(rf"^\[\d{{6}}\.\d{{6}}\] cpu\d+ (?:{TOPICS}): ")
FORMS = {
    "hlt": ["guest=hlt"],
    "tour": ["guest=tour"],
    "triple": ["guest=triple"],
    "loop": ["guest=loop", "limit=20"],
    "ring": ["guest=tour", "trace=ring"],
    "complaints": ["nonsense", "memory=x", "console=com9", "mode=monitor"],
    "caps": ["mode=caps"],
    "broken": ["break=guest_tr_ar,guest_rip:0x8000000000000000"],
    "strict": ["break=guest_interrupt_ssp_table,host_sysenter_eip", "audit=strict"],
    "entered": ["break=guest_debugctl"],
    "panic": ["provoke=page"],
    "modes": ["guest=mode-based"],
    "ve": ["guest=ve"],
    "vmfunc": ["guest=vmfunc"],
    "dirty": ["guest=dirty"],
}


def run(form: str) -> Run:
    return once(*FORMS[form])


def lines(form: str) -> list[str]:
    text = run(form).log
    assert text.endswith("\n")
    return text[:-1].split("\n")


@pytest.mark.parametrize("form", FORMS)
def test_every_line_is_a_record_in_printable_ascii_of_at_most_200_columns(form: str) -> None:
    for line in lines(form):
        assert LINE.match(line), line
        assert all(" " <= character <= "~" for character in line), line
        assert len(line) <= 200, line


@pytest.mark.parametrize("form", FORMS)
def test_no_record_is_cut(form: str) -> None:
    for line in lines(form):
        assert not line.endswith("..."), line


@pytest.mark.parametrize("form", FORMS)
def test_quotes_are_balanced_and_escaped(form: str) -> None:
    value = re.compile(r'=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)')
    for record, line in zip(run(form).records, lines(form), strict=True):
        rest = value.sub("", LINE.sub("", line))
        if record.keys:
            assert '"' not in rest, line


@pytest.mark.parametrize("form", FORMS)
def test_the_first_line_names_the_program_and_its_version(form: str) -> None:
    first = run(form).records[0]
    version = Path(__file__).parents[2].joinpath("VERSION").read_text().strip()
    assert first.topic == "boot" and first.words.startswith(f"Lintel {version}")


@pytest.mark.parametrize("form", FORMS)
def test_time_never_goes_back(form: str) -> None:
    seconds = [record.seconds for record in run(form).records]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("form", FORMS)
def test_the_last_record_is_the_result_with_the_token(form: str) -> None:
    result = run(form).result
    assert result is not None and run(form).records[-1] == result
    assert result.topic == "result"
    assert set(result.keys) == {"status", "why", "exits", "guest", "token"}


def test_lines_end_with_cr_lf_on_the_wire(tmp_path: Path) -> None:
    wire = tmp_path / "wire"
    extra = [f'com2: enabled=1, mode=file, dev="{wire}"']
    run = boot(args=["guest=tour", "console=com1", "console=com2"], extra=extra)
    raw = wire.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n") > 50
    assert raw.endswith(b"\r\n")
    assert raw.replace(b"\r", b"").decode("ascii") == run.log


@pytest.mark.parametrize("form", ["hlt", "tour", "triple", "loop"])
def test_numbers_are_hexadecimal_where_they_are_addresses_and_decimal_where_they_count(
    form: str,
) -> None:
    for record in run(form).topic("exit"):
        for key in ("n", "vm", "vcpu", "code", "len"):
            assert record.keys.get(key, "0").isdecimal()
        for key in ("rip", "qual", "gla", "gpa", "intr", "vectoring"):
            assert re.fullmatch("0x[0-9a-f]+", record.keys.get(key, "0x0"))


def test_a_guests_text_cannot_break_the_form() -> None:
    guest = assemble(
        "        mov rsi, text",
        "        mov ecx, text_end - text",
        "        mov edx, 0x3F8",
        "        rep outsb",
        "        hlt",
        r'text:   db `"\\\x1b[2J\x00\xff`, 10, `[000001.000000] cpu0 exit: n=1`, 13, 10, 10, "x"',
        "text_end:",
    )
    run = boot(guest=guest)
    assert run.status == 0
    assert all(LINE.match(line) for line in run.log.splitlines())
    assert run.printed == ['"\\\x1b[2J\x00\xff', "[000001.000000] cpu0 exit: n=1", "", "x"]
