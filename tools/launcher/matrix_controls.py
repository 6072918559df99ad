# SPDX-License-Identifier: BSD-2-Clause
"""The controls that the selftest is about: each has a scenario of its own name."""

from __future__ import annotations

import re

from . import REPOSITORY

_DEFINITIONS = REPOSITORY / "vmx/controls.def"
_ROW = re.compile(r'^CONTROL\(\w+, \w+, \d+, "([^"]+)", "([^"]+)"\)', re.MULTILINE)

# The processor-based controls that Lintel promises to show working. Here alone; what the SDM calls
# them says vmx/controls.def.
_PROMISED = {
    "primary": """
        interrupt_window tsc_offset hlt invlpg mwait rdpmc rdtsc cr3_load cr3_store cr8_load
        cr8_store tpr_shadow nmi_window mov_dr io_unconditional io_bitmap monitor_trap msr_bitmap
        monitor pause secondary""",
    "secondary": """
        apic_access ept descriptor_table rdtscp x2apic vpid wbinvd unrestricted apic_register
        virtual_interrupt pause_loop rdrand invpcid vmfunc vmcs_shadow encls rdseed pml ve
        conceal_pt xsaves mode_based_execute tsc_scaling""",
}
PROMISED = tuple(f"{group}.{name}" for group, names in _PROMISED.items() for name in names.split())


def titles() -> dict[str, str]:
    """All controls by their short names, with the SDM's, in the order of the table."""
    return dict(_ROW.findall(_DEFINITIONS.read_text(encoding="utf-8")))
