# SPDX-License-Identifier: BSD-2-Clause
"""The machine decision, against recorded hosts."""

from __future__ import annotations

import pytest
from launcher import Refusal
from launcher.host import _vmx_flag
from launcher.machine import BOCHS, KVM, NESTED, TCG, Host, choose

INTEL_NESTED = Host(True, "usable", True, "Y", True)
INTEL_NOT_NESTED = Host(True, "usable", False, "N", True)
INTEL_OLD_PARAMETER = Host(True, "usable", True, "1", True)
INTEL_IN_A_CONTAINER = Host(True, "usable", True, None, True)  # no /sys/module
INTEL_NO_DEVICE = Host(True, "absent", None, "Y", True)
INTEL_NO_PERMISSION = Host(True, "denied", None, "Y", True)
INTEL_DEAD_NODE = Host(True, "broken", None, None, True)
INTEL_SILENT_KVM = Host(True, "usable", None, "Y", True)
INTEL_UNREADABLE = Host(True, "usable", False, None, True)  # nor does KVM offer it
INTEL_PARAMETER_0 = Host(True, "usable", False, "0", True)
INTEL_NESTED_IN_NAME = Host(True, "usable", False, "Y", True)  # a guest that was given no VMX
INTEL_NO_QEMU = Host(True, "usable", True, "Y", False)
AMD_NESTED_SVM = Host(False, "usable", False, None, True)
AMD_WITHOUT_KVM = Host(False, "absent", None, None, True)
# /dev/kvm there, and no VMX behind it: an AMD guest with a paravirtual KVM, recorded on a machine
# on which Lintel was written.
AMD_VM = Host(False, "usable", False, None, True)
NOTHING = Host(False, "absent", None, None, False)

WITHOUT = {
    "not nested": (INTEL_NOT_NESTED, "nesting is off (kvm_intel.nested=N)"),
    "not nested, older kernel": (INTEL_PARAMETER_0, "nesting is off (kvm_intel.nested=0)"),
    "parameter unreadable": (INTEL_UNREADABLE, "offers its guests no VMX"),
    "nested in name": (INTEL_NESTED_IN_NAME, "offers its guests no VMX"),
    "no device": (INTEL_NO_DEVICE, "there is no /dev/kvm"),
    "no permission": (INTEL_NO_PERMISSION, "may not be opened"),
    "dead node": (INTEL_DEAD_NODE, "does not answer as KVM"),
    "silent": (INTEL_SILENT_KVM, "offers its guests no VMX"),
    "amd": (AMD_NESTED_SVM, "no VT-x"),
    "amd without kvm": (AMD_WITHOUT_KVM, "no VT-x"),
    "amd guest": (AMD_VM, "no VT-x"),
    "nothing": (NOTHING, "no VT-x"),
}


@pytest.mark.parametrize("host", [INTEL_NESTED, INTEL_OLD_PARAMETER, INTEL_IN_A_CONTAINER])
def test_auto_takes_kvm_where_it_offers_vmx(host: Host) -> None:
    choice = choose("auto", host)
    assert choice.machine == KVM
    assert "nested VMX" in choice.why
    assert choose(KVM, host).machine == KVM


@pytest.mark.parametrize(("host", "why"), WITHOUT.values(), ids=WITHOUT.keys())
def test_auto_takes_bochs_elsewhere_and_says_why(host: Host, why: str) -> None:
    choice = choose("auto", host)
    assert choice.machine == BOCHS
    assert why in choice.why


@pytest.mark.parametrize(("host", "why"), WITHOUT.values(), ids=WITHOUT.keys())
def test_kvm_by_force_is_refused_with_the_reason(host: Host, why: str) -> None:
    with pytest.raises(Refusal, match="--machine kvm") as refusal:
        choose(KVM, host)
    assert why in str(refusal.value)


def test_auto_without_qemu() -> None:
    choice = choose("auto", INTEL_NO_QEMU)
    assert choice.machine == BOCHS
    assert "QEMU is not installed" in choice.why


@pytest.mark.parametrize("wanted", [BOCHS, TCG, NESTED])
@pytest.mark.parametrize("host", [INTEL_NESTED, AMD_VM, NOTHING])
def test_what_is_asked_for_is_taken(wanted: str, host: Host) -> None:
    assert choose(wanted, host).machine == wanted


def test_the_flag_is_a_word_of_its_own() -> None:
    assert _vmx_flag("processor\t: 0\nflags\t\t: fpu vmx sse\n")
    assert not _vmx_flag("processor\t: 0\nflags\t\t: fpu svm avx512vmxyz\nvmx flags\t: vnmi\n")
    assert not _vmx_flag("")
