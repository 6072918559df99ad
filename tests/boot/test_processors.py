# SPDX-License-Identifier: BSD-2-Clause
"""Every processor: who is started, a VM where it is wanted, and several at once."""

import re

import pytest
from harness import CPUS, Run, boot

COUNTS = (1, 2, 4, 8)


def processors_of(run: Run, vm: int) -> set[int]:
    """The cpuN of all records that are about one VM."""
    return {one.cpu for one in run.records if one.keys.get("vm") == str(vm) and one.topic == "exit"}


@pytest.mark.parametrize("cpus", COUNTS)
def test_all_processors_are_started_and_offer_the_same(cpus: int) -> None:
    run = boot(args=["guest=hlt"], cpus=cpus)
    assert run.status == 0
    started = run.topic("cpu", "processors started")
    offering = run.topic("vmx", "processors that offer VT-x")
    if cpus == 1:
        assert started == [] and offering == []
        return
    assert [(one.keys["named"], one.keys["there"]) for one in started] == [(str(cpus), str(cpus))]
    assert [one.keys["alike"] for one in offering] == [str(cpus)]


@pytest.mark.parametrize(("cpus", "cpu"), [(n, i) for n in COUNTS for i in range(n)])
def test_the_vm_runs_on_the_processor_that_is_asked_for(cpus: int, cpu: int) -> None:
    run = boot(args=["guest=tour", f"cpu={cpu}"], cpus=cpus)
    assert run.status == 0 and run.end().keys["why"] == "HLT"
    assert processors_of(run, 0) == {cpu} == processors_of(run, 1)
    (given,) = (one for one in run.topic("memory", "given back") if one.keys["vm"] == "0")
    assert given.keys["difference"] == "0"


def test_a_processor_that_is_not_there_is_answered_by_those_that_are() -> None:
    run = boot(args=["cpu=4"], cpus=4)
    (complaint,) = run.topic("boot", "option")
    assert complaint.keys["word"] == "cpu=4"
    assert complaint.keys["says"] == "no such processor; there are: 0, 1, 2, 3"
    assert run.status == 0 and processors_of(run, 0) == {0}


@pytest.mark.parametrize("cpu", CPUS)
def test_several_vms_run_at_once_and_can_be_told_apart(cpu: str) -> None:
    run = boot(args=["vms=hlt,tour,triple,watch"], cpus=4, cpu=cpu)
    assert run.status == 0 and run.result is not None
    assert run.result.keys["guest"] == "hlt,tour,triple,watch"
    ends = {int(one.keys["vm"]): one for one in run.topic("vm", "end")}
    assert [ends[i].keys["guest"] for i in range(5)] == ["hlt", "tour", "triple", "watch", "hlt"]
    for vm in range(4):
        assert processors_of(run, vm) == {vm}
        numbers = [int(one.keys["n"]) for one in run.exits(vm)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) == int(ends[vm].keys["exits"])
    exits = [one.keys["vm"] for one in run.topic("exit")]
    assert exits != sorted(exits), "the VMs ran one after the other"
    (given,) = (one for one in run.topic("memory", "given back") if one.keys["vm"] == "0")
    assert given.keys["difference"] == "0"


def test_vms_begin_at_the_processor_that_is_asked_for() -> None:
    run = boot(args=["vms=hlt,hlt", "cpu=3"], cpus=4)
    assert run.status == 0
    assert processors_of(run, 0) == {3} and processors_of(run, 1) == {0}


def test_one_vm_that_fails_fails_the_run_and_the_others_go_on() -> None:
    run = boot(args=["vms=hlt,cost,hlt", "provoke=unhandled"], cpus=4)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"].startswith("unhandled exit RDTSC")
    assert [run.end(vm).keys["why"] for vm in (0, 2)] == ["HLT", "HLT"]


@pytest.mark.parametrize(
    ("vms", "why"),
    [
        ("hlt,hlt,hlt", "vms= needs more processors than there are, 2"),
        ("hlt,nonsense", "vms= names a guest that there is not: nonsense"),
        ("module", "vms= names a guest that there is not: module"),
    ],
)
def test_vms_that_cannot_be_end_the_run(vms: str, why: str) -> None:
    run = boot(args=[f"vms={vms}"], cpus=2)
    assert run.status == 1 and run.result is not None and run.result.keys["why"] == why
    assert run.exits() == []


@pytest.mark.parametrize("cpus", (1, 3))
def test_a_deaf_processor_costs_a_line_and_less_than_a_second(cpus: int) -> None:
    run = boot(args=["provoke=deaf"], cpus=cpus)
    (deaf,) = run.topic("cpu", "a processor that the MADT names does not answer, and is left")
    (started,) = run.topic("cpu", "processors started")
    assert deaf.keys["number"] == str(cpus)
    assert (started.keys["named"], started.keys["there"]) == (str(cpus + 1), str(cpus))
    before = run.records[run.records.index(deaf) - 1]
    assert deaf.seconds - before.seconds < 1
    assert run.status == 0


@pytest.mark.parametrize("cpu", (0, 2, 3))
def test_a_panic_on_any_processor_stops_the_others(cpu: int) -> None:
    run = boot(args=["guest=loop", f"cpu={cpu}", "provoke=exit", "limit=9"], cpus=4)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"].startswith("panic: #UD in ")
    assert {one.cpu for one in run.topic("panic")} == {cpu}
    assert "did not stop" not in run.log


def test_a_panic_is_heard_while_other_vms_run() -> None:
    run = boot(args=["vms=loop,hlt,loop", "provoke=exit", "limit=100000", "trace=off"], cpus=4)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"].startswith("panic: #UD in ")
    assert "did not stop" not in run.log


def test_lines_of_several_processors_stay_whole() -> None:
    run = boot(args=["vms=tour,tour,tour,tour"], cpus=4)
    for line in run.log.splitlines():
        assert re.match(r"\[\d{6}\.\d{6}\] cpu\d+ [a-z]+: ", line), line


@pytest.mark.parametrize("cpus", COUNTS)
@pytest.mark.parametrize("trace", ("live", "ring"))
def test_a_guest_starts_its_own_processors(cpus: int, trace: str) -> None:
    run = boot(args=["guest=smp", f"trace={trace}"], cpus=cpus)
    assert run.status == 0 and run.end().keys["code"] == "0"
    came = "all have come, and counted together"
    assert f"smp: {came if cpus > 1 else 'there is no other processor to start'}" in run.printed
    reasons: dict[int, list[str]] = {}
    for one in run.exits():
        reasons.setdefault(int(one.keys["vcpu"]), []).append(one.keys["reason"])
    assert sorted(reasons) == list(range(cpus))
    for vcpu in range(1, cpus):
        assert reasons[vcpu].count("CPUID") == (2 if vcpu == cpus - 1 else 1)
        assert "SIPI" in reasons[vcpu]
    if cpus > 1:
        assert "smp: the last one was started once more" in run.printed
        assert "INIT" in reasons[cpus - 1]
    assert {one.cpu for one in run.exits() if one.keys["vcpu"] == "0"} == {0}
    assert "nmis=" not in run.log


@pytest.mark.parametrize("cpu", CPUS)
def test_a_guest_of_many_begins_where_it_is_wanted(cpu: str) -> None:
    run = boot(args=["guest=smp", "cpu=2", "trace=ring"], cpus=4, cpu=cpu)
    assert run.status == 0 and run.end().keys["code"] == "0"
    where = {one.keys["vcpu"]: one.cpu for one in run.exits()}
    assert where == {"0": 2, "1": 3, "2": 0, "3": 1}


def test_two_guests_of_many_start_their_own_processors_alone() -> None:
    run = boot(args=["vms=smp,smp", "trace=ring"], cpus=4)
    assert run.status == 0
    for vm, cpus in ((0, {0, 1}), (1, {2, 3})):
        assert processors_of(run, vm) == cpus
        commands = [
            one.keys for one in run.topic("stat", "interrupt commands") if one.keys["vm"] == str(vm)
        ]
        assert [(one["delivered"], one["dropped"]) for one in commands] == [("6", "0")]


def test_a_vm_reaches_neither_memory_nor_processors_of_others() -> None:
    run = boot(args=["vms=spy,smp,spy", "trace=ring"], cpus=4, timeout=120)
    assert run.status == 0 and run.result is not None
    ends = {int(one.keys["vm"]): one.keys for one in run.topic("vm", "end")}
    assert [ends[vm]["code"] for vm in range(3)] == ["0", "0", "0"]
    for vm in (0, 2):
        (refused,) = (
            one.keys
            for one in run.topic("ept", "EPT violations, each refused")
            if one.keys["vm"] == str(vm)
        )
        assert int(refused["count"]) > 260_000
        (commands,) = (
            one.keys for one in run.topic("stat", "interrupt commands") if one.keys["vm"] == str(vm)
        )
        assert commands["delivered"] == "0" and int(commands["dropped"]) == 254 * 3 + 3
    violations = [one for one in run.exits(0) if one.keys["reason"] == "EPT_VIOLATION"]
    assert violations, "the ring has none of them"
    assert "nmis=" not in run.log


def test_an_exit_costs_the_same_however_many_processors_exit_at_once() -> None:
    # In Bochs, the TSC of several processors is the mean of their instructions: what one of them
    # does beside the others shows as a tick or two less. No exit costs more than alone.
    costs = {}
    for cpus in COUNTS:
        run = boot(args=["vms=" + ",".join(["cost"] * cpus), "trace=ring"], cpus=cpus)
        assert run.status == 0
        rows = [one.keys for one in run.topic("stat") if one.keys.get("reason") == "CPUID"]
        assert sorted(row["vm"] for row in rows) == [str(vm) for vm in range(cpus)]
        assert {row["count"] for row in rows} == {"64"}
        costs[cpus] = [int(row["max"]) for row in rows]
    for cpus in COUNTS:
        assert all(abs(one - costs[1][0]) <= costs[1][0] / 100 for one in costs[cpus])


def test_starting_a_processor_costs_at_most_100000_instructions() -> None:
    for cpus in COUNTS[1:]:
        run = boot(args=["guest=hlt"], cpus=cpus)
        records = [
            *run.topic("cpu", "processors started"),
            *run.topic("vmx", "processors that offer VT-x"),
            *run.topic("vmx", "VMX operation entered on the other processors too")[:1],
        ]
        assert len(records) == 3
        assert sum(int(one.keys["work"]) for one in records) <= 100_000 * (cpus - 1)


def test_ten_thousand_rounds_of_vms_give_back_every_page() -> None:
    run = boot(
        args=["mode=selftest", "select=processors.rounds", "count=10000"], cpus=4, timeout=300
    )
    assert run.status == 0
    assert re.search(r"^ok 1 processors\.rounds # rounds=10000 processors=4 ", run.log, re.M)


def test_signals_of_another_processor_make_the_guest_exit() -> None:
    run = boot(args=["mode=selftest", "select=e*v*"], cpus=2)
    assert run.status == 0
    names = ("event.init", "event.sipi", "event.sipi.unseen", "event.nmi_of_another")
    for name in (*names, "ept.invept_everywhere"):
        assert re.search(rf"^ok \d+ {re.escape(name)}$", run.log, re.M), name


def test_the_whole_selftest_passes_with_several_processors() -> None:
    run = boot(args=["mode=selftest"], cpus=2, timeout=120)
    assert run.status == 0
