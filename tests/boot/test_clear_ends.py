# SPDX-License-Identifier: BSD-2-Clause
"""Machines on which Lintel cannot do its work: each says what is missing, and fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fastboot import rom
from harness import REPOSITORY, boot, once
from launcher import qemu, records

AMD = ["athlon64_clawhammer", "turion64_tyler", "phenom_8650_toliman", "zambezi", "ryzen"]


@pytest.mark.parametrize("cpu", AMD)
def test_an_amd_processor_is_told_by_name(cpu: str) -> None:
    run = once(cpu=cpu)
    assert run.status == 1 and run.result is not None
    assert run.result.keys["why"] == "no VT-x"
    assert "AMD" in run.topic("vmx")[-1].words and "SVM" in run.topic("vmx")[-1].words
    assert run.exits() == []


@pytest.mark.parametrize("guest", ["hlt", "tour"])
def test_no_ept_is_told_by_name(guest: str) -> None:
    run = once(f"guest={guest}", cpu="core2_penryn_t9600")
    assert run.status == 1
    assert run.result is not None and run.result.keys["why"] == "no EPT"
    assert run.end().keys["why"] == "no EPT" and run.end().keys["exits"] == "0"
    assert "secondary.ept" in " ".join(one.words for one in run.topic("ept"))
    # It left VMX operation as it should.
    assert "VMXOFF, CR4.VMXE clear" in run.log
    assert all(one.keys.get("difference", "0") == "0" for one in run.topic("memory"))


def test_a_processor_without_64_bit_mode_gets_its_sentence() -> None:
    run = boot(cpu="atom_n270", timeout=1.5)
    assert run.status != 0  # its result record has no token: 32-bit code reads no command line
    sentence, result = run.records
    assert "this processor has no 64-bit mode" in run.log and sentence.topic == "boot"
    assert result.topic == "result" and result.keys["status"] == "fail"


def no_vtx(log: str) -> None:
    (result,) = (one for one in records.parse(log) if one.topic == "result")
    assert (result.keys["status"], result.keys["why"]) == ("fail", "no VT-x")
    assert "software emulation (TCG) has no VT-x" in log


def test_qemus_software_emulation_is_told_by_name_from_the_iso() -> None:
    run = boot(machine="tcg")
    assert run.status == 1
    no_vtx(run.log)
    assert "firmware=bios" in run.log


def kernel_in_qemu(tmp_path: Path, *options: str) -> tuple[int, str]:
    """QEMU's own loader, -kernel: Multiboot 1."""
    serial = tmp_path / "serial"
    command = [
        qemu.PROGRAM,
        *qemu.arguments(
            "tcg",
            cpu="max",
            serial=["-serial", f"file:{serial}"],
            medium=["-kernel", str(REPOSITORY / "build/lintel.elf"), *options],
        ),
    ]
    done = subprocess.run(
        ["timeout", "-k", "2", "20", *command], stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode, serial.read_text()


def test_qemus_own_loader_brings_multiboot_1(tmp_path: Path) -> None:
    status, log = kernel_in_qemu(tmp_path, "-append", "guest=tour exit-port=0xf4 token=abc")
    no_vtx(log)
    assert "multiboot=1 firmware=bios" in log and "token=abc" in log
    assert "option word=" not in log  # the loader puts the file's path before the options
    assert status == 1  # isa-debug-exit: 2 * 0 + 1


def test_qemus_own_loader_brings_a_module(tmp_path: Path) -> None:
    guest = tmp_path / "guest.bin"
    guest.write_bytes(b"\xf4" * 5000)
    _, log = kernel_in_qemu(tmp_path, "-append", "exit-port=0xf4", "-initrd", str(guest))
    (module,) = (one for one in records.parse(log) if "module" in one.keys)
    assert module.keys["length"] == "5000"


def test_without_an_exit_port_the_machine_is_switched_off_by_acpi(tmp_path: Path) -> None:
    status, log = kernel_in_qemu(tmp_path, "-append", "guest=hlt")
    no_vtx(log)
    assert status == 0  # QEMU was switched off by its guest


def test_malformed_information_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rom, "_HAS_MEMORY_MAP", 0)
    run = boot(timeout=2)
    assert "memory map" in run.log
    assert "result: status=fail" in run.log
    assert run.exits() == []


def test_a_failed_entry_is_told_in_words() -> None:
    run = boot(args=["break=guest_tr_ar"])
    assert run.status == 1
    (failed,) = run.topic("vmx", "VM entry failed")
    assert failed.keys["meaning"] == "VM-entry failure due to invalid guest state"
    (only,) = [one for one in run.topic("exit") if one.keys["vm"] == "0"]
    assert (only.keys["reason"], only.keys["action"]) == ("ENTRY_FAILURE_GUEST", "stop")
    assert run.result is not None and run.result.keys["why"] == "VM entry failed: reason 33"
    assert all(one.keys["difference"] == "0" for one in run.topic("memory", "given back"))


def test_an_exit_that_nothing_handles_stops_the_vm_with_a_report() -> None:
    run = boot(args=["guest=cost", "provoke=unhandled"])
    assert run.status == 1
    (report,) = run.topic("vm", "the whole state after the exit")
    assert report.keys["reason"] == "RDTSC" and report.keys["title"] == "RDTSC"
    segments = [one.keys["segment"] for one in run.topic("vm", "state") if "segment" in one.keys]
    assert segments == "cs ss ds es fs gs ldtr tr".split()
    assert run.result is not None and run.result.keys["why"] == "unhandled exit RDTSC"


def test_what_was_taken_comes_back_where_the_guest_could_not_be_built() -> None:
    for args in (["memory=1024G", "guest=cost"], ["memory=1M", "guest=cost"]):
        run = boot(args=args)
        assert run.status == 1
        (back,) = run.topic("memory", "given back")
        assert back.keys["difference"] == "0"
