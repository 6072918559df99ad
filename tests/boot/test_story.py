# SPDX-License-Identifier: BSD-2-Clause
"""Steps 1 to 8 of the flow as the log tells them: in, run, out, and once more."""

from __future__ import annotations

import re

import pytest
from harness import ALL_CPUS, CPUS, OLD_CPU, Run, once

ANY = pytest.mark.parametrize("cpu", ALL_CPUS)
BOTH = pytest.mark.parametrize("vm", [0, 1])


def story(cpu: str, vm: int) -> str:
    """The log of one VM, from VMXON's capabilities to the computation after VMXOFF."""
    first, second = once("guest=hlt", cpu=cpu).log.split("a second VM in the same boot")
    return (first, second)[vm]


@ANY
@BOTH
def test_each_step_is_a_line_and_they_stand_in_order(cpu: str, vm: int) -> None:
    steps = [
        r"vmx: .*VMXE.* cr0=0x[0-9a-f]+ cr4=0x[0-9a-f]+",  # 1: enter VMX operation
        r"vmx: VMXON region=0x[0-9a-f]+000$",
        rf"ept: mapped vm={vm} gpa=0x100000-0x163fff .*pages=100 rights=rwx type=wb",  # 2: EPT
        rf"ept: ready vm={vm} eptp=0x[0-9a-f]+ walk=4 type=wb ",
        rf"guest: filled with HLT vm={vm} pages=100 gpa=0x100000 ",  # 3: the guest's memory
        rf"vmx: controls vm={vm} pin=0x",  # 4: the VMCS
        rf"vmx: VMCLEAR, VMPTRLD vm={vm} vmcs=0x[0-9a-f]+000 ",
        rf"vmx: VMCS filled vm={vm} .*host-rip=0x[0-9a-f]+ host-rsp=0x[0-9a-f]+",
        rf"vm: .*VMLAUNCH.* vm={vm} ",  # 6: enter
        rf"exit: n=1 vm={vm} ",  # 7: exits
        rf"exit: n=16 vm={vm} ",
        rf"vm: left\b.* vm={vm}\b",  # 8: leave
        rf"vm: end vm={vm} ",
        rf"stat: vm={vm} .*reason=HLT count=16 ",
        r"vmx: VMXOFF, CR4.VMXE clear ",
        rf"memory: given back vm={vm} ",
        r"boot: back in ordinary code on the same processor",
    ]
    text, at = story(cpu, vm), 0
    for step in steps:
        found = re.compile(step, re.MULTILINE).search(text, at)
        assert found, f"{step} does not follow {text[max(0, at - 100) : at]!r}"
        at = found.end()


@ANY
@BOTH
def test_sixteen_hlts_fifteen_passed_over(cpu: str, vm: int) -> None:
    exits = once("guest=hlt", cpu=cpu).exits(vm)
    assert [one.keys for one in exits] == [
        {
            "n": str(n),
            "vm": str(vm),
            "vcpu": "0",
            "reason": "HLT",
            "code": "12",
            "rip": hex(0x100000 + n - 1),
            "len": "1",
            "action": "advance" if n < 16 else "stop",
        }
        for n in range(1, 17)
    ]


@ANY
def test_both_vms_end_well_and_the_result_is_their_sum(cpu: str) -> None:
    run = once("guest=hlt", cpu=cpu)
    for vm in (0, 1):
        expected = {"vm": str(vm), "vcpu": "0", "guest": "hlt", "why": "HLT"}
        assert run.end(vm).keys == {**expected, "exits": "16", "code": "0"}
    assert run.status == 0 and run.result is not None
    assert {key: run.result.keys[key] for key in ("status", "why", "exits", "guest")} == {
        "status": "pass",
        "why": "HLT",
        "exits": "32",
        "guest": "hlt",
    }


@ANY
def test_vmxe_is_set_before_vmxon_and_clear_after_vmxoff(cpu: str) -> None:
    told = [one for one in once("guest=hlt", cpu=cpu).topic("vmx") if "VMXE" in one.words]
    assert [one.words.startswith("VMXOFF") for one in told] == [False, True] * 2
    assert [int(one.keys["cr4"], 16) >> 13 & 1 for one in told] == [1, 0] * 2


@ANY
def test_all_pages_come_back_and_the_processor_computes_as_before(cpu: str) -> None:
    run = once("guest=tour", cpu=cpu)
    given_back = [one for one in run.topic("memory") if one.words == "given back"]
    assert [one.keys["vm"] for one in given_back] == ["0", "1"]
    for one in given_back:
        assert one.keys["difference"] == "0"
        assert one.keys["free-before"] == one.keys["free-after"]
    computed = [one.keys for one in run.topic("boot") if "ordinary code" in one.words]
    assert [(one["primes"], one["before"]) for one in computed] == [("168", "168")] * 2


@pytest.mark.parametrize("guest", ["tour", "triple", "cost"])
@pytest.mark.parametrize("cpu", CPUS)
def test_the_second_vm_is_always_hlt_and_is_as_the_first_of_a_boot(cpu: str, guest: str) -> None:
    run = once(f"guest={guest}", cpu=cpu)
    assert run.end(1).keys["guest"] == "hlt"

    def picture(one: Run, vm: int) -> list[dict[str, str]]:
        return [{**record.keys, "vm": ""} for record in one.exits(vm)]

    assert picture(run, 1) == picture(once("guest=hlt", cpu=cpu), 0)


@ANY
def test_rip_and_rsp_stand_within_the_guest_and_the_hosts_within_the_image(cpu: str) -> None:
    run = once("guest=hlt", cpu=cpu)
    filled = run.topic("vmx", "VMCS filled")[0].keys
    assert filled["guest-rip"] == "0x100000"
    assert 0x100000 <= int(filled["guest-rsp"], 16) <= 0x164000
    assert int(filled["host-rip"], 16) >= 0xFFFFFFFF80000000


def test_ept_uses_what_the_processor_has() -> None:
    old = once("guest=hlt", cpu=OLD_CPU).topic("ept", "ready")[0].keys
    new = once("guest=hlt", cpu="tigerlake").topic("ept", "ready")[0].keys
    assert (old["accessed-dirty"], new["accessed-dirty"]) == ("no", "yes")
    # Bits 2:0 write-back, 5:3 walk length less one, 6 accessed and dirty flags.
    assert int(old["eptp"], 16) & 0xFFF == 0x1E
    assert int(new["eptp"], 16) & 0xFFF == 0x5E


def test_what_a_cpu_refuses_is_named_with_its_msr() -> None:
    wanted = re.compile(r"vmx: ([a-z]+\.\w+) wanted, not supported \((IA32_VMX_\w+)\)")
    refused = set(wanted.findall(once("guest=hlt", cpu=OLD_CPU).log))
    assert ("secondary.invpcid", "IA32_VMX_PROCBASED_CTLS2") in refused
    newest = wanted.findall(once("guest=hlt", cpu="sapphire_rapids").log)
    assert newest == []


@ANY
def test_paging_and_the_machine_are_described(cpu: str) -> None:
    run = once("guest=hlt", cpu=cpu)
    (paging,) = run.topic("memory", "paging on")
    assert paging.keys["no-execute"] == "yes"
    expected = "2-MiB" if cpu.startswith("corei5") else "1-GiB"
    assert paging.keys["largest-page"] == expected
    assert run.topic("cpu")[0].keys["vendor"] == "GenuineIntel"
    acpi = {key: value for one in run.topic("acpi") for key, value in one.keys.items()}
    assert (acpi["processors"], acpi["s5"], acpi["unusable"]) == ("1", "yes", "0")


def test_processors_are_counted() -> None:
    run = once("guest=hlt", cpus=4)
    assert run.status == 0
    assert run.topic("acpi")[1].keys["processors"] == "4"


@ANY
@pytest.mark.parametrize("guest", ["hlt", "tour"])
def test_nothing_of_the_host_differs_after_a_vm(cpu: str, guest: str) -> None:
    left = once(f"guest={guest}", cpu=cpu).topic("vm", "left, host state restored and compared")
    assert [(one.keys["vm"], one.keys["differs"]) for one in left] == [("0", "none"), ("1", "none")]


@ANY
def test_hlt_takes_one_table_of_each_level(cpu: str) -> None:
    ready = once("guest=hlt", cpu=cpu).topic("ept", "ready")
    assert [(one.keys["walk"], one.keys["tables"]) for one in ready] == [("4", "4")] * 2
