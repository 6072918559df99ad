# SPDX-License-Identifier: BSD-2-Clause
"""tools/selftest-matrix: the selftests of several machines side by side, as text or a page."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import Refusal, ktap, matrix_html, matrix_text
from .ktap import Run
from .matrix import Matrix, build
from .verdict import USAGE

GOOD, BAD = 0, 1

_DESCRIPTION = """\
Puts the selftests of several machines side by side, from the serial logs of runs with
mode=selftest: a row is a scenario, a column a machine. Ahead of them stands on which machines each
control was seen to work."""

_EPILOG = """\
A log that is cut or damaged is taken as far as it goes, and its column says so; it never passes. Of
a log with several runs, the last one that has results counts.

exit status: 0 every run is whole, and nothing failed in it; 1 otherwise; 2 wrong usage."""

FORMATS: dict[str, Callable[[Matrix], str]] = {
    "text": matrix_text.text,
    "markdown": matrix_text.markdown,
    "html": matrix_html.page,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/selftest-matrix",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("logs", metavar="LOG", nargs="+", help="a machine's, mode=selftest")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    parser.add_argument("--select", metavar="GLOB", default="*", help="only scenarios of that name")
    parser.add_argument(
        "--only-differing", action="store_true", help="only rows in which machines differ"
    )
    return parser


def _read(path: str) -> Run:
    return ktap.read(path, Path(path).read_text(encoding="utf-8", errors="replace"))


def _run(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    try:
        runs = [_read(path) for path in options.logs]
        matrix = build(runs, glob=options.select, only_differing=options.only_differing)
        written = FORMATS[options.format](matrix)
        if options.output is not None:
            Path(options.output).write_text(written, encoding="utf-8")
        else:
            sys.stdout.write(written)
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}") from error
    return BAD if any(run.verdict() in ("FAIL", "INCOMPLETE") for run in runs) else GOOD


def main(words: Sequence[str]) -> int:
    try:
        return _run(words)
    except Refusal as refusal:
        print(f"tools/selftest-matrix: {refusal}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read has gone; Python must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
