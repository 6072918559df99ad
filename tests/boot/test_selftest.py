# SPDX-License-Identifier: BSD-2-Clause
"""mode=selftest: the auditor against the processor, as KTAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import harness
import pytest
from fastboot import rom
from harness import OLD_CPU, boot, once
from ktap import bad, ktap

@pytest.mark.parametrize("cpu", ["tigerlake", OLD_CPU, "sapphire_rapids", "corei7_skylake_x"])
def test_auditor_and_processor_agree_on_every_rule(cpu: str) -> None:
    run = once("mode=selftest", "select=audit.*", cpu=cpu, timeout=120)
    tests = ktap(run)
    assert bad(tests) == []
    assert len(tests) >= 300
    assert sum(one.good and not one.directive for one in tests) >= 200
    (summary,) = run.topic("selftest", "the auditor was tried against the processor")
    assert int(summary.keys["rules"]) == len(tests)
    assert int(summary.keys["mutations"]) >= 700
    assert summary.keys["disagreements"] == "0"
    assert run.status == 0


def test_a_skip_names_what_the_processor_lacks() -> None:
    tests = {one.name: one for one in ktap(once("mode=selftest", "select=audit.*", timeout=120))}
    hlat = tests["audit.control.hlat.ept"]
    assert (hlat.good, hlat.directive) == (True, "SKIP")
    assert hlat.note == "needs tertiary.hlat (IA32_VMX_PROCBASED_CTLS3 bit 1)"
    assert all(one.note for one in tests.values() if one.directive == "SKIP")


def test_a_known_error_is_a_todo_with_its_words() -> None:
    tests = {one.name: one for one in ktap(once("mode=selftest", "select=audit.*", timeout=120))}
    debugctl = tests["audit.guest.debugctl.reserved"]
    assert (debugctl.good, debugctl.directive) == (False, "TODO")
    assert debugctl.note == "bochs-3.0, guest.debugctl.reserved: does not check it"


def test_each_known_error_shows_on_some_processor() -> None:
    """A row of the table that nothing meets would excuse what nobody has seen."""
    met, wanted = 0, 0
    for cpu in ("tigerlake", "sapphire_rapids", OLD_CPU):
        run = once("mode=selftest", "select=audit.*", cpu=cpu, timeout=120)
        (line,) = run.topic("selftest", "known errors of the emulator")
        rows = int(line.keys["rows"], 16)
        assert rows.bit_count() == int(line.keys["met"]) > 15
        met |= rows
        wanted = int(line.keys["of"])
    assert [row for row in range(wanted) if not met >> row & 1] == []
    assert met.bit_length() == wanted


def call_the_machine(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Lets a boot's command line say `word` in place of the launcher's machine=."""
    plain = rom.boot_lines

    def lines(work: Any, kernel: Any, image: Any, arguments: Sequence[str], modules: Any) -> Any:
        others = [one for one in arguments if not one.startswith("machine=")]
        return plain(work, kernel, image, [*others, *filter(None, [word])], modules)

    monkeypatch.setattr(harness, "boot_lines", lines)


def test_without_its_name_no_error_of_the_emulator_is_excused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {
        one.name
        for one in ktap(once("mode=selftest", "select=audit.*", timeout=120))
        if one.directive == "TODO"
    }
    for machine in ("", "machine=bochs-2.7"):
        call_the_machine(monkeypatch, machine)
        run = boot(args=["mode=selftest", "select=audit.*"], timeout=120)
        assert set(bad(ktap(run))) == known
        assert run.status == 1


def test_bochs_tells_an_access_to_a_guests_table_as_a_write_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (test,) = ktap(boot(args=["mode=selftest", "select=ept.table_access"]))
    assert (test.good, test.directive) == (False, "TODO")
    assert test.note.startswith("bochs-3.0: an access to a guest paging structure")
    call_the_machine(monkeypatch, "")
    run = boot(args=["mode=selftest", "select=ept.table_access"])
    (test,) = ktap(run)
    assert bad([test]) == ["ept.table_access"] and run.status == 1
    assert test.note == "the qualification is 0x82, wanted 0x83"


@pytest.mark.parametrize("cpu", ["tigerlake", OLD_CPU])
def test_twenty_thousand_random_states_without_a_disagreement(cpu: str) -> None:
    run = boot(args=["mode=selftest", "select=audit.random"], cpu=cpu, timeout=240)
    (test,) = ktap(run)
    assert test.name == "audit.random"
    (summary,) = run.topic("selftest", "random states")
    assert int(summary.keys["mutations"]) >= 20_000
    assert summary.keys["disagreements"] == "0"
    # All kinds of answers were met, in numbers.
    for kind in ("controls", "host", "guest", "accepted"):
        assert int(summary.keys[kind]) > 1000
    assert int(summary.keys["known-errors"]) > 0
    (known,) = run.topic("selftest", "known errors of the emulator")
    assert int(known.keys["met"]) > 5
    assert test.good and run.status == 0


def test_a_disagreement_is_printed_with_what_makes_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call_the_machine(monkeypatch, "")  # so Bochs's errors are not known
    # Not many more: a state that Bochs does not outlive is not avoided either.
    run = boot(args=["mode=selftest", "select=audit.random", "count=2000"], timeout=120)
    assert run.status == 1
    (summary,) = run.topic("selftest", "random states")
    # Each is printed: the first in full, the others in a line each.
    told = run.topic("selftest", "auditor and processor disagree")
    assert int(summary.keys["disagreements"]) == len(told) > 20
    assert all(one.keys["seed"] for one in told)
    assert all("fields" in one.keys for one in told[20:])
    first = run.topic("selftest", "auditor and processor disagree")[0]
    again = boot(
        args=["mode=selftest", "select=audit.random", "count=1", f"seed={first.keys['seed']}"]
    )
    (same,) = again.topic("selftest", "auditor and processor disagree")
    assert same.keys == first.keys
    assert again.topic("selftest", "changed")


def test_select_takes_some_and_a_plain_selftest_leaves_the_random_one_out() -> None:
    some = ktap(boot(args=["mode=selftest", "select=audit.guest.tr.*"]))
    assert {one.name for one in some} >= {"audit.guest.tr.type", "audit.guest.tr.ti"}
    assert all(one.name.startswith("audit.guest.tr.") for one in some)
    assert "audit.random" not in {
        one.name for one in ktap(once("mode=selftest", "select=audit.*", timeout=120))
    }
    none = boot(args=["mode=selftest", "select=nosuch.*"])
    assert ktap(none) == [] and none.status == 1
    assert none.result is not None
    assert none.result.keys["why"] == "selftest: no test has a name like that"


def test_what_the_selftest_took_it_gives_back_and_leaves_vmx_operation() -> None:
    run = once("mode=selftest", "select=audit.*", timeout=120)
    assert run.topic("vmx", "VMXOFF, CR4.VMXE clear")
    assert run.topic("memory", "not all was given back") == []
    assert run.topic("selftest", "the processor is not as before") == []
    assert run.result is not None
    assert run.result.keys["why"].startswith("selftest: ok ")


def test_a_processor_without_ept_skips_all_and_does_not_pass() -> None:
    run = boot(args=["mode=selftest"], cpu="core2_penryn_t9600")
    tests = {one.name: one for one in ktap(run)}
    assert all(one.directive == "SKIP" and "needs " in one.note for one in tests.values())
    assert "secondary.ept" in tests["primary.hlt"].note
    assert run.status == 1


def test_without_vt_x_there_is_a_sentence() -> None:
    run = boot(args=["mode=selftest"], cpu="ryzen")
    assert run.status == 1
    assert "KTAP" not in run.log
    assert run.result is not None and run.result.keys["why"] == "no VT-x"


@pytest.mark.parametrize("cpu", ["tigerlake", OLD_CPU, "corei7_haswell_4770"])
def test_ept_does_what_the_sdm_says(cpu: str) -> None:
    run = once("mode=selftest", "select=ept.*", cpu=cpu, timeout=60)
    tests = ktap(run)
    assert bad(tests) == []
    assert run.status == 0
    skipped = {one.name: one.note for one in tests if one.directive == "SKIP"}
    if cpu == "tigerlake":
        assert skipped == {"ept.invept_everywhere": "needs a second processor"}
    if cpu == OLD_CPU:
        assert skipped["ept.accessed_dirty"] == "needs IA32_VMX_EPT_VPID_CAP bit 21"
        assert skipped["ept.page_1g"] == "needs IA32_VMX_EPT_VPID_CAP bit 17"
        assert (
            skipped["ept.pml_full"] == "needs secondary.pml (IA32_VMX_PROCBASED_CTLS2 bit 17)"
        )
