# SPDX-License-Identifier: BSD-2-Clause
"""tools/run --machine nested as a script calls it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from guests import assemble
from harness import REPOSITORY
from launcher import records


def test_a_failing_guest_from_the_iso(tmp_path: Path) -> None:
    guest, log = tmp_path / "guest", tmp_path / "log"
    guest.write_bytes(assemble("mov al, 7", "out 0xF4, al"))
    command = [REPOSITORY / "tools/run", "--machine", "nested", "--guest", guest, "--log", log]
    command += ["--memory", "128", "--timeout", "120", "--args", "trace=off"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    errors = done.stderr.decode()
    assert done.returncode == 1, errors
    assert log.read_bytes() == done.stdout and b"\r" not in done.stdout
    lines = done.stdout.decode("ascii").splitlines()
    assert [line for line in lines if records.parse_line(line) is None] == []
    assert "mini-hypervisor" in lines[0] and "token=" in lines[-1]
    (said, verdict) = errors.splitlines()[0], errors.splitlines()[-1]
    assert said.startswith("tools/run: QEMU 7.2")
    assert "on Linux 6.1" in said and "in Bochs 3" in said
    assert verdict == "tools/run: fail: OUT to port 0xf4 (exit status 1)"
