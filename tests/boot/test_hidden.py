# SPDX-License-Identifier: BSD-2-Clause
"""What a guest sees of the processor: VMX is hidden, and what is emulated is as the SDM says."""

from __future__ import annotations

import pytest
from guests import GP, NO_FAULT, UD, assemble
from harness import CPUS, OLD_CPU, boot, once

ANY = pytest.mark.parametrize("cpu", CPUS)
VMX_MSRS = [0x3A, *range(0x480, 0x494)]


def look(*lines: str, cpu: str = "tigerlake", status: int = 0) -> dict[str, int]:
    run = once("trace=off", guest=assemble("IDT", *lines, "hlt"), cpu=cpu)
    assert run.status == status, run.log
    return run.shown


def cpuid(leaf: int, subleaf: int = 0) -> list[str]:
    return [
        f"mov rax, 0xFFFFFFFF00000000 + {leaf:#x}",
        f"mov ecx, {subleaf}",
        "cpuid",
        *(f'SHOW "{name}", {name}' for name in ("rax", "rbx", "rcx", "rdx")),
    ]


@ANY
def test_cpuid_hides_vmx_and_smx(cpu: str) -> None:
    found = look(*cpuid(1), cpu=cpu)
    assert not found["rcx"] & (1 << 5 | 1 << 6)
    assert found["rdx"] & 1  # and has the rest, such as an FPU
    assert all(value < 1 << 32 for value in found.values())


@ANY
def test_cpuid_gives_the_processors_own_name(cpu: str) -> None:
    found = look(*cpuid(0), cpu=cpu)
    name = b"".join(found[one].to_bytes(4, "little") for one in ("rbx", "rdx", "rcx"))
    assert name == b"GenuineIntel"


@pytest.mark.parametrize("cpu", CPUS[1:])
def test_osxsave_follows_the_guests_cr4(cpu: str) -> None:
    osxsave = 1 << 18
    enable = ["mov rax, cr4", f"or rax, {osxsave}", "mov cr4, rax"]
    assert not look(*cpuid(1), cpu=cpu)["rcx"] & 1 << 27
    assert look(*enable, *cpuid(1), cpu=cpu)["rcx"] & 1 << 27


@ANY
def test_vmx_msrs_are_general_protection(cpu: str) -> None:
    found = look(*(f'mov ecx, {msr}\nTRY "{msr:x}", rdmsr' for msr in VMX_MSRS), cpu=cpu)
    assert found == {f"{msr:x}": GP for msr in VMX_MSRS}
    writes = "xor eax, eax\nxor edx, edx\n"
    found = look(*(f'{writes}mov ecx, {msr}\nTRY "{msr:x}", wrmsr' for msr in VMX_MSRS), cpu=cpu)
    assert found == {f"{msr:x}": GP for msr in VMX_MSRS}


def test_the_fault_has_error_code_0_and_the_instructions_rip() -> None:
    found = look(
        "mov ecx, 0x3A",
        'TRY "vector", here: rdmsr',
        'SHOW "error", [fault_error]',
        "mov rax, [fault_rip]",
        "sub rax, here",
        'SHOW "off", rax',
    )
    assert found == {"vector": GP, "error": 0, "off": 0}


def test_without_an_idt_it_is_a_triple_fault() -> None:
    run = boot(guest=assemble("mov ecx, 0x3A", "rdmsr", "hlt"))
    assert run.status == 1 and "triple fault" in run.end().keys["why"]
    assert [one.keys["reason"] for one in run.exits()] == ["RDMSR", "TRIPLE_FAULT"]


VMX_INSTRUCTIONS = [
    "vmcall",
    "vmclear [0x200000]",
    "vmlaunch",
    "vmptrld [0x200000]",
    "vmptrst [0x200000]",
    "vmread rax, rbx",
    "vmresume",
    "vmwrite rax, rbx",
    "vmxoff",
    "vmxon [0x200000]",
    "invept rax, [0x200000]",
    "invvpid rax, [0x200000]",
    "vmfunc",
    "getsec",
]


@ANY
@pytest.mark.parametrize("instruction", VMX_INSTRUCTIONS)
def test_vmx_instructions_are_undefined(cpu: str, instruction: str) -> None:
    assert look(f'TRY "vector", {instruction}', cpu=cpu) == {"vector": UD}


@ANY
def test_cr4_reads_without_vmxe_and_refuses_it(cpu: str) -> None:
    found = look(
        "mov rax, cr4",
        'SHOW "before", rax',
        "or rax, 1 << 13",
        'TRY "vmxe", mov cr4, rax',
        "mov rax, cr4",
        'SHOW "after", rax',
        "or rax, 1 << 14",
        'TRY "smxe", mov cr4, rax',
        cpu=cpu,
    )
    assert found == {"before": 0x620, "vmxe": GP, "after": 0x620, "smxe": GP}


@ANY
def test_fixed_and_cache_bits_of_cr0_are_the_guests_as_far_as_it_sees(cpu: str) -> None:
    def change(name: str, line: str) -> list[str]:
        return ["mov rax, cr0", line, "mov cr0, rax", f'SHOW "{name}", cr0']

    found = look(
        *change("no_ne", "btr rax, 5"),
        *change("ne", "bts rax, 5"),
        *change("cd", "bts rax, 30"),
        *change("cd_nw", "bts rax, 29"),
        *change("none", "and eax, ~(3 << 29)"),
        *change("ts", "bts rax, 3"),
        "clts",
        'SHOW "clts", cr0',
        "mov ax, 1 << 3",
        "lmsw ax",
        'SHOW "lmsw", cr0',
        cpu=cpu,
    )
    normal = 0x80010033
    assert found == {
        "no_ne": normal & ~0x20,
        "ne": normal,
        "cd": normal | 1 << 30,
        "cd_nw": normal | 3 << 29,
        "none": normal,
        "ts": normal | 8,
        "clts": normal,
        "lmsw": normal & ~2 | 8,  # MP cleared, TS set, PE cannot be
    }


@ANY
@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("NW without CD", "bts rax, 29\nTRY 'v', mov cr0, rax"),
        ("PG without PE", "btr rax, 0\nTRY 'v', mov cr0, rax"),
        ("CR0 above 32 bits", "bts rax, 40\nTRY 'v', mov cr0, rax"),
        ("no PAE in long mode", "mov rax, cr4\nbtr rax, 5\nTRY 'v', mov cr4, rax"),
        ("CR4 reserved bit", "mov rax, cr4\nbts rax, 30\nTRY 'v', mov cr4, rax"),
        ("PG off in 64-bit code", "btr rax, 31\nTRY 'v', mov cr0, rax"),
    ],
)
def test_values_that_the_processor_would_refuse_are_refused(cpu: str, what: str, line: str) -> None:
    assert look("mov rax, cr0", line, cpu=cpu) == {"v": GP}, what


def msr(number: int, value: int, name: str) -> list[str]:
    return [
        f"mov ecx, {number:#x}",
        f"mov eax, {value & 0xFFFFFFFF:#x}",
        f"mov edx, {value >> 32:#x}",
        f'TRY "{name}_write", wrmsr',
        f"mov ecx, {number:#x}",
        "rdmsr",
        "shl rdx, 32",
        "or rax, rdx",
        f'SHOW "{name}", rax',
    ]


@ANY
def test_efer(cpu: str) -> None:
    found = look(
        *msr(0xC0000080, 0xD01, "sce"),
        *msr(0xC0000080, 0x901, "lma"),  # LMA is read-only
        *msr(0xC0000080, 0xC00, "lme"),  # LME off while paging is on
        *msr(0xC0000080, 0xD02, "reserved"),
        cpu=cpu,
    )
    assert (found["sce_write"], found["sce"]) == (NO_FAULT, 0xD01)
    assert (found["lma_write"], found["lma"]) == (NO_FAULT, 0xD01)
    assert found["lme_write"] == GP and found["reserved_write"] == GP


@ANY
def test_pat(cpu: str) -> None:
    good, bad = 0x0706050400010406, 0x0007040600070402
    found = look(*msr(0x277, good, "good"), *msr(0x277, bad, "bad"), cpu=cpu)
    assert (found["good_write"], found["good"]) == (NO_FAULT, good)
    assert (found["bad_write"], found["bad"]) == (GP, good)


@ANY
@pytest.mark.parametrize("number", [0xC0000081, 0xC0000082, 0xC0000102, 0x174, 0xC0000100])
def test_the_guests_own_msrs_need_no_exit(cpu: str, number: int) -> None:
    guest = assemble("IDT", *msr(number, 0x1234, "v"), "hlt")
    run = once(guest=guest, cpu=cpu)
    assert run.shown == {"v_write": NO_FAULT, "v": 0x1234}
    assert {one.keys["reason"] for one in run.exits()} == {"IO_INSTRUCTION", "HLT"}
    assert run.end(1).keys["exits"] == "16"


@ANY
def test_the_tsc_can_be_set(cpu: str) -> None:
    assert 0 <= look(*msr(0x10, 0, "tsc"), cpu=cpu)["tsc"] < 100_000


@pytest.mark.parametrize("cpu", CPUS[1:])
def test_xsetbv_is_checked(cpu: str) -> None:
    def xsetbv(name: str, register: int, value: int) -> list[str]:
        return [
            f"mov ecx, {register}",
            f"mov eax, {value:#x}",
            "xor edx, edx",
            f'TRY "{name}", xsetbv',
        ]

    found = look(
        *xsetbv("without_osxsave", 0, 1),
        "mov rax, cr4",
        "or rax, 1 << 18",
        "mov cr4, rax",
        *xsetbv("x87", 0, 1),
        *xsetbv("sse", 0, 3),
        *xsetbv("none", 0, 0),
        *xsetbv("avx_without_sse", 0, 5),
        *xsetbv("register", 1, 1),
        "xor ecx, ecx",
        "xgetbv",
        'SHOW "xcr0", rax',
        cpu=cpu,
    )
    assert found == {
        "without_osxsave": UD,
        "x87": NO_FAULT,
        "sse": NO_FAULT,
        "none": GP,
        "avx_without_sse": GP,
        "register": GP,
        "xcr0": 3,
    }


@ANY
def test_a_single_step_over_an_emulated_instruction_traps_behind_it(cpu: str) -> None:
    found = look(
        'TRY "vector", call stepped',
        "mov rax, [fault_rip]",
        "sub rax, behind",
        'SHOW "off", rax',
        "hlt",
        "stepped: pushfq",
        "or qword [rsp], 0x100",
        "popfq",
        "cpuid",
        "behind: nop",
        "nop",
        "ret",
        cpu=cpu,
    )
    assert found == {"vector": 1, "off": 0}


@ANY
def test_invd_is_harmless(cpu: str) -> None:
    found = look("mov qword [0x200000], 7", "invd", 'SHOW "kept", [0x200000]', cpu=cpu)
    assert found == {"kept": 7}


@ANY
def test_registers_that_an_exit_does_not_restore_are_the_hosts_again(cpu: str) -> None:
    guest = assemble(
        "mov rax, 0x1000",
        *(f"mov dr{n}, rax" for n in range(4)),
        "mov rax, 0x700",
        "mov dr7, rax",
        "mov cr2, rax",
        *(
            f"mov ecx, {number:#x}\nmov eax, 0x5550\nxor edx, edx\nwrmsr"
            for number in (0xC0000081, 0xC0000082, 0xC0000084, 0xC0000102, 0x174)
        ),
        "hlt",
    )
    run = once(guest=guest, cpu=cpu)
    assert run.status == 0 and run.end(1).keys["exits"] == "16"


def test_general_registers_survive_an_exit() -> None:
    names = "rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
    guest = assemble(
        *(f"mov {name}, 0x1111111111111111 * {i + 1}" for i, name in enumerate(names)),
        "cpuid",
        "out 0x80, al",
        *(f"mov [saved + 8 * {i}], {name}" for i, name in enumerate(names)),
        *(f'SHOW "{name}", [saved + 8 * {i}]' for i, name in enumerate(names)),
        "hlt",
        "saved: times 16 dq 0",
    )
    run = once("trace=off", guest=guest, cpu=OLD_CPU)
    assert run.shown == {
        name: 0x1111111111111111 * (i + 1) % 2**64 for i, name in enumerate(names)
    }
