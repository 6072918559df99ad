# SPDX-License-Identifier: BSD-2-Clause
"""mode=caps: what a processor's VT-x can do, told of every processor in the same form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import OLD_CPU, REPOSITORY, Run, boot, once

NO_EPT = "core2_penryn_t9600"
NEW_CPU = "sapphire_rapids"
NO_VTX = "ryzen"
WITH_VTX = ("tigerlake", OLD_CPU, NO_EPT, NEW_CPU)
FIXED = {"must-be-0", "may-be-1", "must-be-1", "absent"}
CONTROL_GROUPS = ("pin", "primary", "secondary", "exit", "entry", "tertiary", "exit2")


def report(cpu: str) -> Run:
    return once("mode=caps", cpu=cpu)


def facts(cpu: str) -> dict[str, str]:
    """The facts with their values, in the order of the log."""
    return values(report(cpu))


def values(run: Run) -> dict[str, str]:
    return dict(next(iter(record.keys.items())) for record in run.topic("cap"))


@pytest.mark.parametrize("cpu", WITH_VTX)
def test_it_passes_and_runs_nothing(cpu: str) -> None:
    run = report(cpu)
    assert run.status == 0 and run.result is not None
    assert (run.result.keys["why"], run.result.keys["exits"]) == ("capabilities", "0")
    assert run.result.keys["guest"] == "none"
    assert run.exits() == [] and run.topic("vm") == [] and run.topic("boot", "option") == []
    assert "VMXON" not in run.log


@pytest.mark.parametrize("cpu", [*WITH_VTX, NO_VTX])
def test_every_processor_has_the_same_facts_in_the_same_order(cpu: str) -> None:
    found = list(facts(cpu))
    assert found == list(facts("tigerlake"))
    assert len(found) > 200 and len(found) == len(report(cpu).topic("cap"))


@pytest.mark.parametrize("cpu", [*WITH_VTX, NO_VTX])
def test_a_record_is_one_fact_and_its_source(cpu: str) -> None:
    for record in report(cpu).topic("cap"):
        (fact, value), *source = record.keys.items()
        assert record.words == "" and value
        assert re.fullmatch(r"[a-z0-9_]+\.\w+", fact)
        assert [key for key, _ in source] in (
            ["msr"], ["msr", "bit"], ["msr", "bits"], ["cpuid", "bit"], ["cpuid", "bits"]
        )
        where = dict(source)
        assert re.fullmatch("0x[0-9a-f]+(-0x[0-9a-f]+)?", where.get("msr", "0x1"))
        assert where.get("bit", "0").isdecimal()
        assert re.fullmatch(r"\d+:\d+", where.get("bits", "1:0"))


def controls() -> dict[str, tuple[str, int]]:
    """Group and bit of every control that there is."""
    text = (REPOSITORY / "vmx/controls.def").read_text(encoding="ascii")
    found = re.findall(r'^CONTROL\(\w+, \w+, (\d+), "((\w+)\.\w+)"', text, re.MULTILINE)
    return {name: (group, int(bit)) for bit, name, group in found}


@pytest.mark.parametrize("cpu", WITH_VTX)
def test_every_control_is_told(cpu: str) -> None:
    told = {next(iter(one.keys)): one.keys for one in report(cpu).topic("cap")}
    assert len(controls()) > 90
    for name, (_, bit) in controls().items():
        assert told[name]["bit"] == str(bit) and told[name][name] in FIXED
    assert "contradiction" not in report(cpu).log


@pytest.mark.parametrize("cpu", WITH_VTX)
def test_what_is_told_of_controls_is_what_the_msrs_say(cpu: str) -> None:
    found = facts(cpu)
    msrs = {name.removeprefix("raw."): value for name, value in found.items() if "raw." in name}
    sources = {one.keys["msr"]: next(iter(one.keys)) for one in report(cpu).topic("cap")
               if next(iter(one.keys)).startswith("raw.")}
    for one in report(cpu).topic("cap"):
        name, value = next(iter(one.keys.items()))
        group = name.partition(".")[0]
        if group not in CONTROL_GROUPS or name not in controls() or value == "absent":
            continue
        raw = int(msrs[sources[one.keys["msr"]].removeprefix("raw.")], 16)
        wide = group in ("tertiary", "exit2")
        must, may = (0, raw) if wide else (raw & 0xFFFFFFFF, raw >> 32)
        bit = int(one.keys["bit"])
        wanted = {(0, 0): "must-be-0", (0, 1): "may-be-1", (1, 1): "must-be-1"}
        assert value == wanted[must >> bit & 1, may >> bit & 1], name


def test_known_values_of_a_new_processor() -> None:
    found = facts("tigerlake")
    known = {
        "vtx.cpuid": "yes", "vtx.firmware": "on", "feature_control.lock": "yes",
        "width.physical": "40", "width.linear": "48",
        "basic.revision": "0x4", "basic.region_size": "4096-bytes", "basic.memory_type": "wb",
        "basic.true_controls": "yes", "basic.addresses_32_bit": "no",
        "pin.posted_interrupts": "may-be-1", "pin.reserved_1": "0x16", "pin.unknown": "0x0",
        "primary.cr3_load": "may-be-1", "primary.tertiary": "must-be-0",
        "secondary.pml": "may-be-1", "secondary.encls": "must-be-0", "secondary.ve": "may-be-1",
        "tertiary.hlat": "absent", "exit2.save_fred": "must-be-0",
        "ept.accessed_dirty": "yes", "ept.page_1g": "yes", "ept.walk_5": "no",
        "vpid.invvpid": "yes", "vmfunc.eptp_switching": "yes",
        "cr0.pe": "must-be-1", "cr0.wp": "may-be-1", "cr4.vmxe": "must-be-1",
        "cr4.la57": "must-be-0", "misc.msr_list": "512",
        "raw.IA32_VMX_PROCBASED_CTLS2": "0x2d77fff00000000",
    }  # fmt: skip
    assert {name: found[name] for name in known} == known


def test_known_values_of_an_old_processor() -> None:
    found = facts(OLD_CPU)
    known = {
        "secondary.pml": "must-be-0", "secondary.encls": "must-be-0", "secondary.ept": "may-be-1",
        "secondary.unrestricted": "may-be-1", "ept.accessed_dirty": "no", "ept.page_1g": "no",
        "vmfunc.eptp_switching": "absent", "exit2.load_fred": "absent",
        "raw.IA32_VMX_VMFUNC": "absent",
    }  # fmt: skip
    assert {name: found[name] for name in known} == known


def test_without_ept_the_report_is_whole() -> None:
    found = facts(NO_EPT)
    assert found["secondary.ept"] == found["secondary.vpid"] == "must-be-0"
    assert {found[name] for name in found if name.startswith(("ept.", "vpid."))} == {"absent"}
    assert found["secondary.wbinvd"] == "may-be-1"


def test_the_later_groups_of_the_newest_processor() -> None:
    found = facts(NEW_CPU)
    assert found["primary.tertiary"] == found["exit.secondary"] == "may-be-1"
    assert found["tertiary.spec_ctrl"] == "may-be-1" and found["tertiary.hlat"] == "must-be-0"
    assert found["exit2.prematurely_busy"] == "may-be-1"
    assert found["exit2.unknown"] == "0x1000004"  # bits that controls.def has no name for
    assert found["secondary.user_wait_pause"] == "may-be-1"


def check_no_vtx(run: Run) -> None:
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == "no VT-x"
    assert run.topic("vmx")[0].words.startswith("no VT-x: ")
    found = values(run)
    assert list(found) == list(facts("tigerlake"))
    assert found["vtx.cpuid"] == "no" and found["width.physical"] != "absent"
    rest = {found[name] for name in found if name != "vtx.cpuid" and "width" not in name}
    assert rest == {"absent"}


def test_without_vtx_it_says_what_is_missing_and_fails() -> None:
    check_no_vtx(report(NO_VTX))
    assert "AMD" in report(NO_VTX).topic("vmx")[0].words


def test_without_vtx_in_qemu() -> None:
    run = once("mode=caps", machine="tcg")
    check_no_vtx(run)
    assert "software emulation" in run.topic("vmx")[0].words


def test_from_an_iso_it_is_the_same() -> None:
    run = once("mode=caps", machine="bochs")
    assert run.status == 0 and "GRUB" in run.log
    assert values(run) == facts("tigerlake")


def test_the_last_mode_counts() -> None:
    run = boot(args=["mode=monitor", "mode=caps"])
    assert run.status == 0 and values(run) == facts("tigerlake")
    assert boot(args=["mode=caps", "mode=run"]).exits() != []


def test_a_guest_beside_it_is_not_looked_at() -> None:
    run = once("mode=caps", "guest=nonsense")
    assert run.status == 0 and run.topic("guest") == []


def test_tools_caps_reads_it(tmp_path: Path) -> None:
    from launcher import capabilities  # noqa: PLC0415

    new, old = tmp_path / "new.log", tmp_path / "old.log"
    new.write_text(report("tigerlake").log)
    old.write_text(report(OLD_CPU).log)
    assert capabilities.main([str(new)]) == capabilities.main([str(new), str(new)]) == 0
    assert capabilities.main([str(new), str(old)]) == 1
