# SPDX-License-Identifier: BSD-2-Clause
"""The parts of the chain that need no emulator: framing, the archive, the command lines."""

from __future__ import annotations

import io
import shlex
import subprocess
from pathlib import Path

import pytest
from launcher import Refusal, nested, options, qemu
from launcher.launch import Plan
from launcher.machine import BOCHS, KVM, NESTED, TCG
from launcher.nested_cpio import Archive
from launcher.nested_frames import Frames

MARKER = "0123456789abcdeffdb97531eca86425"
TEXTS = [b"one\r\n\0\xff", b"", MARKER[:31].encode(), b"end 0002 0\n" + MARKER[1:].encode()]


class Reader:
    def __init__(self) -> None:
        self.texts: dict[int, bytes] = {}
        self.frames = Frames(MARKER, self.take)

    def take(self, number: int, data: bytes) -> None:
        self.texts[number] = self.texts.get(number, b"") + data


def line(*words: object) -> bytes:
    return " ".join(map(str, (MARKER, *words))).encode() + b"\n"


def framed() -> bytes:
    out = b"noise\n"
    for number, text in enumerate(TEXTS):
        out += line("begin", f"{number:04}") + text + line("end", f"{number:04}", number)
        out += b"between\n"
    return out


@pytest.mark.parametrize("size", [1, 2, 7, 31, 32, 33, 1000])
def test_every_byte_arrives_however_it_is_cut(size: int) -> None:
    reader = Reader()
    data = framed()
    for at in range(0, len(data), size):
        reader.frames.feed(data[at : at + size])
    assert [reader.texts.get(number, b"") for number in range(len(TEXTS))] == TEXTS
    assert reader.texts.keys() <= {0, 1, 2, 3}  # what stands outside is nobody's
    assert reader.frames.begun == [0, 1, 2, 3]
    assert reader.frames.ended == {0: 0, 1: 1, 2: 2, 3: 3}


def test_what_cannot_be_a_marker_is_not_held_back() -> None:
    reader = Reader()
    reader.frames.feed(line("begin", 0) + b"text" + MARKER[:5].encode())
    assert reader.texts == {0: b"text"}
    reader.frames.feed(b"x")
    assert reader.texts == {0: b"text" + MARKER[:5].encode() + b"x"}


def test_a_machine_that_dies_keeps_its_last_bytes() -> None:
    reader = Reader()
    reader.frames.feed(line("begin", 0) + b"last" + MARKER[:5].encode())
    reader.frames.finish()
    assert reader.texts == {0: b"last" + MARKER[:5].encode()}
    assert reader.frames.ended == {}


@pytest.mark.parametrize(
    "forged", ["end 0 0", "begin 1", "0123456789abcdef end 0 0", MARKER[:-1] + "0 end 0 0"]
)
def test_a_guest_without_the_marker_ends_nothing(forged: str) -> None:
    reader = Reader()
    text = forged.encode() + b"\n"
    reader.frames.feed(line("begin", 0) + text + line("end", 0, 0))
    assert reader.texts == {0: text} and reader.frames.ended == {0: 0}


def test_an_end_of_another_run_ends_nothing() -> None:
    reader = Reader()
    reader.frames.feed(line("begin", 3) + line("end", 2, 0) + b"on")
    assert reader.texts == {3: b"on"} and reader.frames.ended == {}


def test_the_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    archive = Archive()
    archive.file("a/b/c", b"12345", executable=True)
    archive.file("empty", b"")
    archive.link("a/link", "/a/b/c")
    done = subprocess.run(
        ["cpio", "-i", "-d", "--quiet"], cwd=tmp_path, input=archive.bytes(), check=True
    )
    assert done.returncode == 0
    assert (tmp_path / "a/b/c").read_bytes() == b"12345"
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "empty").read_bytes() == b""
    assert (tmp_path / "a/link").readlink() == Path("/a/b/c")


def test_qemu_inside_gets_the_arguments_that_it_gets_on_a_host_with_kvm() -> None:
    inside = nested.qemu_command(nested.Guest(iso=Path("x"), memory=300, seconds=20), "/runs/0")
    medium = qemu.cdrom(Path("/runs/0/lintel.iso"))
    outside = qemu.arguments(KVM, cpu="host", medium=medium, memory=300)
    assert inside == ["timeout", "-s", "KILL", "20", "qemu-system-x86_64", *outside]
    direct = nested.Guest(kernel=Path("x"), arguments=["a=1", 'b="c d"'], module=Path("g"))
    line = nested.qemu_command(direct, "/runs/1")
    assert line[line.index("-kernel") :] == [
        *("-kernel", "/runs/1/lintel.elf", "-append", 'a=1 b="c d"'),
        *("-initrd", "/runs/1/guest.bin"),
    ]
    assert shlex.split(shlex.join(line)) == line


def test_a_file_of_several_runs_is_packed_once(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"K" * 5000)
    guests = [nested.Guest(kernel=kernel), nested.Guest(kernel=kernel)]
    packed = io.BytesIO(nested.payload(guests, MARKER)).getvalue()
    assert packed.count(b"K" * 5000) == 1 and packed.count(MARKER.encode()) == 1


def plan(*words: str, machine: str) -> Plan:
    return options.plan(options.parse(list(words)), machine, interactive=False)


def test_the_ways_to_boot() -> None:
    assert not plan(machine=NESTED).direct
    for machine in (NESTED, KVM, TCG):
        assert plan("--boot", "kernel", machine=machine).direct
        assert not plan("--boot", "iso", machine=machine).direct


@pytest.mark.parametrize(
    ("words", "machine", "says"),
    [
        (["--boot", "kernel"], BOCHS, "--boot kernel: Bochs"),
        (["--boot", "kernel", "--firmware", "uefi"], TCG, "--boot kernel: not with"),
        (["--firmware", "uefi"], NESTED, "--firmware uefi: not in --machine nested"),
        (["--gdb"], NESTED, "--gdb: not in --machine nested"),
        (["--cpus", "2"], NESTED, "--cpus 2: nested takes 1 to 1"),
        (["--memory", "1537"], NESTED, "--memory 1537: nested takes 32 to 1536"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(words: list[str], machine: str, says: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plan(*words, machine=machine)
    assert str(refusal.value).startswith(says)


def test_boot_is_no_word_for_an_image_as_it_is(tmp_path: Path) -> None:
    image = tmp_path / "x.iso"
    image.touch()
    with pytest.raises(Refusal, match="--boot: --iso"):
        plan("--iso", str(image), "--boot", "kernel", machine=NESTED)


@pytest.mark.parametrize("path", ["/a b/lintel.elf", "/a/guest x"])
def test_qemu_takes_no_space_in_a_path(path: str) -> None:
    with pytest.raises(Refusal, match="a space is in it"):
        qemu.direct(Path("/k"), [], Path(path))
    with pytest.raises(Refusal, match="a space is in it"):
        qemu.direct(Path(path), [], None)


def test_nothing_in_the_cache_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(Refusal, match="tools/deps --nested"):
        nested.find()
    for name in (f"nested-{nested.LAYOUT + 1}-x", f"nested-{nested.LAYOUT}-half"):
        (tmp_path / "lintel" / name).mkdir(parents=True)
    with pytest.raises(Refusal):
        nested.find()
    made = tmp_path / f"lintel/nested-{nested.LAYOUT}-y"
    made.mkdir()
    (made / "versions").write_text("linux=6.1\nqemu=7.2\n")
    assert nested.find() == nested.Chain(made, "6.1", "7.2")
