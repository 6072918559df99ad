#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes tests/unit/recorded_vmcs.h: what the auditor looks at, as Bochs's processors have it.

Usage: tests/unit/record_vmcs.py

Builds a copy of the hypervisor in build/record with tests/unit/record_vmcs.c in it, called just
before the first VM entry, and boots it once a processor. Run it when Lintel fills other fields of
the VMCS, or when Bochs does, and commit what it writes.
"""

import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
COPY = TOP / "build" / "record"
HEADER = TOP / "tests" / "unit" / "recorded_vmcs.h"
MODELS = ("tigerlake", "sapphire_rapids", "corei5_arrandale_m520")
COLUMNS = 100
END = "end"

HEAD = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the auditor looks at, recorded in Bochs {bochs} just before the first VM entry (guest=hlt):
 * capabilities, facts, the fields that are not 0, those that could not be read. Its memory is not
 * here: this VMCS leads entry to none. Written by tests/unit/record_vmcs.py, never by hand.
 */
#ifndef TESTS_UNIT_RECORDED_VMCS_H
#define TESTS_UNIT_RECORDED_VMCS_H

#include "vmx/audit.h"

struct recorded_machine {{
    const char *name;
    struct vmx_capabilities can;
    struct audit_facts facts;
    uint64_t vmcs;
    uint64_t value[VMCS_FIELDS];
    bool unreadable[VMCS_FIELDS];
}};

/* clang-format off */
static const struct recorded_machine recorded_machines[] = {{
"""
TAIL = """\
};
/* clang-format on */

#endif
"""


def build():
    """The copy, with the recorder, as an image."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True)
    for name in filter(None, listing.stdout.decode().split("\0")):
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, target)
    shutil.copy2(TOP / "tests" / "unit" / "record_vmcs.c", COPY / "vmx")
    launch = COPY / "vmx" / "launch.c"
    text, count = re.subn(
        r"^( *)(vcpu_loop\(vcpu\);)$",
        r"\1void record_vmcs(const struct vmx_capabilities *can, hpa_t vmcs);" "\n"
        r"\1record_vmcs(vcpu->capabilities, hpa_of(vcpu->vmcs));" "\n" r"\1\2",
        launch.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise SystemExit("vmx/launch.c calls vcpu_loop(vcpu) once no more: mend this script")
    launch.write_text(text, encoding="utf-8")
    subprocess.run(["make", "-s", "kernel"], cwd=COPY, check=True)


def record(model):
    """The first recording of a run, and the version of Bochs."""
    done = subprocess.run(
        ["tools/run", "--machine", "bochs", "--headless", "--cpu", model, "--timeout", "60",
         "--args", "guest=hlt trace=off"],
        cwd=COPY, capture_output=True, text=True, timeout=90)
    found = re.findall(r"cpu0 record: (.*?)\r?$", done.stdout, re.MULTILINE)
    if END not in found:
        raise SystemExit(f"{model}: nothing was recorded:\n{done.stdout}{done.stderr}")
    version = re.search(r"bochs[- ](\d+\.\d+)", done.stdout + done.stderr)
    return found[:found.index(END)], version[1] if version else "of unknown version"


def fill(lines):
    """The same lines, those that are elements of an array joined as far as they fit."""
    joined = ""
    for line in lines:
        line = re.sub(r"\[INDEX (\w+)\]", lambda match: f"[INDEX_{match[1].upper()}]", line)
        element = line.startswith(("[", "{"))
        if element and joined and len(joined) + len(line) + 1 <= COLUMNS:
            joined += " " + line
            continue
        if joined:
            yield joined
        joined = "        " + line if element else ""
        if not element:
            yield "    " + line
    if joined:
        yield joined


def main():
    build()
    text, bochs = "", ""
    for model in MODELS:
        lines, bochs = record(model)
        text += f'{{\n    "{model}",\n'
        text += "".join(f"{line}\n" for line in fill(lines)) + "},\n"
    HEADER.write_text(HEAD.format(bochs=bochs) + text + TAIL, encoding="utf-8")
    print(f"{HEADER.relative_to(TOP)}: {len(MODELS)} machines, Bochs {bochs}")


if __name__ == "__main__":
    main()
