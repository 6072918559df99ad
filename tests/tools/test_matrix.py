# SPDX-License-Identifier: BSD-2-Clause
"""tools/selftest-matrix: logs of selftests, whole and broken ones, side by side."""

from __future__ import annotations

import html.parser
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from launcher import REPOSITORY, ktap, matrix, matrix_controls, matrix_main

NEEDS_PML = "needs secondary.pml (IA32_VMX_PROCBASED_CTLS2 bit 17)"
SKIPPED = f"ok 3 secondary.pml # SKIP {NEEDS_PML}"
NEW = (
    "ok 1 primary.hlt",
    "ok 2 secondary.ept",
    "ok 3 secondary.pml",
    "not ok 4 pin.nmi.handler # TODO bochs-3.0: tells the RIP that the NMI interrupted",
    "ok 5 audit.guest.tr.type # mutations=3",
)
OLD = (*NEW[:2], SKIPPED, *NEW[3:])
FAILED = ("not ok 1 primary.hlt # the exit is CPUID, wanted HLT", *NEW[1:])


def stamp(record: str) -> str:
    return f"[000000.000001] cpu0 {record}"


def counts(lines: Sequence[str]) -> dict[str, int]:
    todo = sum("# TODO" in line for line in lines)
    skip = sum("# SKIP" in line for line in lines)
    good = sum(line.startswith("ok") for line in lines) - skip
    return {"ok": good, "not ok": len(lines) - good - skip - todo, "skip": skip, "todo": todo}


def log(
    lines: Sequence[str] = NEW,
    *,
    plan: str | None = None,
    brand: str = "Intel(R) Core(TM) i5-1135G7 CPU @ 2.40GHz",
    machine: str = " machine=bochs-3.0",
    told: dict[str, int] | None = None,
    end: bool = True,
) -> str:
    number = counts(lines) if told is None else told
    why = ", ".join(f"{key} {value}" for key, value in number.items())
    summary = " ".join(f"{key.replace(' ', '-')}={value}" for key, value in number.items())
    status = "fail" if number["not ok"] or not number["ok"] else "pass"
    out = [
        stamp(f"boot: Lintel 0.1.0, a mini-hypervisor for Intel VT-x{machine}"),
        stamp(f'cpu: vendor=GenuineIntel brand="{brand}" signature=0x806c1 hypervisor=no'),
        "KTAP version 1",
        f"1..{len(lines)}" if plan is None else plan,
        *lines,
        stamp(f"selftest: tests={len(lines)} {summary}") if end else "",
        stamp(f'result: status={status} why="selftest: {why}" exits=0 guest=none') if end else "",
    ]
    return "\n".join([*(line for line in out if line), ""])


def of(text: str) -> ktap.Run:
    return ktap.read("x.log", text)


class Files:
    """Writes logs, runs the tool on them, and keeps what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.out = self.err = ""

    def run(self, *texts: str, options: Sequence[str] = ()) -> int:
        paths = []
        for name, text in zip("abcd", texts, strict=False):
            path = self.folder / f"{name}.log"
            path.write_bytes(text.encode())
            paths.append(str(path))
        status = matrix_main.main([*options, *paths])
        self.out, self.err = self.capsys.readouterr()
        return status

    def row(self, name: str) -> list[str]:
        """The cells of a scenario's row, or of a foot's."""
        table = self.out[self.out.index(" scenarios") :]
        (line,) = (one for one in table.splitlines() if re.match(re.escape(name) + "  ", one))
        return re.split(r"  +", line)[1:]

    def of(self, head: str) -> list[str]:
        """What is said of a machine."""
        lines = self.out.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{head}  "))
        more = next(number for number in range(at + 1, len(lines)) if lines[number][:2] != "  ")
        return [line[3:] for line in lines[at:more]]


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


# --- One log --------------------------------------------------------------------------------------


def test_a_run_is_read_with_whose_it_is() -> None:
    run = of(log(OLD))
    assert (run.version, run.machine, run.signature, run.hypervisor) == (
        "0.1.0", "bochs-3.0", "0x806c1", "no"
    )  # fmt: skip
    assert run.brand == "Intel(R) Core(TM) i5-1135G7 CPU @ 2.40GHz"
    assert [(name, one.status) for name, one in run.results.items()] == [
        ("primary.hlt", "ok"),
        ("secondary.ept", "ok"),
        ("secondary.pml", "SKIP"),
        ("pin.nmi.handler", "TODO"),
        ("audit.guest.tr.type", "ok"),
    ]
    assert run.results["secondary.pml"].reason == NEEDS_PML
    assert run.troubles() == [] and run.verdict() == "pass"


def test_what_comes_over_a_serial_line_is_read_all_the_same() -> None:
    text = "\x1b[2J GRUB 2.06\r\r\n\x1b[1;1H" + log(OLD).replace("\n", "\r\n")
    text = text.replace("\nok 1 ", "\n\x1b[0mok 1 ")
    assert of(text).troubles() == [] and of(text).results == of(log(OLD)).results


def test_records_between_results_are_no_matter() -> None:
    lines = [one for line in NEW for one in (stamp("vmx: VMCLEAR, VMPTRLD vm=0"), line)]
    text = log().replace("\n".join(NEW), "\n".join(lines))
    assert of(text).verdict() == "pass"


def test_a_failed_test_fails_the_run() -> None:
    assert of(log(FAILED)).verdict() == "FAIL"
    assert of(log(("not ok 1 primary.hlt # SKIP not really",))).verdict() == "FAIL"


def test_a_run_that_fails_for_another_reason_is_no_pass() -> None:
    text = log().replace('status=pass why="', 'status=fail why="memory was not given back; ')
    assert of(text).troubles() == [] and of(text).verdict() == "FAIL"


def test_where_all_is_skipped_nothing_is_ok() -> None:
    assert of(log((SKIPPED.replace("ok 3", "ok 1"),))).verdict() == "nothing ok"


def test_a_known_error_alone_is_no_pass() -> None:
    assert of(log((NEW[3].replace("4", "1", 1),))).verdict() == "nothing ok"
    # Not a kind of line that Lintel writes, and not ok for all that.
    assert of(log((*NEW[:2], "ok 3 a.b # TODO mended?"))).results["a.b"].status == "TODO"


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (log(end=False), "the log ends behind 5 audit.guest.tr.type without a result"),
        (log(NEW[:3], plan="1..5"), "3 of 5 results"),
        (log(NEW[:1], plan="1..9", end=False), "1 of 9 results"),
        (log((NEW[0], *NEW[2:]), plan="1..5"), "lost: 2"),
        (log((), plan="1..5"), "0 of 5 results"),
        (log(NEW, plan="1..4"), "beyond the plan of 4: 5"),
        (log(NEW, plan=stamp("vmx: a record ate it")), "no plan; 5 results"),
        (log((*NEW, NEW[4])), "a number comes twice"),
        (log((*NEW, "not ok 6 primary.hlt")), "told twice: primary.hlt"),
        (log((*NEW[:2], "ok 3 secondary.pml # SK", *NEW[3:])), "1 damaged line, the first: ok 3"),
        (log((*NEW[:2], "ok 3 secondary.pml #", *NEW[3:])), "1 damaged line, the first: ok 3"),
        (log((*NEW[:4], "ok 5 audit.gu\xffst.tr")), "1 damaged line, the first: ok 5 audit.gu?st"),
        (log((*NEW[:4], "ok audit.guest")), "1 damaged line, the first: ok audit.guest"),
        (log((*NEW[:4], "ok 5 audit.guest" + stamp("vmx: VMCLEAR"))), "1 damaged line"),
        (log((*NEW[:4], stamp("vmx: VMCL") + NEW[4])), "lost: 5"),
        (log(told={"ok": 3, "not ok": 1, "skip": 0, "todo": 1}), "4 ok, and the run itself cou"),
        (log().replace(stamp("selftest"), stamp("panic: #PF rip=0x1\n") + stamp("selftest")),
         "panic: #PF rip=0x1"),
        (stamp("boot: Lintel 0.1.0, a mini-hypervisor") + "\n", "no KTAP in the log"),
        ("", "no KTAP in the log"),
        ("\0\xff\x1b[", "no KTAP in the log"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_log_is_told_and_never_passes(text: str, trouble: str) -> None:
    run = of(text)
    if trouble.startswith("lost: 5"):
        run = of(text.replace("1..5", "1..6"))  # a gap is only seen with something behind it
        trouble = "4 of 6 results"
    assert any(one.startswith(trouble) for one in run.troubles()), run.troubles()
    assert run.verdict() in ("INCOMPLETE", "FAIL")


def test_wherever_a_log_is_cut_the_run_did_not_pass() -> None:
    whole = log(OLD)
    right = of(whole).results
    for length in range(len(whole) - len("guest=none\n")):
        run = of(whole[:length])
        assert run.verdict() == "INCOMPLETE"
        # What is there is right, but for a reason that was cut.
        assert all(right[name].status == one.status for name, one in run.results.items())


def test_wherever_a_line_is_lost_the_run_did_not_pass() -> None:
    lines = log(OLD).splitlines(keepends=True)
    for lost in range(3, len(lines)):
        if "selftest: tests=" not in lines[lost]:  # the result and the plan say as much
            assert of("".join(lines[:lost] + lines[lost + 1 :])).verdict() == "INCOMPLETE"


def test_of_a_name_that_comes_twice_the_worse_result_counts() -> None:
    for lines in (("ok 1 a.b", "not ok 2 a.b"), ("not ok 1 a.b", "ok 2 a.b")):
        assert of(log(lines)).results["a.b"].status == "not ok"


def test_of_several_runs_the_last_with_results_counts() -> None:
    run = of(log(FAILED, brand="first") + log(OLD, brand="second") + log(end=False)[:150])
    assert run.brand == "second" and run.others == "the log has 3 runs; this is number 2"
    assert of(log()).others == ""
    again = log() + log(OLD)[log(OLD).index("KTAP") :]  # its records are lost
    assert of(again).results["secondary.pml"].status == "SKIP"
    assert of(again).brand == of(log()).brand and of(again).verdict() == "pass"


def test_what_a_guest_prints_is_no_result() -> None:
    forged = stamp('guest: vm=0 text="ok 1 primary.hlt"') + "\n"
    assert of(forged).results == {} and not of(forged).begun


# --- Side by side ---------------------------------------------------------------------------------


def test_a_row_has_a_cell_for_each_machine(files: Files) -> None:
    assert files.run(log(NEW), log(OLD)) == 0
    assert files.row("primary.hlt") == ["ok", "ok"]
    assert files.row("secondary.pml") == ["ok", "skip 1"]
    assert files.row("pin.nmi.handler") == ["todo 2", "todo 2"]
    assert f"\nNotes\n1  {NEEDS_PML}\n2  bochs-3.0: tells" in files.out
    assert files.row("= ok") == ["4", "3"] and files.row("= SKIP") == ["0", "1"]
    assert files.row("= not ok") == ["0", "0"] and files.row("= TODO") == ["1", "1"]
    assert files.row("= the run") == ["pass", "pass"]
    assert files.err == ""


def test_machines_are_told_apart_by_a_letter_and_their_logs(files: Files) -> None:
    files.run(log(NEW), log(NEW, machine="", brand=" "))
    assert files.of("A") == [
        "Intel(R) Core(TM) i5-1135G7 CPU @ 2.40GHz",
        "signature=0x806c1 machine=bochs-3.0 hypervisor=no Lintel=0.1.0 log=a.log",
        "pass: 4 ok, 0 not ok, 0 SKIP, 1 TODO",
    ]
    assert files.of("B")[0] == "an unknown processor"
    assert "machine=not named" in files.of("B")[1] and "log=b.log" in files.of("B")[1]


def test_logs_of_one_name_have_their_folders(tmp_path: Path) -> None:
    runs = [ktap.read(path, log()) for path in ("x/a.log", "y/a.log", "b.log")]
    machines = matrix.build(runs).machines
    assert [one.name for one in machines] == ["x/a.log", "y/a.log", "b.log"]
    assert [one.head for one in machines] == ["A", "B", "C"]


def test_more_than_26_machines_have_heads_of_their_own() -> None:
    heads = [one.head for one in matrix.build([of(log())] * 60).machines]
    assert heads[25:28] == ["Z", "AA", "AB"] and len(set(heads)) == 60


def test_a_failure_has_its_note(files: Files) -> None:
    assert files.run(log(NEW), log(FAILED)) == 1
    assert files.row("primary.hlt") == ["ok", "NOT OK 1"]
    assert "\n1  the exit is CPUID, wanted HLT\n" in files.out
    assert files.row("= the run") == ["pass", "FAIL"]


def test_a_broken_run_says_so_in_its_column(files: Files) -> None:
    assert files.run(log(NEW), log(NEW[:2], plan="1..5", end=False)) == 1
    assert files.row("secondary.ept") == ["ok", "ok"]
    assert files.row("secondary.pml") == ["ok", "?"]
    assert files.row("= ? no result") == ["0", "3"]
    assert files.row("= the run") == ["pass", "INCOMPLETE"]
    assert files.of("B")[2:] == [
        "INCOMPLETE: 2 ok, 0 not ok, 0 SKIP, 0 TODO",
        "! 2 of 5 results",
        "! the log ends behind 2 secondary.ept without a result",
    ]


def test_a_scenario_that_a_whole_run_does_not_have_is_no_loss(files: Files) -> None:
    assert files.run(log(NEW), log(NEW[:2])) == 0
    assert files.row("secondary.pml") == ["ok", "-"]
    assert files.row("= - not in that run") == ["0", "3"]


def test_scenarios_of_a_later_log_stand_behind_their_neighbours(files: Files) -> None:
    other = ("ok 1 a.first", "ok 2 primary.hlt", "ok 3 primary.new", "ok 4 secondary.ept")
    files.run(log(NEW[:2]), log(other))
    table = files.out[files.out.index("scenarios\n") :].splitlines()
    assert [line.split()[0] for line in table[2:6]] == [
        "a.first", "primary.hlt", "primary.new", "secondary.ept"
    ]  # fmt: skip


def test_only_what_differs(files: Files) -> None:
    assert files.run(log(NEW), log(OLD), options=["--only-differing"]) == 0
    assert "1 of 5 scenarios: the machines differ" in files.out
    table = files.out[files.out.index("scenarios:") : files.out.index("Notes")].splitlines()
    assert [line.split()[0] for line in table[2:] if line and line[0] != "="] == ["secondary.pml"]
    assert files.row("= ok") == ["4", "3"]  # counted are all of them
    assert NEEDS_PML in files.out and "the NMI" not in files.out


def test_a_log_without_any_result_makes_no_row_differ(files: Files) -> None:
    files.run(log(NEW), log(OLD), "nothing\n", options=["--only-differing"])
    assert "1 of 5 scenarios: the machines differ" in files.out


def test_select(files: Files) -> None:
    assert files.run(log(NEW), log(OLD), options=["--select", "*.q?l"]) == 2
    assert files.run(log(NEW), log(OLD), options=["--select", "sec*.p?l"]) == 0
    assert "\n1 scenarios\n" in files.out and files.row("= ok") == ["1", "0"]
    assert "audit.guest" not in files.out and "pin.nmi" not in files.out


# --- Controls -------------------------------------------------------------------------------------


def test_there_are_44_controls_and_the_sources_know_them() -> None:
    known = matrix_controls.titles()
    assert len(set(matrix_controls.PROMISED)) == len(matrix_controls.PROMISED) == 44
    assert set(matrix_controls.PROMISED) <= known.keys()
    # In the order of the table, which is that of the bits.
    assert [one for one in known if one in matrix_controls.PROMISED] == [*matrix_controls.PROMISED]
    assert known["secondary.pml"] == "Enable PML"


def test_each_control_says_where_it_is_ok(files: Files) -> None:
    posted = "ok 6 pin.posted_interrupts"
    texts = [log(OLD), log((*NEW, posted)), log((*NEW, posted)), log((*NEW, posted))]
    files.run(*texts)
    lines = {line.split("  ")[0]: line.split("  ")[-1] for line in files.out.splitlines() if line}
    head = "3 of 44 processor-based controls are ok on some machine, 41 no machine here could try"
    assert head in lines
    assert "1 of 1 other controls are ok on some machine" in lines
    above = files.out[: files.out.index("6 scenarios")]
    assert re.search(r"^primary\.hlt +HLT exiting +ok on all$", above, re.MULTILINE)
    assert re.search(r"^secondary\.pml +Enable PML +ok on B-D$", above, re.MULTILINE)
    assert re.search(r"^secondary\.encls +Enable ENCLS exiting +no result$", above, re.MULTILINE)


def test_a_control_that_no_machine_has_says_what_is_missing(files: Files) -> None:
    files.run(log(OLD), options=["--select", "secondary.pml"])
    assert "\n0 of 1 processor-based controls are ok on some machine, 1 no machine" in files.out
    assert f"nowhere; SKIP, {NEEDS_PML}\n" in files.out


def test_a_control_that_fails_everywhere_is_not_among_the_missing(files: Files) -> None:
    files.run(log(FAILED), log(FAILED), options=["--select", "primary.hlt"])
    assert "\n0 of 1 processor-based controls are ok on some machine, 1 are tried" in files.out
    assert "nowhere; not ok, the exit is CPUID, wanted HLT\n" in files.out


# --- Formats --------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Wants every element that is begun to be ended."""

    EMPTY = {"meta", "input", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.links: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "td" and "title" in given:
            self.cells.append(given)
        self.links.add(given.get("href") or "")
        self.targets.add(f"#{given.get('id')}")
        assert not {"src", "onclick"} & given.keys() and tag not in ("script", "link", "img")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


EVIL = ("ok 1 primary.hlt", 'not ok 2 x.y # <b>|"&`*_\x1b[31mred')


def test_html_needs_nothing_else_and_has_the_reasons(files: Files) -> None:
    assert files.run(log(OLD), log(FAILED), options=["--format", "html"]) == 1
    page = Page()
    page.feed(files.out)
    assert page.open == []
    assert files.out.startswith("<!DOCTYPE html>") and "http" not in files.out
    titles = [cell["title"] for cell in page.cells]
    assert f"A: {NEEDS_PML}" in titles and "B: the exit is CPUID, wanted HLT" in titles
    assert {cell["class"] for cell in page.cells} == {"ok", "skip", "todo", "bad"}
    assert page.links - {""} <= page.targets and "#note-3" in page.links
    assert '<tr class="same"><th>secondary.ept</th>' in files.out
    assert "<tr><th>secondary.pml</th>" in files.out
    assert "<span>Core i5-1135G7</span><br>A" in files.out


def test_markdown_has_tables_and_notes(files: Files) -> None:
    assert files.run(log(OLD), log(FAILED), options=["--format", "markdown"]) == 1
    lines = files.out.splitlines()
    assert "| scenario | A | B |" in lines
    assert "| `primary.hlt` | ok | **NOT OK 1** |" in lines
    assert "| `secondary.pml` | skip 2 | ok |" in lines
    assert f"2. {NEEDS_PML}" in lines
    assert "| **the run** | pass | FAIL |" in lines
    assert "| `secondary.pml` | Enable PML | ok on B |" in lines
    assert all(line == line.rstrip() for line in lines)


def test_what_a_log_has_is_no_markup(files: Files) -> None:
    files.run(log(EVIL, brand="<i>|"), options=["--format", "html"])
    page = Page()
    page.feed(files.out)
    assert page.open == [] and "<b>|" not in files.out and "<i>" not in files.out
    files.run(log(EVIL, brand="<i>|"), options=["--format", "markdown"])
    assert r"1. \<b\>\|" in files.out and r"| \<i\>\| |" in files.out
    for format in matrix_main.FORMATS:
        files.run(log(EVIL), options=["--format", format])
        assert "\x1b" not in files.out and files.out.endswith("\n")


@pytest.mark.parametrize("format", matrix_main.FORMATS)
def test_the_same_again_is_the_same(files: Files, format: str) -> None:
    texts = [log(OLD), log(FAILED), log(NEW[:2], plan="1..5", end=False), ""]
    files.run(*texts, options=["--format", format])
    first = files.out
    files.run(*texts, options=["--format", format])
    assert files.out == first
    target = files.folder / "out"
    assert files.run(*texts, options=["--format", format, "-o", str(target)]) == 1
    assert files.out == "" and target.read_text() == first


# --- Usage ----------------------------------------------------------------------------------------


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "tools/selftest-matrix", *words], capture_output=True, text=True, timeout=20
    )


def test_help() -> None:
    done = command("--help")
    assert done.returncode == 0 and "exit status" in done.stdout and "LOG" in done.stdout


@pytest.mark.parametrize(
    "words", [[], ["--format", "pdf", "a.log"], ["--nonsense", "a.log"], ["-o"], ["--select"]]
)
def test_wrong_usage(words: list[str]) -> None:
    done = command(*words)
    assert done.returncode == 2 and done.stderr.startswith("usage: tools/selftest-matrix")


def test_files_that_are_not_there_are_named(files: Files) -> None:
    assert matrix_main.main([str(files.folder / "none.log")]) == 2
    assert "none.log: No such file" in files.capsys.readouterr().err
    assert matrix_main.main([str(files.folder)]) == 2
    assert files.run(log(), options=["-o", str(files.folder / "no/such")]) == 2
    assert "no/such: No such file" in files.err


def test_a_name_that_no_scenario_has(files: Files) -> None:
    assert files.run(log(), options=["--select", "nosuch.*"]) == 2
    assert files.out == ""
    assert files.err == (
        "tools/selftest-matrix: --select nosuch.*: no scenario has a name like that\n"
    )


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(log([f"ok {number} a.b{number}" for number in range(1, 20001)]))
    done = subprocess.run(
        ["sh", "-c", f'"{REPOSITORY}/tools/selftest-matrix" "{path}" | head -n 1'],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stderr == "" and "Lintel's selftest" in done.stdout
