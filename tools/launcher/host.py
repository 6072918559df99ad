# SPDX-License-Identifier: BSD-2-Clause
"""Collects the description of this host that machine.py decides on."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
from pathlib import Path

from .machine import Host

_KVM_GET_API_VERSION = 0xAE00
_KVM_API_VERSION = 12
_KVM_GET_SUPPORTED_CPUID = 0xC008AE05  # _IOWR(0xAE, 0x05, struct kvm_cpuid2)
_CPUID_ENTRIES = 256  # KVM's own limit
_CPUID_ENTRY = struct.Struct("<10I")  # function, index, flags, eax, ebx, ecx, edx, padding
_CPUID_1_ECX_VMX = 1 << 5


def _vmx_flag(cpuinfo: str) -> bool:
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return "vmx" in value.split()
    return False


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def _offers_vmx(kvm: int) -> bool | None:
    request = bytearray(8 + _CPUID_ENTRIES * _CPUID_ENTRY.size)
    struct.pack_into("<I", request, 0, _CPUID_ENTRIES)
    try:
        fcntl.ioctl(kvm, _KVM_GET_SUPPORTED_CPUID, request)
    except OSError:
        return None
    (count,) = struct.unpack_from("<I", request)
    for i in range(min(count, _CPUID_ENTRIES)):
        entry = _CPUID_ENTRY.unpack_from(request, 8 + i * _CPUID_ENTRY.size)
        if entry[0] == 1:
            return bool(entry[5] & _CPUID_1_ECX_VMX)
    return False


def _ask_kvm() -> tuple[str, bool | None]:
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return "absent", None
    except PermissionError:
        return "denied", None
    except OSError:  # ENODEV, ENXIO: a node with no driver behind it
        return "broken", None
    try:
        if fcntl.ioctl(kvm, _KVM_GET_API_VERSION) != _KVM_API_VERSION:
            return "broken", None
        return "usable", _offers_vmx(kvm)
    except OSError:
        return "broken", None
    finally:
        os.close(kvm)


def collect() -> Host:
    device, offers = _ask_kvm()
    nested = _read("/sys/module/kvm_intel/parameters/nested")
    return Host(
        vmx_flag=_vmx_flag(_read("/proc/cpuinfo") or ""),
        kvm_device=device,
        kvm_offers_vmx=offers,
        nested=None if nested is None else nested.strip(),
        qemu=shutil.which("qemu-system-x86_64") is not None,
    )
