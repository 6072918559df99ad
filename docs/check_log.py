#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares docs/log.md with what the sources log: docs/check_log.py

Every topic and key in a log_line() call, every key in a walk_line() call, whose topic is walk, and
every ` key=%` text that such a call is given, must stand in docs/log.md, in the section of its
topic (`### topic`), as a table row that begins with | `key` |. What stands there and is logged
nowhere is stale. Status 1 if anything is amiss.

Texts that such a call is given are literals that begin with a blank and a key, and all that
format_text() puts together but for a `why`; of those it is not known which topic they go to. What
stands in a quoted value is text, whatever it looks like.

In the capability report (topic cap) the first key is the fact itself, so its name stands in no
format: it is a string "group.name" of vmx/capability_bits.def or vmx/caps_*.c, and has a row of its
own. Names of controls and of CR0's and CR4's bits are documented as a family.
"""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
DOCUMENT = TOP / "docs/log.md"
ROOMS = ("boot", "kernel", "ept", "vmx", "guest", "selftest", "monitor")

_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_MACRO = re.compile(r"\bPRI[diuxX]\w+\b")
# A key and the first character of its value: a conversion, a quote, or a fixed word.
_KEY = re.compile(r'(?<![\w%-])([a-z][a-z0-9-]*)=(?=[%"0-9a-zA-Z\\]|$)')
_APPENDED = re.compile(r'^ [a-z][a-z0-9-]*=')
_QUOTED = re.compile(r'\\"[^"]*\\"')
_TOPIC_ROW = re.compile(r"^### `?([a-z]+)`?")
_FACT = re.compile(r'"((?!cr[04]\.)[a-z0-9_]+\.[a-z0-9_]+)"')
_FACT_ROW = re.compile(r"^\| `([a-z0-9_]+\.[a-z0-9_]+)` \|")
_KEY_ROW = re.compile(r"^\| `([a-z][a-z0-9-]*)` \|")


def calls(text: str, name: str) -> list[tuple[int, str]]:
    """The argument texts of all calls of `name`, each with its position."""
    found = []
    for match in re.finditer(rf"\b{name}\(", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            literal = _LITERAL.match(text, at)
            if literal:
                at = literal.end()
                continue
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        found.append((match.start(), text[match.end() : at - 1]))
    return found


def keys_in(literal: str) -> list[str]:
    return _KEY.findall(_QUOTED.sub(r'\\"\\"', literal))


def logged() -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """(topic, key) of every call, and keys of texts put together elsewhere; with their places."""
    direct: dict[tuple[str, str], str] = {}
    appended: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((TOP / room).glob("*.c")):
            text = _MACRO.sub("", path.read_text(encoding="utf-8"))
            spans = []
            for position, arguments in calls(text, "walk_line"):
                spans.append((position, position + len(arguments)))
                place = f"{path.relative_to(TOP)}:{text.count(chr(10), 0, position) + 1}"
                for literal in _LITERAL.findall(arguments):
                    for key in _KEY.findall(literal):
                        direct.setdefault(("walk", key), place)
            for position, arguments in calls(text, "log_line"):
                spans.append((position, position + len(arguments)))
                literals = [m.group(1) for m in _LITERAL.finditer(arguments)]
                if not literals or not re.match(r'\s*"', arguments):
                    continue  # the definition
                place = f"{path.relative_to(TOP)}:{text.count(chr(10), 0, position) + 1}"
                topic, rest = literals[0], literals[1:]
                # No key is cut in two by the end of a literal; " token=" is chosen for a %s.
                for key in (key for literal in rest for key in keys_in(literal)):
                    direct.setdefault((topic, key), place)
            made = [
                (at, at + len(part))
                for at, part in calls(text, "format_text")
                if not part.startswith("why,")  # the value of why=, a sentence
            ]
            for match in _LITERAL.finditer(text):
                inside = any(start <= match.start() <= end for start, end in spans)
                given = any(start <= match.start() <= end for start, end in made)
                if not inside and (given or _APPENDED.match(match.group(1))):
                    place = f"{path.relative_to(TOP)}:{text.count(chr(10), 0, match.start()) + 1}"
                    for key in keys_in(match.group(1)):
                        appended.setdefault(key, place)
    return direct, appended


def documented() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    topic = ""
    for number, line in enumerate(DOCUMENT.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            match = _TOPIC_ROW.match(line)
            topic = match.group(1) if match else ""
            if topic:
                found.setdefault((topic, ""), number)
        elif topic and (match := _KEY_ROW.match(line) or _FACT_ROW.match(line)):
            found.setdefault((topic, match.group(1)), number)
    return found


def facts() -> dict[tuple[str, str], str]:
    """Every fact of the capability report, as (topic, key), with its place."""
    found: dict[tuple[str, str], str] = {}
    for path in [TOP / "vmx/capability_bits.def", *sorted((TOP / "vmx").glob("caps_*.c"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for fact in _FACT.findall(line):
                found.setdefault(("cap", fact), f"{path.relative_to(TOP)}:{number}")
    return found


def main() -> int:
    direct, appended = logged()
    direct |= facts()
    known = documented()
    amiss = []
    for (topic, key), place in direct.items():
        if (topic, "") not in known:
            amiss.append(f"{place}: topic {topic} is not in docs/log.md")
        elif (topic, key) not in known:
            amiss.append(f"{place}: key {key}= of topic {topic} is not in docs/log.md")
    anywhere = {key for _, key in known}
    for key, place in appended.items():
        if key not in anywhere:
            amiss.append(f"{place}: key {key}= is not in docs/log.md")
    for (topic, key), number in known.items():
        if key and (topic, key) not in direct and key not in appended:
            amiss.append(f"docs/log.md:{number}: {topic}: {key}= is logged nowhere")
    for line in sorted(set(amiss)):
        print(line)
    if not amiss:
        print(f"docs/log.md: {len(known)} topics and keys, as the sources log them")
    return 1 if amiss else 0


sys.exit(main())
