# SPDX-License-Identifier: BSD-2-Clause
"""tools/run as its user calls it: output, status, and the keys of an interactive run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pexpect
from guests import assemble
from harness import REPOSITORY
from launcher import records

RUN = REPOSITORY / "tools/run"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RUN, "--machine", "bochs", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_pass_is_status_0_and_the_log_is_standard_output(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = run("--log", str(log))
    assert done.returncode == 0
    assert log.read_text() == done.stdout
    assert list(records.parse(done.stdout))[-1].keys["status"] == "pass"
    assert all(line.startswith("tools/run: ") for line in done.stderr.splitlines())
    assert "exit status 0" in done.stderr


def test_a_fail_is_status_1(tmp_path: Path) -> None:
    guest = tmp_path / "a guest.bin"  # a path with a space
    guest.write_bytes(assemble("mov al, 7", "out 0xF4, al"))
    done = run("--guest", str(guest), "--args", "trace=off")
    assert done.returncode == 1
    assert "code=7" in done.stdout and "fail" in done.stderr


def test_a_guest_of_ones_own_is_status_0(tmp_path: Path) -> None:
    guest = tmp_path / "my guest.bin"
    guest.write_bytes(assemble('SHOW "own", 0x2A', "hlt"))
    done = run("--guest", str(guest))
    assert done.returncode == 0
    assert 'text="own=000000000000002a"' in done.stdout


def test_wrong_usage_is_status_2() -> None:
    done = run("--memory", "1")
    assert done.returncode == 2 and done.stdout == ""
    assert "--memory 1: Bochs takes 32 to 2048" in done.stderr


def test_a_cpu_that_there_is_not_is_status_2_with_those_that_there_are() -> None:
    done = run("--cpu", "z80")
    assert done.returncode == 2 and "tigerlake" in done.stderr


def test_no_verdict_is_status_3(tmp_path: Path) -> None:
    """A kernel that ends the machine without a word: Bochs's own port for that."""
    kernel = tmp_path / "mute.elf"
    source = tmp_path / "mute.asm"
    source.write_text(
        "bits 32\nsection .text\nglobal _start\n"
        "align 4\nheader: dd 0x1BADB002, 0, -0x1BADB002\n"
        "_start: mov esi, word_\n mov ecx, 8\n mov dx, 0x8900\n rep outsb\n hlt\n"
        'word_: db "Shutdown"\n'
    )
    subprocess.run(["nasm", "-f", "elf32", "-o", tmp_path / "mute.o", source], check=True)
    subprocess.run(
        ["ld", "-m", "elf_i386", "-Ttext=0x100000", "-o", kernel, tmp_path / "mute.o"], check=True
    )
    done = run("--kernel", str(kernel), "--timeout", "30")
    assert done.returncode == 3 and "no verdict" in done.stderr


def test_out_of_time_is_status_124() -> None:
    done = run("--args", "guest=loop", "--timeout", "4")
    assert done.returncode == 124 and "out of time" in done.stderr
    assert "VMLAUNCH" in done.stdout


def test_the_plain_iso_as_it_is() -> None:
    done = run("--iso", str(REPOSITORY / "build/lintel.iso"))
    assert done.returncode == 0 and 'why="HLT"' in done.stdout


def test_a_machine_without_vtx_is_status_1() -> None:
    done = subprocess.run(
        [RUN, "--machine", "tcg"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "has no VT-x" in done.stdout


def interactive(*words: str) -> pexpect.spawn:
    return pexpect.spawn(
        str(RUN), ["--machine", "bochs", *words], timeout=60, encoding="utf-8", echo=False
    )


def test_an_interactive_run_shows_the_line_as_it_comes_and_ctrl_a_x_ends_it() -> None:
    child = interactive("--args", "guest=loop trace=off")
    child.expect("tools/run: Bochs 3")
    child.expect("a mini-hypervisor")
    child.expect("by VMLAUNCH")
    child.send("abc\x03")  # these are the serial line's, Ctrl-C too
    assert child.isalive()
    child.send("\x01x")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert "Ctrl-A X" in (child.before or "")


def test_an_interactive_run_ends_by_itself_with_its_status() -> None:
    child = interactive()
    child.expect("result: status=pass")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_nothing_is_left_of_a_run_that_was_ended(tmp_path: Path) -> None:
    child = interactive("--args", "guest=loop trace=off")
    child.expect("by VMLAUNCH")
    group = {int(one) for one in os.listdir("/proc") if one.isdecimal()}
    ours = [one for one in group if parent(one) == child.pid]
    assert ours
    child.send("\x01x")
    child.expect(pexpect.EOF)
    child.close()
    assert not [one for one in ours if Path(f"/proc/{one}").exists()]


def parent(process: int) -> int | None:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[1])


def test_make_run_takes_a_guest_whose_path_has_spaces(tmp_path: Path) -> None:
    guest = tmp_path / "it's a guest.bin"
    guest.write_bytes(assemble("hlt"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-C", REPOSITORY, "run", "MACHINE=bochs", f"GUEST={guest}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "guest=module" in done.stdout


def test_make_gives_status_2_for_every_failing_run() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-C", REPOSITORY, "run", "MACHINE=tcg"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "no VT-x" in done.stdout and "exit status 1" in done.stderr
