# SPDX-License-Identifier: BSD-2-Clause
"""The auditor on the way of a launch: what it says before, what the processor says, and whether a
person can tell from the log which field it was."""

from __future__ import annotations

import re

import pytest
from harness import REPOSITORY, Run, boot, once
from launcher import records

AUDIT_INSTRUCTIONS = 30_000  # the figure of a full audit, in Bochs


def rows() -> list[list[str]]:
    """The rows of docs/audit.md's tables of rules."""
    text = (REPOSITORY / "docs/audit.md").read_text()
    text = text[text.index("## The rules") : text.index("## Known errors")]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def fields_with_rules() -> list[str]:
    return sorted({name for row in rows() for name in re.findall(r"`(\w+)`", row[2])})


def known_rules() -> set[str]:
    """Rules that Bochs gets wrong: what it answers to them is its own affair."""
    text = (REPOSITORY / "docs/audit.md").read_text()
    return set(re.findall(r"\| bochs-3.0 \| `([\w.]+)`", text))


def findings(run: Run, vm: int = 0) -> list[records.Record]:
    """The findings; those of the other VM's launch come after its own record."""
    found: list[records.Record] = []
    for record in run.topic("audit"):
        if record.words == "checked before the launch":
            current = record.keys["vm"]
        elif "rule" in record.keys and "stage" in record.keys and "field" in record.keys:
            if "agreed" not in record.keys and current == str(vm):
                found.append(record)
    return found


def test_a_launch_is_audited_and_costs_what_is_promised() -> None:
    run = once()
    checked = run.topic("audit", "checked before the launch")
    assert [one.keys["vm"] for one in checked] == ["0", "1"]
    for one in checked:
        assert one.keys["broken"] == "0"
        assert int(one.keys["rules"]) == len(rows()) >= 300
        assert 1000 < int(one.keys["ticks"]) <= AUDIT_INSTRUCTIONS
    assert findings(run) == []


def test_the_auditor_names_the_field_that_the_processor_refuses() -> None:
    run = once("break=guest_tr_ar")
    assert run.status == 1
    (finding,) = findings(run)
    assert finding.words == "TR must be a busy 64-bit TSS in IA-32e mode"
    assert finding.keys == {
        "field": "guest_tr_ar",
        "value": "0x83",
        "found": "3",
        "want": "11",
        "stage": "guest",
        "rule": "guest.tr.type",
        "sdm": "Checks on Guest Segment Registers",
    }
    (failed,) = run.topic("vmx", "VM entry failed")
    assert failed.keys["stage"] == "guest"
    (word,) = [one for one in run.topic("audit") if "agreed" in one.keys]
    assert word.keys["agreed"] == "yes" and word.keys["rule"] == "guest.tr.type"
    # The verdict of both comes before the dump, and the dump shows the field in words.
    order = [one.words for one in run.records]
    assert order.index(finding.words) < order.index(word.words) < order.index("dump")
    dump = [one.keys for one in run.topic("vmx", "dump")]
    (tr,) = [one for one in dump if one.get("segment") == "tr"]
    assert tr["rights"] == "0x83" and tr["meaning"].startswith("busy 16-bit TSS")
    assert dump[0]["group"] == "controls"


def test_controls_and_host_state_are_refused_by_their_stage() -> None:
    for field, stage, error in (("vpid", "controls", "7"), ("host_tr_selector", "host", "8")):
        run = boot(args=[f"break={field}"])
        (refused,) = run.topic("vmx", "VM entry refused")
        assert (refused.keys["stage"], refused.keys["error"]) == (stage, error)
        (finding,) = findings(run)
        assert (finding.keys["field"], finding.keys["stage"]) == (field, stage)
        assert run.result is not None
        assert run.result.keys["why"] == f"VMLAUNCH refused: error {error}"
        assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))


def test_names_are_taken_in_any_case_and_several_by_comma() -> None:
    run = boot(args=["break=Guest_TR_AR,GUEST_RFLAGS:0"])
    assert {one.keys["field"] for one in findings(run)} == {"guest_tr_ar", "guest_rflags"}


def test_a_value_of_ones_own_is_taken() -> None:
    run = boot(args=["break=guest_cs_ar:0xa08b"])
    assert {one.keys["rule"] for one in findings(run)} == {"guest.cs.s"}
    assert run.status == 1


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nosuch", "there is no VMCS field of that name"),
        ("guest_rip:0x1zz", "after the colon a number of at most 64 bits"),
        ("guest_es_ar:0x1ffffffff", "wider than the field"),
        ("exit_reason:1", "read-only"),
        ("host_cr3:0x1000", "and the host lost"),
        ("executive_vmcs_pointer", "no rule stands on that field"),
        ("guest_pkrs", "does not have that field"),
        (":5", "there is no VMCS field of that name"),
        ("guest_rip:", "after the colon a number of at most 64 bits"),
    ],
)
def test_what_cannot_be_broken_is_said_and_left(word: str, says: str) -> None:
    run = boot(args=[f"break={word}"])
    (complaint,) = run.topic("audit", "not broken, as asked by the option break")
    assert complaint.keys["word"] == word
    assert says in complaint.keys["says"]
    assert run.status == 0 and findings(run) == []


def test_strict_stops_before_the_launch() -> None:
    run = boot(args=["break=guest_tr_ar", "audit=strict"])
    assert run.status == 1
    assert len(findings(run)) == 1
    assert run.exits() == [] and run.topic("vmx", "VM entry failed") == []
    assert run.result is not None
    assert run.result.keys["why"] == "audit=strict, broken rules: 1"
    assert {one.keys["group"] for one in run.topic("vmx", "dump")} >= {"controls", "host"}


def test_the_rule_that_is_broken_on_purpose_is_logged_among_many() -> None:
    run = boot(args=["break=guest_rflags:0x20002", "audit=strict"])
    rules = [one.keys["rule"] for one in run.topic("audit") if "stage" in one.keys]
    assert len(rules) > 16 and "guest.rflags.vm" in rules
    assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))


def test_switched_off_it_speaks_after_the_processor() -> None:
    run = boot(args=["break=guest_tr_ar", "audit=off"])
    assert run.topic("audit", "checked before the launch") == []
    names = [one.keys["rule"] for one in run.topic("audit") if "stage" in one.keys]
    assert names == ["guest.tr.type", "guest.tr.type"]  # the finding, then the processor's word
    assert "agreed=yes" in run.log
    assert boot(args=["audit=off"]).status == 0


def test_a_guest_that_is_entered_all_the_same_is_told() -> None:
    run = boot(args=["break=guest_debugctl"])  # Bochs does not check it
    (word,) = [one for one in run.topic("audit") if "agreed" in one.keys]
    assert word.keys["agreed"] == "no"
    assert "the processor entered the guest" in word.words
    assert run.end().keys["why"] == "HLT"


def test_a_refusal_that_no_rule_explains_is_told_in_plain_words() -> None:
    # Bochs wants more of this address than the SDM.
    shadow, delivery, posted = 1 << 21, 1 << 9, 1 << 7
    run = boot(args=[f"break={','.join(posted_interrupts(shadow, delivery, posted))}"])
    (word,) = [one for one in run.topic("audit") if "agreed" in one.keys]
    assert word.keys["agreed"] == "no" and word.keys["broken"] == "0"
    assert "maintainers" in run.log


def posted_interrupts(shadow: int, delivery: int, posted: int) -> list[str]:
    """A VMCS with posted interrupts whose descriptor is aligned to 64 bytes and no more."""
    shown = {}
    for record in once().topic("vmx", "controls"):
        if record.keys["vm"] == "0":
            shown.update(record.keys)
    return [
        f"primary_controls:{int(shown['primary'], 16) | shadow:#x}",
        f"secondary_controls:{int(shown['secondary'], 16) | delivery:#x}",
        f"pin_controls:{int(shown['pin'], 16) | posted:#x}",
        "posted_interrupt_descriptor:0x40",
        "tpr_threshold:0",
    ]


def test_a_failed_msr_load_names_its_entry() -> None:
    # Where no memory is, a processor reads ones; of that no MSR is made. The auditor cannot tell.
    run = boot(args=["break=entry_msr_load_count:1,entry_msr_load_address:0x8000000000"])
    (failed,) = run.topic("vmx", "VM entry failed on loading MSRs")
    assert (failed.keys["stage"], failed.keys["entry"]) == ("msr-load", "1")
    (word,) = [one for one in run.topic("audit") if "agreed" in one.keys]
    assert word.keys["agreed"] == "unknown"
    assert run.result is not None and run.result.keys["why"] == "VM entry failed: reason 34"


@pytest.mark.parametrize("field", fields_with_rules())
def test_every_field_with_a_rule_can_be_broken_and_is_named(field: str) -> None:
    """On a processor that has the field: tigerlake, else sapphire_rapids."""
    for cpu in ("tigerlake", "sapphire_rapids"):
        run = boot(args=[f"break={field}"], cpu=cpu)
        if run.topic("audit", "broken on purpose"):
            break
    else:
        (complaint,) = run.topic("audit", "not broken, as asked by the option break")
        assert "does not have that field" in complaint.keys["says"]
        pytest.skip("no CPU model of Bochs has it")
    broken = {one.keys["field"] for one in run.topic("audit", "broken on purpose")}
    found = findings(run)
    assert found, run.log
    assert field in broken | {one.keys["field"] for one in found}
    rule = run.topic("audit", "broken on purpose")[0].keys["rule"]
    assert rule in {one.keys["rule"] for one in found}
    (word,) = [one for one in run.topic("audit") if "agreed" in one.keys]
    if rule in known_rules() and word.keys["agreed"] == "no":
        return
    assert word.keys["agreed"] == "yes", run.log
    assert run.status == 1


@pytest.mark.parametrize("field", ["guest_tr_ar", "host_cr0:0"])
def test_an_entry_that_failed_counts_as_none(field: str) -> None:
    """No exit was paid for, and the time to the first entry is nobody's."""
    run = boot(args=[f"break={field}"])
    assert run.status == 1
    told = [one.keys for one in run.topic("stat")]
    assert {keys["vm"] for keys in told if "vm" in keys} == {"1"}
    assert [keys for keys in told if "work" in keys] == []
