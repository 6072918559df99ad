# SPDX-License-Identifier: BSD-2-Clause
"""What the launcher writes for others to read: grub.cfg, QEMU's arguments, bochsrc."""

from __future__ import annotations

from pathlib import Path

import pytest
from launcher import Refusal, bochs, image, qemu
from launcher.machine import KVM, TCG
from launcher.terminal import Keys

BOCHS = bochs.Bochs(Path("/b/bochs"), Path("/b/share"), "3.0", ("tigerlake", "ryzen"))


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("guest=hlt", "'guest=hlt'"),
        ("$x;{}#|&", "'$x;{}#|&'"),
        ("it's", r"'it'\''s'"),
        ('a"b', "'a\"b'"),
        ("a\\b", r"'a\b'"),
    ],
)
def test_grub_leaves_a_quoted_word_as_it_is(word: str, quoted: str) -> None:
    assert image.quote(word) == quoted


def test_grub_cfg_of_a_run() -> None:
    assert image.run_config(["a=1", "b=$c"], guest=True, uefi=False).splitlines() == [
        "set timeout=0",
        "multiboot /boot/lintel.elf 'a=1' 'b=$c'",
        "module /boot/guest.bin guest.bin",
        "boot",
    ]
    assert image.run_config(["a=1"], guest=True, uefi=True).splitlines() == [
        "set timeout=0",
        "insmod all_video",
        "multiboot2 /boot/lintel.elf 'a=1'",
        "module2 /boot/guest.bin guest.bin",
        "boot",
    ]
    assert "module" not in image.run_config([], guest=False, uefi=False)


def test_qemu_with_kvm_as_the_nested_chain_calls_it() -> None:
    line = qemu.arguments(KVM, cpu="host", medium=["-kernel", "lintel.elf"])
    assert line == (
        "-M pc -accel kvm -cpu host -smp 1 -m 512 -nodefaults -display none -serial stdio "
        "-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel lintel.elf"
    ).split()


def test_qemu_with_an_iso_and_a_socket() -> None:
    line = qemu.arguments(
        TCG,
        cpu="max",
        medium=qemu.cdrom(Path("/r/x.iso")),
        serial=qemu.serial_socket(4711),
        cpus=2,
        memory=256,
        gdb=True,
    )
    text = " ".join(line)
    assert "-accel tcg -cpu max -smp 2 -m 256 " in text
    assert "-chardev socket,id=com1,host=127.0.0.1,port=4711 -serial chardev:com1" in text
    assert text.endswith("-S -gdb tcp:127.0.0.1:1234 -cdrom /r/x.iso -boot d")


def test_qemu_with_uefi_escapes_a_comma() -> None:
    line = qemu.arguments(TCG, cpu="max", medium=[], uefi_variables=Path("/a,b/vars.fd"))
    assert line[:2] == ["-M", "q35"]
    assert "if=pflash,format=raw,file=/a,,b/vars.fd" in line
    assert any("OVMF_CODE_4M.fd" in word and "readonly=on" in word for word in line)


def test_bochsrc() -> None:
    lines = bochs.configuration(
        BOCHS, port=4711, log=Path("/r/l"), cpu="ryzen", cpus=2, memory=64, iso=Path("/r/a b.iso")
    ).splitlines()
    assert "memory: guest=64, host=64" in lines
    assert "com1: enabled=1, mode=socket-client, dev=127.0.0.1:4711" in lines
    assert 'ata0-master: type=cdrom, path="/r/a b.iso", status=inserted' in lines
    assert any(line.startswith("cpu: model=ryzen, count=2, ") for line in lines)


def test_bochsrc_without_an_iso_boots_from_what_it_is_given() -> None:
    lines = bochs.configuration(BOCHS, port=1, log=Path("/r/l"), extra=["optromimage1: x"])
    assert lines.endswith("optromimage1: x\n") and "cdrom" not in lines


def test_bochs_takes_no_comma_in_a_path() -> None:
    with pytest.raises(Refusal, match="comma"):
        bochs.configuration(BOCHS, port=1, log=Path("/a,b/l"))


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    BOCHS.check_cpu("ryzen")
    with pytest.raises(Refusal, match="--cpu 486: Bochs 3.0 has tigerlake, ryzen"):
        BOCHS.check_cpu("486")


def test_versions_are_numbers() -> None:
    older = bochs.Bochs(Path(), Path(), "2.7", ())
    newer = bochs.Bochs(Path(), Path(), "10.0.1", ())
    assert older.version_number < bochs.LEAST_VERSION <= BOCHS.version_number < newer.version_number


def test_of_a_bochs_log_only_what_tells_is_shown() -> None:
    log = (
        "00000000000i[PCI   ] setting SMRAM control register to 0x4a\n"
        "00053029114e[CPU0  ] interrupt(): vector must be within IDT table limits\n"
        "00053029114i[CPU0  ] | CR2=0x00000000\n"
        "00053029114i[CPU0  ] | RIP=0000000000100451 (0000000000100451)\n"
        "00053029114i[CPU0  ] 0x0000000000100451>> int3  : CC\n"
        "03824832000p[SDL2  ] >>PANIC<< User requested shutdown.\n"
    )
    assert [line[11:20] for line in bochs.telling(log)] == ["e[CPU0  ]", "i[CPU0  ]", "i[CPU0  ]"]


@pytest.mark.parametrize(
    ("typed", "sent", "over"),
    [
        ([b"abc\r"], b"abc\r", False),
        ([b"a\x03"], b"a\x03", False),
        ([b"a\x01x"], b"a", True),
        ([b"\x01", b"X"], b"", True),
        ([b"\x01\x01x"], b"\x01x", False),
        ([b"\x01qb"], b"b", False),
    ],
)
def test_keys(typed: list[bytes], sent: bytes, over: bool) -> None:
    keys = Keys()
    results = [keys.translate(some) for some in typed]
    assert b"".join(data for data, _ in results) == sent
    assert results[-1][1] is over
