# SPDX-License-Identifier: BSD-2-Clause
"""The matrix of selftests as one page of HTML that needs nothing beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from .matrix import LEGEND, Cell, Machine, Matrix

_STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; background: #fff }
table { border-collapse: collapse; margin: .5em 0 1.5em }
th, td { border: 1px solid #ccc; padding: .15em .5em; text-align: left; vertical-align: top }
th { background: #f0f0f0 }
tbody th, code { font: 13px ui-monospace, monospace; white-space: nowrap }
#scenarios thead th { position: sticky; top: 0; z-index: 1; vertical-align: bottom }
#scenarios thead span { writing-mode: vertical-rl; font-weight: normal; white-space: nowrap }
#scenarios td { white-space: nowrap }
#scenarios tfoot { font-weight: bold }
td a { color: inherit; text-decoration: none }
.ok { background: #d7f0d5 } .skip { background: #eee; color: #666 } .todo { background: #fdeeb5 }
.bad { background: #f4b6b0; font-weight: bold } .lost { background: #f7d7c4; font-weight: bold }
.absent { color: #999 }
li:target { background: #fdeeb5 }
#differing:checked ~ #scenarios tr.same { display: none }
"""
_CLASSES = {
    "ok": "ok",
    "not ok": "bad",
    "SKIP": "skip",
    "TODO": "todo",
    "-": "absent",
    "?": "lost",
    "pass": "ok",
    "FAIL": "bad",
    "INCOMPLETE": "lost",
    "nothing ok": "lost",
}
_VERBOSE = re.compile(r"\((R|TM)\)|@.*|\b(Intel|CPU|Processor|\d+th Gen)\b")


def _short(machine: Machine) -> str:
    return " ".join(_VERBOSE.sub(" ", machine.brand).split()) or machine.brand


def _say(words: str) -> str:
    return html.escape(words)


def _td(words: str, kind: str = "") -> str:
    return f'<td class="{kind}">{_say(words)}</td>' if kind else f"<td>{_say(words)}</td>"


def _machines(machines: Sequence[Machine]) -> Iterator[str]:
    keys = list(machines[0].facts)
    heads = ["", "CPU", *keys, "run"]
    yield "<table>"
    yield "<thead><tr>" + "".join(f"<th>{_say(head)}</th>" for head in heads) + "</tr></thead>"
    yield "<tbody>"
    for one in machines:
        verdict = one.run.verdict()
        facts = "".join(_td(one.facts[key]) for key in keys)
        run = f"<b>{_say(verdict)}</b>"
        if one.remarks:
            inner = "".join(f"<li>{_say(remark)}</li>" for remark in one.remarks)
            run = f"<details open><summary>{run}</summary><ul>{inner}</ul></details>"
        run = f'<td class="{_CLASSES[verdict]}">{run}</td>'
        yield f"<tr><th>{one.head}</th>{_td(one.brand)}{facts}{run}</tr>"
    yield "</tbody></table>"


def _controls(matrix: Matrix) -> Iterator[str]:
    for headline, controls in matrix.controls:
        yield f"<details open><summary><b>{_say(headline)}</b></summary><table><tbody>"
        for one in controls:
            where = _td(one.where, "ok" if one.working else "skip")
            yield f"<tr><th>{_say(one.name)}</th>{_td(one.title)}{where}</tr>"
        yield "</tbody></table></details>"


def _cell(cell: Cell, head: str) -> str:
    words = _say(cell.text)
    if cell.note:
        words = f'<a href="#note-{cell.note}">{words}</a>'
    title = f"{head}: {cell.reason}" if cell.reason else head
    return f'<td class="{_CLASSES[cell.status]}" title="{_say(title)}">{words}</td>'


def _scenarios(matrix: Matrix) -> Iterator[str]:
    yield f"<h2>{_say(matrix.headline)}</h2>"
    yield '<input type="checkbox" id="differing">'
    yield '<label for="differing">only rows in which the machines differ</label>'
    yield '<table id="scenarios">'
    heads = "".join(
        f'<th title="{_say(one.brand)}"><span>{_say(_short(one))}</span><br>{one.head}</th>'
        for one in matrix.machines
    )
    yield f"<thead><tr><th>scenario</th>{heads}</tr></thead>"
    yield "<tbody>"
    for (name, cells), differ in zip(matrix.rows, matrix.differing, strict=True):
        row = "".join(
            _cell(cell, machine.head)
            for cell, machine in zip(cells, matrix.machines, strict=True)
        )
        kind = "" if differ else ' class="same"'
        yield f"<tr{kind}><th>{_say(name)}</th>{row}</tr>"
    yield "</tbody><tfoot>"
    for name, counts in matrix.feet:
        row = "".join(_td(count, _CLASSES.get(count, "")) for count in counts)
        yield f"<tr><th>{_say(name)}</th>{row}</tr>"
    yield "</tfoot></table>"


def _notes(matrix: Matrix) -> Iterator[str]:
    yield "<h2>Legend</h2><ul>"
    for word, meaning in LEGEND:
        yield f"<li><code>{_say(word)}</code>: {_say(meaning)}</li>"
    yield "</ul>"
    if matrix.notes:
        yield "<details open><summary><b>Notes</b></summary><ol>"
        for number, note in enumerate(matrix.notes, 1):
            yield f'<li id="note-{number}">{_say(note)}</li>'
        yield "</ol></details>"


def page(matrix: Matrix) -> str:
    title = "Lintel's selftest, machine by machine"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{title}</title>",
            f"<style>\n{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *_machines(matrix.machines),
            *_controls(matrix),
            *_scenarios(matrix),
            *_notes(matrix),
            "</body></html>",
            "",
        ]
    )
