# SPDX-License-Identifier: BSD-2-Clause
"""Makes bootable ISOs with grub-mkrescue: one for a run, and the plain one with a menu."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import Refusal

GRUB = Path("/usr/lib/grub")
BIOS, UEFI = "i386-pc", "x86_64-efi"
RUN_MODULES = ("normal", "multiboot", "multiboot2")
# GRUB's UEFI image asks for each of these by itself, and complains of those that are not there.
_PARTITION_MODULES = tuple(
    f"part_{kind}"
    for kind in "acorn amiga apple bsd dfly dvh gpt msdos plan sun sunpc".split()
)
MENU_MODULES = (*RUN_MODULES, "serial", "terminal", "test", "all_video")


def quote(word: str) -> str:
    """A word for grub.cfg that GRUB's script language leaves as it is."""
    return "'" + word.replace("'", "'\\''") + "'"


def check_text(option: str, text: str) -> None:
    """Refuses what a grub.cfg line, or a command line, cannot carry."""
    for character in text:
        if not " " <= character <= "~":
            raise Refusal(f"{option}: character {character!r} is not printable ASCII")


def run_config(arguments: Sequence[str], *, guest: bool, uefi: bool) -> str:
    """grub.cfg of a run: no menu, no word printed, straight into Lintel.

    GRUB hands each argument on with a backslash put before any quote or backslash within; that is
    its own habit, and Lintel's options need neither.
    """
    # Why Multiboot 1 on BIOS: iso/grub.cfg tells.
    lines = ["set timeout=0", "insmod all_video"] if uefi else ["set timeout=0"]
    kernel, module = ("multiboot2", "module2") if uefi else ("multiboot", "module")
    lines.append(" ".join([f"{kernel} /boot/lintel.elf", *map(quote, arguments)]))
    if guest:
        lines.append(f"{module} /boot/guest.bin guest.bin")
    return "\n".join([*lines, "boot", ""])


def make(
    output: Path,
    files: Mapping[str, Path],
    config: str,
    *,
    modules: Sequence[str],
    uefi: bool,
    work: Path,
) -> None:
    """Writes an ISO of `files` (path in the image: file) and grub.cfg, within the folder `work`.

    With `uefi` it boots on both kinds of firmware, without it on BIOS alone, in half the time.
    """
    if shutil.which("grub-mkrescue") is None:
        raise Refusal("grub-mkrescue is not installed: make deps")
    for platform in (BIOS, UEFI) if uefi else (BIOS,):
        if not (GRUB / platform).is_dir():
            raise Refusal(f"GRUB's files for {platform} are not installed: make deps")
    tree = work / "tree"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "boot/grub/grub.cfg").write_text(config, encoding="ascii")
    for name, source in files.items():
        shutil.copyfile(source, tree / name)
    command = ["grub-mkrescue", "-o", str(output), "--fonts=", "--locales=", "--themes="]
    if uefi:
        modules = (*modules, *_PARTITION_MODULES)
    else:
        command.append(f"--directory={GRUB / BIOS}")
    command.append("--install-modules=" + " ".join(modules))
    done = subprocess.run(
        [*command, str(tree)],
        env={**os.environ, "TMPDIR": str(work), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    shutil.rmtree(tree)
    if done.returncode != 0 or not output.exists():
        tail = done.stdout.decode(errors="replace").strip().splitlines()[-5:]
        raise Refusal("grub-mkrescue failed:\n  " + "\n  ".join(tail))
