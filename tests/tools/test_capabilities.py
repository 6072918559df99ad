# SPDX-License-Identifier: BSD-2-Clause
"""tools/caps: two capability reports compared, one shown."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from launcher import REPOSITORY, capabilities

NEW = (
    "vtx.cpuid=yes cpuid=0x1 bit=5",
    "primary.cr3_load=may-be-1 msr=0x48e bit=15",
    "secondary.ept=may-be-1 msr=0x48b bit=1",
    "secondary.pml=may-be-1 msr=0x48b bit=17",
    "ept.page_1g=yes msr=0x48c bit=17",
    "raw.IA32_VMX_BASIC=0x1d8100000000004 msr=0x480",
)
OLD = (
    "vtx.cpuid=yes cpuid=0x1 bit=5",
    "primary.cr3_load=may-be-1 msr=0x482 bit=15",
    "secondary.ept=may-be-1 msr=0x48b bit=1",
    "secondary.pml=must-be-0 msr=0x48b bit=17",
    "ept.page_1g=absent msr=0x48c bit=17",
    "raw.IA32_VMX_BASIC=0x1d8100000000004 msr=0x480",
)


def log(
    facts: Sequence[str], *, brand: str = "A CPU @ 2.40GHz", machine: str = " machine=bochs-3.0"
) -> str:
    rest = [
        f"boot: Lintel 0.1.0, a mini-hypervisor for Intel VT-x{machine}",
        f'cpu: vendor=GenuineIntel brand="{brand}" signature=0x806c1 hypervisor=no',
        "vmx: the firmware has switched VT-x on",
        *(f"cap: {fact}" for fact in facts),
        'result: status=pass why="capabilities" exits=0 guest=none',
    ]
    return "".join(f"[000000.000001] cpu0 {line}\n" for line in rest)


class Files:
    """Writes logs, runs the tool on them, and keeps what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.out = self.err = ""

    def run(self, *texts: str) -> int:
        paths = []
        for name, text in zip("abc", texts, strict=False):
            path = self.folder / f"{name}.log"
            path.write_text(text)
            paths.append(str(path))
        status = capabilities.main(paths)
        self.out, self.err = self.capsys.readouterr()
        return status

    def line(self, start: str) -> list[str]:
        """The words of the one line that begins with this word."""
        (found,) = (one.split() for one in self.out.splitlines() if one.split()[0] == start)
        return found


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


def test_what_differs_is_a_line_each_with_both_values(files: Files) -> None:
    assert files.run(log(NEW), log(OLD)) == 1
    assert files.line("secondary.pml") == ["secondary.pml", "may-be-1", "must-be-0"]
    assert files.line("ept.page_1g") == ["ept.page_1g", "yes", "absent"]
    assert files.out.splitlines()[-1] == "2 of 6 facts differ"
    assert files.err == ""


def test_what_is_equal_is_not_told_nor_where_it_was_read(files: Files) -> None:
    files.run(log(NEW), log(OLD))
    for equal in ("vtx", "secondary.ept", "cr3_load", "raw", "msr="):
        assert equal not in files.out


def test_facts_stand_below_their_group_in_the_order_of_the_report(files: Files) -> None:
    files.run(log(NEW), log(OLD))
    words = [line.strip().split("  ")[0] for line in files.out.splitlines()[3:-1]]
    assert words == [
        "Secondary processor-based controls", "secondary.pml", "EPT", "ept.page_1g"
    ]  # fmt: skip


def test_columns_are_aligned(files: Files) -> None:
    files.run(log(NEW), log(OLD))
    head, *lines = (one for one in files.out.splitlines()[2:-1] if one.startswith("  "))
    for line in lines:
        assert line.index(line.split()[1]) == head.index("A")
        assert line.rindex(line.split()[2]) == head.index("B")


def test_it_says_which_machine_is_which(files: Files) -> None:
    files.run(log(NEW, brand="New CPU"), log(OLD, brand="Old CPU ", machine=""))
    first, second = files.out.splitlines()[:2]
    assert first == f"A  {files.folder}/a.log: New CPU machine=bochs-3.0"
    assert second == f"B  {files.folder}/b.log: Old CPU"


def test_equal_reports_are_told_so(files: Files) -> None:
    assert files.run(log(NEW, brand="x"), log(NEW, brand="y")) == 0
    assert files.out.splitlines()[-1] == "equal: 6 facts"


def test_another_register_with_the_same_value_is_equal(files: Files) -> None:
    assert files.run(log(NEW[:3]), log(OLD[:3])) == 0


def test_facts_that_only_one_has(files: Files) -> None:
    more = (*NEW[:3], "secondary.new=may-be-1 msr=0x48b bit=29", *NEW[3:])
    fewer = (*NEW[:4], "ept.gone=no msr=0x48c bit=60", *NEW[5:])
    assert files.run(log(more), log(fewer)) == 1
    assert files.line("secondary.new") == ["secondary.new", "may-be-1", "-"]
    assert files.line("ept.gone") == ["ept.gone", "-", "no"]
    assert files.line("ept.page_1g") == ["ept.page_1g", "yes", "-"]
    assert files.out.splitlines()[-1] == (
        "3 of 8 facts differ; of these 2 are in A alone, 1 in B alone"
    )
    order = [line.split()[0] for line in files.out.splitlines() if line.startswith("  ")][1:]
    assert order == ["secondary.new", "ept.gone", "ept.page_1g"]


def test_one_log_is_shown_as_a_table(files: Files) -> None:
    assert files.run(log(NEW)) == 0
    head, *lines = files.out.splitlines()
    assert head == f"{files.folder}/a.log: A CPU @ 2.40GHz machine=bochs-3.0"
    assert files.line("secondary.pml") == ["secondary.pml", "may-be-1", "msr=0x48b", "bit=17"]
    assert len([line for line in lines if line.startswith("  ")]) == len(NEW)
    assert "Secondary processor-based controls" in lines


def test_a_group_without_a_title_stands_by_its_name(files: Files) -> None:
    assert files.run(log(["novelty.bit=yes msr=0x494 bit=0"])) == 0
    assert "\nnovelty\n  novelty.bit" in files.out


@pytest.mark.parametrize("text", ["", "no log at all\n", log([]), "\0\xff\n"])
def test_a_log_without_a_report_is_named(files: Files, text: str) -> None:
    assert files.run(log(NEW), text) == 2
    assert files.out == ""
    assert files.err == (
        f"tools/caps: {files.folder}/b.log: no capability report in it; "
        "a run with mode=caps writes one\n"
    )


def test_a_file_that_is_not_there_is_named(files: Files) -> None:
    assert capabilities.main([str(files.folder / "none.log")]) == 2
    assert "none.log: No such file" in files.capsys.readouterr().err
    assert capabilities.main([str(files.folder)]) == 2


def test_the_last_run_with_a_report_counts(files: Files) -> None:
    text = log(OLD, brand="first") + log(NEW, brand="second") + log([], brand="third")
    assert files.run(text, log(NEW)) == 0
    assert "a.log: second machine" in files.out


def test_serial_text_as_it_comes(files: Files) -> None:
    text = "\x1b[2J GRUB  version 2.06\r\r\n\x1b[1;1H" + log(NEW).replace("\n", "\r\n")
    assert files.run(text, log(NEW)) == 0
    assert "a.log: A CPU @ 2.40GHz machine=bochs-3.0" in files.out


def test_what_a_guest_prints_is_no_report(files: Files) -> None:
    forged = '[000000.000001] cpu0 guest: vm=0 text="[000000.000001] cpu0 cap: x.y=1 msr=0x1"\n'
    assert files.run(log([]) + forged) == 2


def test_a_cut_report_is_told(files: Files) -> None:
    cut = log(NEW)[: log(NEW).index("[000000.000001] cpu0 cap: ept")]
    assert files.run(log(NEW), cut) == 1
    assert files.err.endswith("b.log: its run has no result: the report may be cut\n")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "tools/caps", *words], capture_output=True, text=True, timeout=20
    )


def test_help() -> None:
    done = command("--help")
    assert done.returncode == 0 and "exit status" in done.stdout and "A.log" in done.stdout


@pytest.mark.parametrize("words", [[], ["a", "b", "c"], ["--nonsense"]])
def test_wrong_usage(words: list[str]) -> None:
    done = command(*words)
    assert done.returncode == 2 and done.stderr.startswith("usage: tools/caps")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(log([f"ept.bit{n}=yes msr=0x48c bit={n % 64}" for n in range(20000)]))
    done = subprocess.run(
        ["sh", "-c", f'"{REPOSITORY}/tools/caps" "{path}" | head -n 1'],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stderr == "" and "a.log" in done.stdout
