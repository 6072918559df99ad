# SPDX-License-Identifier: BSD-2-Clause
"""The map of a VM's guest-physical space in the log, and its picture."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

from harness import CPUS, OLD_CPU, REPOSITORY, Run, once

TOOL = str(REPOSITORY / "tools/eptmap")
SVG = "{http://www.w3.org/2000/svg}"


def runs(run: Run, vm: str = "0") -> list[dict[str, str]]:
    return [one.keys for one in run.topic("ept", "map") if one.keys["vm"] == vm]


def draw(log: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "run.log").write_text(log)
    command = [TOOL, str(folder / "run.log"), "-o", str(folder / "map.svg"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_map_is_what_was_mapped() -> None:
    for cpu in CPUS:
        run = once("guest=hlt", cpu=cpu)
        mapped = {(one.keys["gpa"], one.keys["hpa"]) for one in run.topic("ept", "mapped")}
        assert {(keys["gpa"], keys["hpa"]) for keys in runs(run)} <= mapped
        assert [keys["pages-4k"] for keys in runs(run)] == ["100", "8"]
        assert runs(run, "1") == []  # VM 1 was not asked for
        touched = {keys["touched"] for keys in runs(run)}
        assert touched == ({"unknown"} if cpu == OLD_CPU else {"yes", "written"})


def test_a_page_with_other_rights_is_a_run_of_its_own() -> None:
    maps = runs(once("guest=watch"))
    assert [keys["rights"] for keys in maps] == ["rwx", "--x", "rwx", "r-x", "rwx"]
    assert maps[0]["gpa"] == "0x0-0x100fff" and maps[1]["gpa"] == "0x101000-0x101fff"
    (end,) = once("guest=watch").topic("ept", "map ends")
    assert end.keys["runs"] == "5" and end.keys["pages-4k"] == "512"


def test_large_pages_are_told() -> None:
    run = once("memory=64M", guest=b"\xf4", memory=512)
    (keys,) = runs(run)
    assert keys["gpa"] == "0x0-0x3ffffff" and keys["pages-2m"] == "32"


def test_the_picture(tmp_path: Path) -> None:
    assert draw(once("guest=watch").log, tmp_path).returncode == 0
    root = ElementTree.parse(tmp_path / "map.svg").getroot()
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    # The highest address is on top.
    assert texts[1].startswith("0x181000 to 0x1fffff")
    assert "to host-physical" in texts[2] and texts[2].endswith("rwx, wb")
    assert len(list(root.iter(f"{SVG}rect"))) == 1 + 5


def test_a_hole_is_told(tmp_path: Path) -> None:
    assert draw(once("guest=hlt").log, tmp_path).returncode == 0
    assert "not mapped" not in (tmp_path / "map.svg").read_text()
    lines = once("guest=watch").log.split("\n")
    kept = "\n".join(line for line in lines if "gpa=0x101000-" not in line)
    assert draw(kept, tmp_path).returncode == 0
    assert "4 KiB not mapped" in (tmp_path / "map.svg").read_text()


def test_a_damaged_map(tmp_path: Path) -> None:
    log = once("guest=watch").log
    for good, bad in (
        ("gpa=0x0-0x100fff", ""),
        ("gpa=0x0-0x100fff", "gpa=0xzz-0x107fff"),
        ("gpa=0x0-0x100fff", "gpa=0x900000-0x107fff"),
    ):
        run = draw(log.replace(good, bad), tmp_path)
        assert run.returncode == 2 and "damaged" in run.stderr
    run = draw(log.replace("map ends", "map stops"), tmp_path)
    assert run.returncode == 0 and "may be cut" in run.stderr


def test_a_log_without_a_map(tmp_path: Path) -> None:
    run = draw("nothing\n", tmp_path)
    assert run.returncode == 2 and "no map of VM 0" in run.stderr
    run = draw(once("guest=watch").log, tmp_path, "--vm", "7")
    assert run.returncode == 2 and "no map of VM 7" in run.stderr
