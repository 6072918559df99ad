/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of sub-page write permissions: of a page that EPT makes read-only, pieces of 128 bytes
 * may be written. SDM vol. 3C, "Sub-Page Write Permissions".
 */
#include "ept/violation.h"
#include "kernel/image.h"
#include "selftest/rig.h"

extern const char code_spp[], code_spp_end[];

#define EPT_SUB_PAGE BIT(61) /* of an entry that maps 4 KiB */
#define SPPT_VALID   BIT(0)  /* of an entry above level 1 */
#define SPPT_LEVELS  4
#define SUB_PAGE     UINT64_C(0x80)

#define QUALIFICATION_MISS BIT(11) /* of an SPP-related event; else a misconfiguration */

/* Bit 2 n of the entry for the page lets sub-page n be written; odd bits are reserved. */
#define MAY_WRITE(n) BIT(2 * (n))

struct sub_pages {
    volatile uint64_t *entry[SPPT_LEVELS + 1]; /* on the way to PAGE_A's, by level; read by the
                                                  processor between two writes of ours */
};

static uint64_t index_at(unsigned level)
{
    return RIG_PAGE_A.value >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

/* A table that leads to PAGE_A alone, and makes its sub-page 1 writable. */
static bool begin(struct rig *rig, struct sub_pages *pages)
{
    uint64_t next = 0;
    uint64_t *leaf;

    for (unsigned level = 1; level <= SPPT_LEVELS; level++) {
        uint64_t *table = rig_host_page(rig);
        if (table == NULL) {
            return false;
        }
        pages->entry[level] = &table[index_at(level)];
        *pages->entry[level] = level == 1 ? MAY_WRITE(1) : next | SPPT_VALID;
        next = hpa_of(table).value;
    }
    vmwrite(VMCS_SPP_TABLE_POINTER, next);
    rig_protect(rig, RIG_PAGE_A, EPT_READ);
    leaf = rig_leaf(rig, RIG_PAGE_A);
    *leaf |= EPT_SUB_PAGE;
    rig_invalidate(rig);
    return !rig->failed;
}

static void want_violation(struct rig *rig, unsigned sub_page)
{
    if (rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "the guest-physical address", rig->exit->physical.value,
                 RIG_PAGE_A.value + sub_page * SUB_PAGE);
        rig_want_bits(rig, "the qualification", rig->exit->qualification, BITS(5, 0),
                      EPT_VIOLATION_WRITE | EPT_VIOLATION_READABLE);
    }
}

static void want_written(struct rig *rig, unsigned sub_page, uint64_t value)
{
    const uint8_t *page = rig_memory(rig, RIG_PAGE_A);

    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what was written", *(const uint64_t *)(page + sub_page * SUB_PAGE), value);
    }
}

static void spp(struct rig *rig)
{
    struct sub_pages pages;

    if (!begin(rig, &pages)) {
        return;
    }
    rig_set_gpr(rig, RDI, 0x1234);
    want_written(rig, 1, 0x1234);
    want_violation(rig, 2);
    *pages.entry[1] = MAY_WRITE(2);
    rig_invalidate(rig);
    want_written(rig, 2, 0x1234);
    want_violation(rig, 1);
    /* Without the control, bit 61 of the entry is ignored. */
    *pages.entry[1] = MAY_WRITE(1) | MAY_WRITE(2);
    rig_invalidate(rig);
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_SPP, false)) {
        want_violation(rig, 1);
    }
}

static void want_event(struct rig *rig, uint64_t qualification)
{
    if (rig_expect(rig, EXIT_SPP)) {
        rig_want(rig, "the guest-physical address", rig->exit->physical.value & ~(PAGE_SIZE - 1),
                 RIG_PAGE_A.value);
        rig_want_bits(rig, "the qualification", rig->exit->qualification, QUALIFICATION_MISS,
                      qualification);
    }
}

/* An entry above level 1 that is not valid, or whose reserved bits are set. */
static void events(struct rig *rig)
{
    struct sub_pages pages;

    if (!begin(rig, &pages)) {
        return;
    }
    rig_set_gpr(rig, RDI, 0x1234);
    for (unsigned level = SPPT_LEVELS; level > 1; level--) {
        uint64_t good = *pages.entry[level];

        *pages.entry[level] = 0;
        rig_invalidate(rig);
        want_event(rig, QUALIFICATION_MISS);
        *pages.entry[level] = good | BIT(1);
        rig_invalidate(rig);
        want_event(rig, 0);
        *pages.entry[level] = good;
    }
    rig_invalidate(rig);
    want_written(rig, 1, 0x1234);
}

/* Odd bits of the entry for the page are reserved. */
static void misconfigured_page(struct rig *rig)
{
    struct sub_pages pages;

    if (begin(rig, &pages)) {
        *pages.entry[1] = MAY_WRITE(1) | BIT(5);
        rig_invalidate(rig);
        want_event(rig, 0);
    }
}

#define NEEDS_SPP .needs = {{[CONTROL_SECONDARY] = SECONDARY_SPP}}

static const struct scenario scenarios[] = {
    {"secondary.spp", SCENARIO_CODE(spp), .run = spp, NEEDS_SPP},
    {"secondary.spp.events", SCENARIO_CODE(spp), .run = events, NEEDS_SPP},
    {"secondary.spp.reserved_bits", SCENARIO_CODE(spp), .run = misconfigured_page, NEEDS_SPP},
};

SCENARIO_SUITE(selftest_spp, scenarios);
