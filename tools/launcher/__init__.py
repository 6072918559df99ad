# SPDX-License-Identifier: BSD-2-Clause
"""The launcher behind tools/run: builds an ISO a run, boots it in a machine, judges its log.

Decisions and texts (machine, command lines, configurations, verdict) are pure functions of plain
values, so that tests/tools/ can check them without an emulator; the rest is small.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"


class Refusal(Exception):
    """What was asked for cannot be done here; its text is the sentence for the user (status 2)."""
