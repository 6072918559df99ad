# SPDX-License-Identifier: BSD-2-Clause
"""Bochs 2.7, the old one, where the system has it."""

from __future__ import annotations

import pytest
from harness import OLD_CPU, once


@pytest.mark.parametrize("guest", ["hlt", "tour", "triple"])
@pytest.mark.parametrize("cpu", [OLD_CPU, "corei7_haswell_4770", "corei7_skylake_x"])
def test_the_built_in_guests_pass(cpu: str, guest: str) -> None:
    run = once(f"guest={guest}", machine="bochs-2.7", cpu=cpu)
    assert run.status == 0
    assert run.records[0].keys["machine"].startswith("bochs-2.")
    assert run.end(1).keys["exits"] == "16"
