# SPDX-License-Identifier: BSD-2-Clause
"""Writes compile_commands.json, from which clangd and its like learn how each file is compiled.

Usage: compile_commands.py OUTPUT FILE… -- COMMAND… [++ FILE… -- COMMAND…]…
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def group(words: list[str]) -> list[dict[str, object]]:
    split = words.index("--")
    return [
        {"directory": str(Path.cwd()), "file": name, "arguments": [*words[split + 1 :], "-c", name]}
        for name in words[:split]
    ]


def main(output: str, words: list[str]) -> None:
    entries = []
    while words:
        split = words.index("++") if "++" in words else len(words)
        entries += group(words[:split])
        words = words[split + 1 :]
    Path(output).write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
