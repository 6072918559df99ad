# SPDX-License-Identifier: BSD-2-Clause
"""Which machine runs Lintel, decided from a recorded description of the host.

The presence of /dev/kvm proves nothing: on an AMD host, or where nesting is off, KVM runs guests
without VMX. So the decision is a pure function of what host.py collects.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import Refusal

KVM, BOCHS, TCG = "kvm", "bochs", "tcg"
NESTED = "nested"  # the chain of nested.py: KVM inside Bochs
MACHINES = (KVM, BOCHS, TCG, NESTED)


@dataclass(frozen=True)
class Host:
    """What decides. None in `kvm_offers_vmx` and `nested`: it could not be read."""

    vmx_flag: bool  # "vmx" among /proc/cpuinfo's flags
    kvm_device: str  # "absent", "denied", "broken" or "usable"
    kvm_offers_vmx: bool | None  # KVM_GET_SUPPORTED_CPUID's CPUID.1:ECX[5]
    nested: str | None  # /sys/module/kvm_intel/parameters/nested
    qemu: bool  # qemu-system-x86_64 is installed


@dataclass(frozen=True)
class Choice:
    machine: str
    why: str


def no_kvm(host: Host) -> str | None:
    """Why this host has no KVM with nested VMX, as a clause; None where it has."""
    if not host.vmx_flag:
        return "this processor shows no VT-x (no vmx flag in /proc/cpuinfo)"
    if host.kvm_device == "absent":
        return "there is no /dev/kvm"
    if host.kvm_device == "denied":
        return "/dev/kvm may not be opened by this user (its group is usually kvm)"
    if host.kvm_device != "usable":
        return "/dev/kvm does not answer as KVM"
    if host.nested is not None and host.nested not in ("Y", "1"):
        return f"nesting is off (kvm_intel.nested={host.nested})"
    if not host.kvm_offers_vmx:
        return "KVM offers its guests no VMX (CPUID.1:ECX[5] is clear)"
    return None


def choose(wanted: str, host: Host) -> Choice:
    """The machine for `--machine wanted`, and one clause that says why."""
    missing = no_kvm(host)
    if wanted == KVM:
        if missing is not None:
            raise Refusal(f"--machine kvm: not on this host: {missing}")
        return Choice(KVM, "asked for")
    if wanted in (BOCHS, TCG, NESTED):
        return Choice(wanted, "asked for")
    if missing is not None:
        return Choice(BOCHS, f"no KVM with nested VMX: {missing}")
    if not host.qemu:
        return Choice(BOCHS, "KVM offers nested VMX, but QEMU is not installed")
    return Choice(KVM, "KVM offers nested VMX")
