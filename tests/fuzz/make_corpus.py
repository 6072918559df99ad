#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the fuzzers to tests/fuzz/corpus/: small, valid inputs of each shape.

Run it after a change of a fuzzer's input, from anywhere, and commit what it writes.
"""

import pathlib
import re
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# --- options: the text itself ---------------------------------------------------------------------

OPTIONS = {
    "all": "/boot/lintel.elf guest=tour memory=32M cpu=0 mode=run trace=ring limit=0x1000 "
           "on-end=reboot console=com2,9600 console=0xe9f8 provoke=page machine=bochs-3.0 "
           "token=a.B-9_ exit-port=0x8900",
    "audit": "audit=strict break=guest_rip,guest_tr_ar:0x89,VPID:0",
    "walk": "walk=gpa:0x1000 walk=gva:0xFFFF800000000000 walk=gpa:0x0",
    "selftest": "mode=selftest select=audit.gu?st.* seed=0xffffffffffffffff count=20000",
    "bad": "what trace=loud memory=1 cpu=1 mode=bench on-end=monitor console=screen console=com1,7 "
           "guest= token=\" exit-port=0 select=[a] walk=gva:0 audit=1 break=x;y seed=1x vms=2 "
           f"count=-3 select={'?' * 48} break={'a:1,' * 40}",
    "twice": "mode=bench mode=caps trace=ring trace=off console=com1 console=com1,9600 "
             "console=com2 console=com3 console=com4 console=0x200 memory=1G memory=2097152 "
             "limit=18446744073709551615",
}

# --- Multiboot: a choice, then the memory at BASE -------------------------------------------------

BASE = 0x10000
MAP = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x100000, 0x7ee0000, 1), (0x7fe0000, 0x20000, 3),
       (0xfffc0000, 0x40000, 2), (0x100000000, 0x40000000, 1)]


def multiboot1(flags):
    """The information structure, followed by all that it points to."""
    parts = b""
    place = {}
    for name, data in {
        "line": b"lintel guest=module\0",
        "loader": b"GRUB 2.12\0",
        "module": b"/boot/guest.bin\0",
        "map": b"".join(struct.pack("<IQQI", 20, *entry) for entry in MAP),
    }.items():
        place[name] = BASE + 116 + len(parts)
        parts += data
    modules = BASE + 116 + len(parts)
    parts += struct.pack("<IIII", 0x200000, 0x200800, place["module"], 0)
    info = struct.pack("<IIIIIII", flags, 640, 0x1fb80, 0, place["line"], 1, modules)
    info += bytes(16) + struct.pack("<II", 24 * len(MAP), place["map"]) + bytes(12)
    info += struct.pack("<I", place["loader"]) + bytes(20)
    info += struct.pack("<QIIIBB", 0xe0000000, 4096, 1024, 768, 32, 1) + bytes(6)
    assert len(info) == 116
    return b"\0" + info + parts


def tag(kind, payload=b""):
    data = struct.pack("<II", kind, 8 + len(payload)) + payload
    return data + bytes(-len(data) % 8)


def multiboot2(tags):
    data = b"".join(tags) + tag(0)
    return b"\1" + struct.pack("<II", 8 + len(data), 0) + data


MAP_TAG = tag(6, struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *e, 0) for e in MAP))
MULTIBOOT = {
    "1-qemu": multiboot1(0x24f),
    "1-grub": multiboot1(0x1244),
    "1-map": multiboot1(0x40),
    "2-bios": multiboot2([
        tag(1, b"guest=module\0"), tag(2, b"GRUB 2.06\0"),
        tag(3, struct.pack("<II", 0x200000, 0x200800) + b"/boot/guest.bin\0"),
        tag(4, bytes(8)), MAP_TAG,
        tag(8, struct.pack("<QIIIBBH", 0xb8000, 160, 80, 25, 16, 2, 0)),
        tag(14, b"RSD PTR " + bytes(12))]),
    "2-uefi": multiboot2([
        tag(1, b"\0"), tag(12, bytes(8)), tag(14, bytes(20)), tag(15, bytes(36)),
        tag(17, bytes(8)), MAP_TAG]),
    "2-services": multiboot2([MAP_TAG, tag(18)]),
}

# --- ACPI: a choice, then the memory at BASE of fuzz_acpi.c; checksums are the fuzzer's to mend ---

ACPI_BASE = 0xffc00
ROOT, XSDT, FADT, MADT, DSDT = (ACPI_BASE + offset for offset in (0x40, 0x80, 0xc0, 0x1c0, 0x240))


def table(signature, body, revision=1):
    head = struct.pack("<4sIBB6s8s12x", signature, 36 + len(body), revision, 0, b"LINTEL", b"")
    return head + body


def acpi(choice, revision, fadt_length, aml):
    memory = bytearray(0x400)  # what the search asks for at once

    def put(address, data):
        memory[address - ACPI_BASE:address - ACPI_BASE + len(data)] = data

    put(ACPI_BASE,
        struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"BOCHS ", revision, ROOT, 36, XSDT, 0))
    put(ROOT, table(b"RSDT", struct.pack("<II", FADT, MADT)))
    put(XSDT, table(b"XSDT", struct.pack("<QQ", MADT, FADT)))
    fadt = bytearray(table(b"FACP", bytes(244 - 36), 3))
    for offset, kind, value in [
            (40, "<I", DSDT), (48, "<I", 0xb2), (52, "<B", 0xf1), (64, "<I", 0xb004),
            (76, "<I", 0xb008), (89, "<B", 2), (91, "<B", 4), (112, "<I", 0x500),
            (116, "<I", 0x01000801), (120, "<Q", 0xcf9), (128, "<B", 0xf), (140, "<Q", DSDT),
            (172, "<I", 0x02001001), (176, "<Q", 0x604), (208, "<I", 0x03002001),
            (212, "<Q", 0x608)]:
        struct.pack_into(kind, fadt, offset, value)
    struct.pack_into("<I", fadt, 4, fadt_length)
    put(FADT, bytes(fadt[:fadt_length]))
    put(MADT, table(b"APIC", struct.pack("<II", 0xfee00000, 1)
                    + bytes([0, 8, 0, 0, 1, 0, 0, 0]) + bytes([0, 8, 1, 2, 2, 0, 0, 0])
                    + bytes([1, 12]) + bytes(10)
                    + struct.pack("<BBHIII", 9, 16, 0, 0x100, 1, 2)
                    + struct.pack("<BBHQ", 5, 12, 0, 0xfee00000)))
    put(DSDT, table(b"DSDT", aml))
    return bytes([choice]) + bytes(memory)


ACPI = {
    "old": acpi(1, 0, 116, b"\x08_S5_\x12\x06\x04\0\0\0\0"),
    "new": acpi(1, 2, 244, b"\x10\x20\x08\\_S5_\x12\x08\x04\x0a\x05\x0a\x07\0\0"),
    "words": acpi(1, 2, 244, b"\x08_S5_\x12\x48\x00\x02\x0b\x05\0\x01"),
    "loader": acpi(5, 2, 244, b"\x08_S5_\x12\x0c\x02\x0c\x05\0\0\0\x0c\x05\0\0\0"),
    "checksums": acpi(2, 2, 244, b""),
    "ebda": acpi(8, 0, 129, b""),
}

# --- The auditor: a machine, how memory answers, a mutation, edits of the machine -----------------

TOP = pathlib.Path(__file__).resolve().parents[2]
FIELDS = re.findall(r"^VMCS_FIELD\((\w+),", (TOP / "vmx" / "vmcs_fields.def").read_text(), re.M)
SANDBOX = 0x1f000000  # as in tests/audit_machine.h: MSRs in its page 1, a VMCS in 2, PDPTEs in 3
FIELD, PRESENCE, CAPABILITIES, FACTS, SANDBOX_PAGE = range(5)
WIDTHS = 0xff


def audit(machine, memory, mutation, *edits):
    return struct.pack("<BBH", machine, memory, mutation) + b"".join(
        struct.pack("<BBQ", part, FIELDS.index(where) if isinstance(where, str) else where, value)
        for part, where, value in edits)


AUDIT = {
    "tigerlake": audit(0, 1, 0),
    "old": audit(2, 3, 500),
    "all": audit(3, 3, 950, (FIELD, "GUEST_ACTIVITY", 1)),
    "bare": audit(5, 7, 100, (PRESENCE, "GUEST_RIP", 0), (FIELD, "GUEST_SYSENTER_EIP", 1 << 47)),
    "msrs": audit(1, 7, 940, (FIELD, "ENTRY_MSR_LOAD_ADDRESS", SANDBOX + 0x1000),
                  (FIELD, "ENTRY_MSR_LOAD_COUNT", 0xffffffff), (SANDBOX_PAGE, 1, 0x174)),
    "pdptes": audit(0, 1, 930, (FIELD, "SECONDARY_CONTROLS", 0), (FIELD, "ENTRY_CONTROLS", 0xd1ff),
                    (FIELD, "GUEST_CR3", SANDBOX + 0x3000), (SANDBOX_PAGE, 3, 3)),
    "link": audit(0, 1, 920, (FIELD, "VMCS_LINK_POINTER", SANDBOX + 0x2000), (SANDBOX_PAGE, 2, 5)),
    "event": audit(3, 0, 200, (FIELD, "ENTRY_INTERRUPTION_INFO", 0x80000b0d),
                   (FIELD, "ENTRY_EXCEPTION_ERROR_CODE", 0x10000), (FACTS, 9, 1)),
    "widths": audit(0, 2, 10, (CAPABILITIES, WIDTHS, 0xff00)),
    "controls": audit(4, 0, 3, (CAPABILITIES, 0xf0, (1 << 64) - 1), (CAPABILITIES, 1, 0)),
}

# --- Walks: choices, registers, then edits of the memory: fuzz_walk.c -----------------------------

WALK_BASE = 0x10000
READ, WRITE, FETCH, USER = 0, 1 << 24, 1 << 25, 1 << 26
ALL = 0x7f00  # what the processors can do
CR0, CR4_PAE, CR4_PSE, LONG = 0x80010001, 0x20, 0x10, 0xd00


def walk(choice, gva, cr4=CR4_PAE, efer=LONG, cr0=CR0, pointer=WALK_BASE | 0x1e, cr3=0x4000,
         pdptes=(0, 0, 0, 0), edits=()):
    """Four levels of EPT in pages 0 to 3 map guest-physical 4000H and 5000H to pages 4 and 5."""
    tables = [(512 * level, (WALK_BASE + 0x1000 * (level + 1)) | 7) for level in range(3)]
    tables += [(512 * 3 + page, (WALK_BASE + 0x1000 * page) | 0x37) for page in (4, 5)]
    return struct.pack("<IQQIQIHI4I", 7 | 7 << 16 | choice, pointer, gva, cr0, cr3, cr4, efer, 2,
                       *pdptes) + b"".join(struct.pack("<HQ", *edit) for edit in (*tables, *edits))


WALK = {
    # The guest's tables of four levels are all the one page 4000H, whose entry 0 is itself.
    "four": walk(ALL | READ, 0x5008, edits=[(512 * 4, 0x4027), (512 * 4 + 5, 0x5067)]),
    "five": walk(ALL | WRITE, 0x5008, cr4=CR4_PAE | 0x1000, edits=[(512 * 4, 0x4027)]),
    "user": walk(ALL | FETCH | USER, 0x5000, edits=[(512 * 4, 0x4005), (512 * 4 + 5, 0x5005)]),
    "large": walk(ALL | READ, 0x1234, edits=[(512 * 4, 0x87)]),
    "pae": walk(ALL | READ, 0x40005008, efer=0x800, pdptes=(0, 0x4001, 0, 0),
                edits=[(512 * 4, 0x5007), (512 * 5 + 5, 0x8000000000005007)]),
    "old": walk(ALL | READ, 0x5008, cr4=CR4_PSE, efer=0,
                edits=[(512 * 4, 0x4007), (512 * 4 + 2, 0x500700000000)]),
    "none": walk(ALL | WRITE, 0x5123, cr0=1),
    "violation": walk(READ, 0x5008, pointer=WALK_BASE | 0x5e, edits=[(512 * 3 + 4, 0x14035)]),
    "misconfiguration": walk(READ, 0x5008, edits=[(512 * 2, 0x13002)]),
    "mode": walk(ALL | FETCH, 0x5008, edits=[(512 * 3 + 5, 0x15433), (512 * 4, 0x4007)]),
}

# --- MTRRs: width, presence, bits of the probe; probe, length, the registers ----------------------

WB, WP = 6, 5


def mtrr(width, capability, default, fixed, pairs, probe=(0, 1 << 32)):
    values = [*probe, capability, default, *(kind * 0x0101010101010101 for kind in fixed)]
    for base, mask in pairs:
        values += [base, mask | 0x800]
    return struct.pack("<BBB", width, 1, 0) + struct.pack(f"<{len(values)}Q", *values)


LOW = [WB, WB, 0]
MTRR = {
    "bochs": mtrr(40, 0x508, 0xc06, LOW + [0] * 8, [(0xc0000000, 0xffc0000000)]),
    "qemu": mtrr(40, 0x508, 0xc06, LOW + [WP] * 8, [(0x80000000, 0xff80000000)]),
    "overlaps": mtrr(36, 0x50a, 0x800, LOW + [WP] * 8,
                     [(WB, 0xf80000000), (0x10000004, 0xff0000000), (0x18000001, 0xff8000000)]),
    "narrow": mtrr(39, 0x508, 0x800, [], [(WB, 0xf80000000)], (0x1000000000, 1 << 38)),
    "pieces": mtrr(46, 0x502, 0x806, [], [(0, 0x1000), (0x5000, 0x7000)], (0x123456, 1 << 40)),
    "off": mtrr(52, 0x5ff, 0x406, [], []),
}

for seed, text in OPTIONS.items():
    write("options", seed, text.encode())
for seed, content in MULTIBOOT.items():
    write("multiboot", seed, content)
for seed, content in ACPI.items():
    write("acpi", seed, content)
for seed, content in AUDIT.items():
    write("audit", seed, content)
for seed, content in WALK.items():
    write("walk", seed, content)
for seed, content in MTRR.items():
    write("mtrr", seed, content)
