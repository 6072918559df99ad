/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the MTRRs' values to memory types. Pure. SDM vol. 3A, "MTRR Precedences".
 *
 * Nothing is listed beforehand: where the type may change next is computed from each range in a few
 * operations, whatever its mask, so that a run costs as much as the ranges that it passes.
 */
#include "ept/mtrr.h"

#include "kernel/string.h"

/* CPUID without leaf 80000008H means 36; paging structures have room for 52. */
#define DEFAULT_WIDTH 36U
#define LEAST_WIDTH   32U
#define MOST_WIDTH    52U

/* Steps of one mtrr_run(). Without holes there are at most 88 + 2 × 40. */
#define MOST_STEPS 1024

#define NEVER UINT64_MAX

static uint8_t legal(uint64_t type)
{
    bool reserved = type == 2 || type == 3 || type > MTRR_TYPE_WB;

    return reserved ? MTRR_TYPE_UC : (uint8_t)type;
}

static uint64_t address_mask(const struct mtrrs *mtrrs)
{
    return BITS(mtrrs->width - 1U, PAGE_SHIFT);
}

static void decode_variable(const struct mtrr_registers *registers, struct mtrrs *mtrrs)
{
    uint64_t count = FIELD_GET(MTRRCAP_COUNT, registers->capability);

    for (unsigned n = 0; n < MIN(count, MTRR_MOST_VARIABLE); n++) {
        uint64_t mask = registers->mask[n] & address_mask(mtrrs);

        if (registers->mask[n] & MTRR_MASK_VALID) {
            mtrrs->range[mtrrs->count++] = (struct mtrr_range){
                .base = registers->base[n] & mask,
                .mask = mask,
                .type = legal(FIELD_GET(MTRR_BASE_TYPE, registers->base[n])),
                .number = (uint8_t)n,
            };
        }
    }
}

void mtrr_decode(const struct mtrr_registers *registers, struct mtrrs *mtrrs)
{
    unsigned width = registers->physical_width;

    width = width == 0 ? DEFAULT_WIDTH : MIN(MAX(width, LEAST_WIDTH), MOST_WIDTH);
    *mtrrs = (struct mtrrs){.present = registers->present, .width = (uint8_t)width};
    if (!registers->present) {
        mtrrs->default_type = MTRR_TYPE_WB;
        return;
    }
    if (!(registers->default_type & MTRR_DEFAULT_ON)) {
        mtrrs->default_type = MTRR_TYPE_UC;
        return;
    }
    mtrrs->on = true;
    mtrrs->default_type = legal(FIELD_GET(MTRR_DEFAULT_TYPE, registers->default_type));
    mtrrs->fixed_on = (registers->default_type & MTRR_DEFAULT_FIXED) != 0 &&
                      (registers->capability & MTRRCAP_FIXED) != 0;
    for (unsigned i = 0; i < MTRR_FIXED_RANGES; i++) {
        mtrrs->fixed[i] = legal(registers->fixed[i / 8] >> i % 8 * 8 & 0xFF);
    }
    decode_variable(registers, mtrrs);
}

/* Which fixed range has `address`, below 1 MiB, and where it ends. */
static unsigned fixed_index(uint64_t address, uint64_t *end)
{
    unsigned shift = address < 0x80000 ? 16 : address < 0xC0000 ? 14 : 12;
    uint64_t area = shift == 16 ? 0 : shift == 14 ? 0x80000 : 0xC0000;
    unsigned before = shift == 16 ? 0 : shift == 14 ? 8 : 24;

    *end = ((address >> shift) + 1) << shift;
    return before + (unsigned)((address - area) >> shift);
}

static bool has(const struct mtrr_range *range, uint64_t address)
{
    return (address & range->mask) == range->base;
}

/* The SDM's rules for two types over one address; UC where it has none. As they are commutative and
 * associative, more than two are joined one by one. */
static unsigned join(unsigned one, unsigned other)
{
    if (one == other) {
        return one;
    }
    if ((BIT(one) | BIT(other)) == (BIT(MTRR_TYPE_WT) | BIT(MTRR_TYPE_WB))) {
        return MTRR_TYPE_WT;
    }
    return MTRR_TYPE_UC;
}

unsigned mtrr_type(const struct mtrrs *mtrrs, hpa_t hpa)
{
    uint64_t ignored;
    bool found = false;
    unsigned type = mtrrs->default_type;

    if (hpa.value >= BIT(mtrrs->width)) {
        return MTRR_TYPE_UC;
    }
    if (hpa.value < MTRR_FIXED_END && mtrrs->fixed_on) {
        return mtrrs->fixed[fixed_index(hpa.value, &ignored)];
    }
    for (unsigned i = 0; i < mtrrs->count; i++) {
        const struct mtrr_range *range = &mtrrs->range[i];

        if (has(range, hpa.value)) {
            type = found ? join(type, range->type) : range->type;
            found = true;
        }
    }
    return type;
}

/* The lowest bit of the mask is the size of the pieces that the range consists of. */
static uint64_t piece_of(const struct mtrrs *mtrrs, const struct mtrr_range *range)
{
    return range->mask == 0 ? BIT(mtrrs->width) : range->mask & -range->mask;
}

/* The first address behind `address`, which is not in the range, that is; NEVER: there is none. */
static uint64_t next_within(const struct mtrrs *mtrrs, const struct mtrr_range *range,
                            uint64_t address)
{
    uint64_t free = address_mask(mtrrs) & ~range->mask; /* bits that the range lets be anything */
    uint64_t differs = (address ^ range->base) & range->mask;
    uint64_t top = BIT(63 - __builtin_clzll(differs));
    uint64_t raised = top; /* the bit that goes from 0 to 1; what is above it stays */

    if (!(range->base & top)) {
        /* It is 1 and should be 0: a free 0 above it has to become 1. */
        uint64_t candidates = free & ~address & ~(top - 1);

        if (candidates == 0) {
            return NEVER;
        }
        raised = candidates & -candidates;
    }
    return (address & ~(raised | (raised - 1))) | raised | (range->base & (raised - 1));
}

/* The first address behind `address`, both within the width, where the type may be another. */
static uint64_t next_change(const struct mtrrs *mtrrs, uint64_t address)
{
    uint64_t next = BIT(mtrrs->width);

    if (address < MTRR_FIXED_END && mtrrs->fixed_on) {
        (void)fixed_index(address, &next);
        return next;
    }
    for (unsigned i = 0; i < mtrrs->count; i++) {
        const struct mtrr_range *range = &mtrrs->range[i];
        uint64_t change = has(range, address) ? (address | (piece_of(mtrrs, range) - 1)) + 1
                                              : next_within(mtrrs, range, address);

        next = MIN(next, change);
    }
    return next;
}

struct mtrr_run mtrr_run(const struct mtrrs *mtrrs, hpa_t hpa, uint64_t length)
{
    struct mtrr_run run = {mtrr_type(mtrrs, hpa), length};
    uint64_t at = hpa.value;

    for (unsigned step = 0; at < BIT(mtrrs->width); step++) {
        at = next_change(mtrrs, at);
        if (at - hpa.value >= length) {
            break;
        }
        if (step == MOST_STEPS || mtrr_type(mtrrs, HPA(at)) != run.type) {
            run.length = at - hpa.value;
            break;
        }
    }
    return run;
}

bool mtrr_has_holes(const struct mtrrs *mtrrs, const struct mtrr_range *range)
{
    return range->mask + piece_of(mtrrs, range) != BIT(mtrrs->width);
}

uint64_t mtrr_range_end(const struct mtrrs *mtrrs, const struct mtrr_range *range)
{
    return range->base + piece_of(mtrrs, range) - 1;
}

bool mtrr_conflict(const struct mtrrs *mtrrs, const struct mtrr_range **one,
                   const struct mtrr_range **other)
{
    for (unsigned i = 0; i < mtrrs->count; i++) {
        for (unsigned j = i + 1; j < mtrrs->count; j++) {
            const struct mtrr_range *a = &mtrrs->range[i];
            const struct mtrr_range *b = &mtrrs->range[j];

            if (((a->base ^ b->base) & a->mask & b->mask) == 0 && a->type != MTRR_TYPE_UC &&
                b->type != MTRR_TYPE_UC && join(a->type, b->type) == MTRR_TYPE_UC) {
                *one = a;
                *other = b;
                return true;
            }
        }
    }
    return false;
}

const char *mtrr_type_text(unsigned type)
{
    static const char *const texts[] = {"uc", "wc", "?", "?", "wt", "wp", "wb"};

    return type < ARRAY_SIZE(texts) ? texts[type] : "?";
}
