/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of EPT's formats: the pointer, and entries that no mapping makes. SDM vol. 3C,
 * "Extended-Page-Table Pointer (EPTP)", "EPT Translation Mechanism", "EPT Misconfigurations".
 */
#include "kernel/image.h"
#include "selftest/rig.h"

extern const char code_ept_far[], code_ept_far_end[];
extern const char code_ept_far_write[], code_ept_far_write_end[];

#define LARGE (2 * MIB)

/* In 2 MiB of their own: code, stack and paging structures stand below. */
#define DISTANT       GPA(0x320000) /* ept_code.asm has it too */
#define DISTANT_LARGE ALIGN_DOWN(DISTANT.value, LARGE)

#define KNOWN UINT64_C(0x5EED)

/* The entry at `level` on the way to DISTANT. */
static uint64_t *entry_at(struct rig *rig, unsigned level)
{
    struct pt_walk walk = ept_walk(&rig->vm.ept, DISTANT);
    uint64_t *entries = pointer_to(walk.table[level]);

    return &entries[pt_index(level, DISTANT.value)];
}

/* What has been changed may be a memory type. */
static void settle(struct rig *rig)
{
    wbinvd();
    rig_invalidate(rig);
}

static void want_distant(struct rig *rig, uint64_t want)
{
    settle(rig);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read", rig_gpr(rig, RAX), want);
    }
}

static void point(struct rig *rig, uint64_t pointer)
{
    vmwrite(VMCS_EPT_POINTER, pointer);
    rig->vcpu->ept_pointer = pointer;
    settle(rig);
}

static void want_refused(struct rig *rig, uint64_t pointer)
{
    uint64_t good = rig->vcpu->ept_pointer;

    vmwrite(VMCS_EPT_POINTER, pointer);
    (void)rig_expect_refused(rig, VM_ERROR_CONTROLS);
    vmwrite(VMCS_EPT_POINTER, good);
}

/* Accessed flags are written if the pointer says so. */
static void want_accessed(struct rig *rig, uint64_t pointer)
{
    uint64_t *leaf = entry_at(rig, 1);

    *leaf &= ~(EPT_ACCESSED | EPT_DIRTY);
    point(rig, pointer);
    want_distant(rig, KNOWN);
    rig_want_bits(rig, "the entry's accessed flag", *leaf, EPT_ACCESSED,
                  pointer & EPTP_AD ? EPT_ACCESSED : 0);
}

static void pointer(struct rig *rig)
{
    const struct vmx_capabilities *capabilities = &rig->operation->capabilities;
    uint64_t can = capabilities->ept_vpid;
    uint64_t bare = rig->vcpu->ept_pointer & ~(EPTP_MEMORY | EPTP_AD);

    *(uint64_t *)rig_memory(rig, DISTANT) = KNOWN;
    rig_protect(rig, DISTANT, EPT_RWX);
    for (unsigned type = 0; type <= 7; type++) {
        bool good = (type == EPT_TYPE_UC && can & EPT_CAP_MEMORY_UC) ||
                    (type == EPT_TYPE_WB && can & EPT_CAP_MEMORY_WB);
        if (good) {
            want_accessed(rig, bare | type);
        } else {
            want_refused(rig, bare | type);
        }
    }
    bare = rig->vcpu->ept_pointer & ~EPTP_AD;
    if (can & EPT_CAP_AD) {
        want_accessed(rig, bare | EPTP_AD);
    } else {
        want_refused(rig, bare | EPTP_AD);
    }
    for (unsigned levels = 1; levels <= 8; levels++) {
        if (levels != 4 && !(levels == 5 && can & EPT_CAP_WALK_5)) {
            want_refused(rig, (bare & ~EPTP_WALK) | FIELD_PUT(EPTP_WALK, levels - 1));
        }
    }
    for (unsigned bit = 8; bit < PAGE_SHIFT; bit++) {
        want_refused(rig, bare | BIT(bit));
    }
    for (unsigned bit = capabilities->physical_width; bit < 64; bit++) {
        want_refused(rig, bare | BIT(bit));
    }
    want_distant(rig, KNOWN);
}

/* Where only the leaf and the PDE stand for DISTANT alone, the address is that of the access. */
static void want_misconfiguration(struct rig *rig, unsigned level, uint64_t value)
{
    uint64_t *entry = entry_at(rig, level);
    uint64_t good = *entry;

    *entry = value;
    rig_invalidate(rig);
    if (rig_expect(rig, EXIT_EPT_MISCONFIGURATION) && level <= 2) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value & ~(PAGE_SIZE - 1),
                 DISTANT.value);
    }
    *entry = good;
    rig_invalidate(rig);
}

static uint64_t with_type(uint64_t entry, unsigned type)
{
    return (entry & ~EPT_MEMORY) | FIELD_PUT(EPT_MEMORY, type);
}

static void reserved_bits(struct rig *rig)
{
    const struct vmx_capabilities *capabilities = &rig->operation->capabilities;
    uint64_t leaf;

    *(uint64_t *)rig_memory(rig, DISTANT) = KNOWN;
    rig_protect(rig, DISTANT, EPT_RWX);
    leaf = *entry_at(rig, 1);
    for (unsigned bit = capabilities->physical_width; bit < 52; bit++) {
        want_misconfiguration(rig, 1, leaf | BIT(bit));
    }
    want_misconfiguration(rig, 1, with_type(leaf, 2));
    want_misconfiguration(rig, 1, with_type(leaf, 3));
    want_misconfiguration(rig, 1, with_type(leaf, 7));
    want_misconfiguration(rig, 1, (leaf & ~EPT_RWX) | EPT_WRITE);
    want_misconfiguration(rig, 1, (leaf & ~EPT_RWX) | EPT_WRITE | EPT_EXECUTE);
    if (!(capabilities->ept_vpid & EPT_CAP_EXECUTE_ONLY)) {
        want_misconfiguration(rig, 1, (leaf & ~EPT_RWX) | EPT_EXECUTE);
    }
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t table = *entry_at(rig, level);

        for (unsigned bit = 3; bit < (level == 4 ? 8U : 7U); bit++) {
            want_misconfiguration(rig, level, table | BIT(bit));
        }
        if (capabilities->physical_width < 52) {
            want_misconfiguration(rig, level, table | BIT(capabilities->physical_width));
            want_misconfiguration(rig, level, table | BIT(51));
        }
        want_misconfiguration(rig, level, (table & ~EPT_RWX) | EPT_WRITE);
    }
    /* All other types, and bits that are ignored. */
    for (unsigned type = 0; type < 7; type++) {
        if (type != 2 && type != 3) {
            *entry_at(rig, 1) = with_type(leaf, type) | BIT(7) | BIT(11) | BITS(56, 52);
            want_distant(rig, KNOWN);
        }
    }
}

/* The guest's PAT does not count: to be seen by timing alone, so that it works is what is shown. */
static void ignore_pat(struct rig *rig)
{
    *(uint64_t *)rig_memory(rig, DISTANT) = KNOWN;
    rig_protect(rig, DISTANT, EPT_RWX);
    *entry_at(rig, 1) |= EPT_IGNORE_PAT;
    want_distant(rig, KNOWN);
    *entry_at(rig, 1) = with_type(*entry_at(rig, 1), EPT_TYPE_UC);
    want_distant(rig, KNOWN);
}

static uint64_t *distant_page(struct rig *rig)
{
    return rig_memory(rig, DISTANT);
}

/* A PDE with bit 7 set: bits 20:13 are reserved, and its rights are those of all its pages. */
static void page_2m(struct rig *rig)
{
    uint64_t good;

    *distant_page(rig) = KNOWN;
    rig_want(rig, "the level of the leaf", ept_walk(&rig->vm.ept, DISTANT).level, 2);
    if (rig->failed) {
        return;
    }
    good = *entry_at(rig, 2);
    rig_want_bits(rig, "bit 7 of the PDE", good, EPT_LEAF, EPT_LEAF);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what is read", rig_gpr(rig, RAX), KNOWN);
        rig_want(rig, "what is written", *distant_page(rig), KNOWN + 1);
        rig_want(rig, "what is written at the end of the page",
                 *((uint64_t *)rig_memory(rig, GPA(DISTANT_LARGE + LARGE - PAGE_SIZE)) + 511),
                 KNOWN + 1);
    }
    for (unsigned bit = 13; bit <= 20; bit++) {
        want_misconfiguration(rig, 2, good | BIT(bit));
    }
    want_misconfiguration(rig, 2, with_type(good, 7));
    *entry_at(rig, 2) = good & ~EPT_WRITE;
    rig_invalidate(rig);
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "guest-physical address", rig->exit->physical.value, DISTANT.value);
    }
}

/* Bit 12, too, which in the guest's own paging chooses a memory type. */
static void page_2m_bit_12(struct rig *rig)
{
    rig_want(rig, "the level of the leaf", ept_walk(&rig->vm.ept, DISTANT).level, 2);
    if (!rig->failed) {
        want_misconfiguration(rig, 2, *entry_at(rig, 2) | BIT(12));
    }
}

/* One PDE, by turns a page and a table, in which DISTANT is elsewhere. */
static void large_and_small(struct rig *rig)
{
    uint64_t *table = rig_host_page(rig);
    uint64_t page = *entry_at(rig, 2);

    rig_want_bits(rig, "bit 7 of the PDE", page, EPT_LEAF, EPT_LEAF);
    if (rig->failed) {
        return;
    }
    *distant_page(rig) = KNOWN;
    *(uint64_t *)rig_memory(rig, RIG_PAGE_A) = ~KNOWN;
    table[pt_index(1, DISTANT.value)] =
        hpa_of(rig_memory(rig, RIG_PAGE_A)).value | EPT_RWX | FIELD_PUT(EPT_MEMORY, EPT_TYPE_WB);
    for (unsigned turn = 0; turn < 2; turn++) {
        want_distant(rig, KNOWN);
        *entry_at(rig, 2) = hpa_of(table).value | EPT_RWX;
        want_distant(rig, ~KNOWN);
        *entry_at(rig, 2) = page;
    }
    want_distant(rig, KNOWN);
}

static const struct scenario scenarios[] = {
    {"ept.pointer", SCENARIO_CODE(ept_far), .run = pointer, .roomy = true},
    {"ept.reserved_bits", SCENARIO_CODE(ept_far), .run = reserved_bits, .roomy = true},
    {"ept.ignore_pat", SCENARIO_CODE(ept_far), .run = ignore_pat, .roomy = true},
    {"ept.page_2m", SCENARIO_CODE(ept_far_write), .run = page_2m, .roomy = true,
     .needs_ept = EPT_CAP_2M},
    {"ept.page_2m.bit_12", SCENARIO_CODE(ept_far), .run = page_2m_bit_12, .roomy = true,
     .needs_ept = EPT_CAP_2M,
     .known_wrong = {"bochs-3.0", "takes bit 12 of a PDE that maps 2 MiB for no reserved bit"}},
    {"ept.large_and_small", SCENARIO_CODE(ept_far), .run = large_and_small, .roomy = true,
     .needs_ept = EPT_CAP_2M},
};

SCENARIO_SUITE(selftest_ept_formats, scenarios);
